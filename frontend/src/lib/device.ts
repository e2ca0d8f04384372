// Names the program of a session in words that its user knows.
import Bowser from "bowser";
import type { AccountText } from "@/text/account-text";

// Returns like "Firefox on macOS". A program that is no browser goes by what it calls itself.
export function deviceName(t: AccountText, userAgent: string | null): string {
  if (!userAgent) return t.account.sessions.unknownDevice;
  const { browser, os } = Bowser.parse(userAgent);
  return browser.name && os.name ? t.account.sessions.device(browser.name, os.name) : userAgent;
}
