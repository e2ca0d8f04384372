import { expect, it } from "vitest";
import { invalidFields, refusedFields } from "./refused-fields";

it("names the fields that a code is about, in each form", () => {
  const refused = (code: Parameters<typeof refusedFields>[0]["code"]) => ({ code, facts: {} });
  expect(refusedFields(refused("invalid_credentials"), "sign_in")).toEqual(["email", "password"]);
  expect(refusedFields(refused("invalid_credentials"), "password")).toEqual(["current_password"]);
  expect(refusedFields(refused("email_taken"), "register")).toEqual(["email"]);
  expect(refusedFields(refused("network"), "register")).toEqual([]);
});

it("reads the fields that the API names", () => {
  const facts = {
    errors: [
      { loc: ["body", "email"], msg: "-" },
      { loc: ["body"], msg: "-" },
    ],
  };
  expect(refusedFields({ code: "validation_error", facts }, "register")).toEqual(["email"]);
});

it.each([[{}], [{ errors: "x" }], [{ errors: [null, {}, { loc: 1 }, { loc: ["body", 1] }] }]])(
  "finds no field in %j",
  (facts) => {
    expect(invalidFields(facts)).toEqual([]);
  },
);
