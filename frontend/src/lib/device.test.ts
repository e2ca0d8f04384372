import { expect, test } from "vitest";
import { ALL_ENGLISH } from "@/text/all-english";
import { deviceName } from "./device";

test.each([
  [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Chrome on Linux",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Safari on iOS",
  ],
  [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Firefox on macOS",
  ],
  ["python-httpx/0.28.1", "python-httpx/0.28.1"],
  ["", "An unknown program"],
  [null, "An unknown program"],
])("names the program of %s", (userAgent, name) => {
  expect(deviceName(ALL_ENGLISH, userAgent)).toBe(name);
});
