import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { failureText } from "@/text/failure-text";
import { latin1, POLICY } from "../testing";
import { checkContent } from "./check-file";
import { looksLike, sniff } from "./sniff";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly container: string | null;
  readonly refusal: string | null;
}

// The server's tests read the same file, so both checks follow the same rules.
const path = fileURLToPath(
  new URL("../../../../../backend/tests/vectors/leading_bytes.json", import.meta.url),
);
const vectors: Vector[] = JSON.parse(readFileSync(path, "utf8"));

describe("sniff", () => {
  it.each(vectors)("finds $container in $name", ({ hex, container }) => {
    expect(sniff(Uint8Array.from(Buffer.from(hex, "hex")))).toBe(container);
  });

  it("has an answer for any bytes", () => {
    const magic = fc.constantFrom("", "RIFF", "\x1a\x45\xdf\xa3", "\0\0\0\x14ftyp", "\0\0\x10\0moov");
    fc.assert(
      fc.property(magic, fc.uint8Array({ maxLength: 200 }), (start, rest) => {
        const bytes = Uint8Array.from([...latin1(start), ...rest]);
        expect([null, "mp4", "mov", "avi", "webm", "mkv"]).toContain(sniff(bytes));
        looksLike(bytes);
      }),
    );
  });
});

describe("checkContent", () => {
  const refused = vectors.filter((vector) => vector.refusal === "unsupported_container");

  it.each(refused)("refuses $name under any name, and says what is taken", ({ hex }) => {
    const failure = checkContent({ name: "a.mp4" }, Uint8Array.from(Buffer.from(hex, "hex")), POLICY);
    expect(failure).toMatchObject({ code: "unsupported_container", retryable: false });
    expect(failure && failureText(ALL_ENGLISH, failure.reason, "create")).toMatch(
      /^a\.mp4 is not a video that Slipway accepts\. Its first bytes are .+\. Slipway accepts /,
    );
  });

  const samples = {
    mp4: "\0\0\0\x14ftypisom\0\0\x02\0isom",
    mov: "\0\0\0\x14ftypqt  \0\0\x02\0qt  ",
    avi: "RIFF\x10\0\0\0AVI LIST",
    webm: "\x1a\x45\xdf\xa3\x8b\x42\x86\x81\x01\x42\x82\x84webm",
    mkv: "\x1a\x45\xdf\xa3\x8f\x42\x86\x81\x01\x42\x82\x88matroska",
  } as const;
  const families = [["mp4", "mov"], ["avi"], ["webm", "mkv"]];
  const pairs = Object.keys(samples).flatMap((named) =>
    Object.entries(samples).map(([content, bytes]) => ({ named, content, bytes })),
  );

  it.each(pairs)(
    "treats $content content under a .$named name by its family",
    ({ named, content, bytes }) => {
      const belongs = families.some((family) => family.includes(named) && family.includes(content));
      const failure = checkContent({ name: `a.${named}` }, latin1(bytes), POLICY);
      expect(failure?.code ?? null).toBe(belongs ? null : "content_type_mismatch");
    },
  );

  it("does not take what the server's policy leaves out", () => {
    const policy = { ...POLICY, containers: POLICY.containers.slice(0, 2) };
    expect(checkContent({ name: "a.mp4" }, latin1(samples.webm), policy)?.code).toBe("unsupported_container");
  });
});
