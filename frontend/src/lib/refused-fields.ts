// Tells which fields of a form the API refused.
import type { ApiError, ApiErrorCode } from "./api/errors";

const FIELDS = {
  sign_in: { invalid_credentials: ["email", "password"] },
  register: { email_taken: ["email"], password_too_weak: ["password"] },
  password: { invalid_credentials: ["current_password"], password_too_weak: ["new_password"] },
  end_session: { invalid_credentials: ["password"] },
  name: {},
  delete_account: { invalid_credentials: ["password"] },
} as const satisfies Record<string, Partial<Record<ApiErrorCode, readonly string[]>>>;

export type FormPlace = keyof typeof FIELDS;

/** Return the names of the fields, which are the API's too. */
export function refusedFields(
  { code, facts }: Pick<ApiError, "code" | "facts">,
  place: FormPlace,
): readonly string[] {
  if (code === "validation_error") return invalidFields(facts);
  const fields: Partial<Record<ApiErrorCode, readonly string[]>> = FIELDS[place];
  return fields[code] ?? [];
}

/** `errors` of a 422 names each field as `["body", "email"]`. */
export function invalidFields(facts: object): readonly string[] {
  const { errors } = facts as { readonly errors?: unknown };
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((item: { readonly loc?: unknown }) => {
    const name = Array.isArray(item?.loc) ? item.loc[1] : undefined;
    return typeof name === "string" ? name : [];
  });
}
