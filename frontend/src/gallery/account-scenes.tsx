// The page of the account.
import { AccountScreen } from "@/components/account/account-screen";
import { SESSIONS_KEY } from "@/hooks/use-account";
import { ApiError } from "@/lib/api/errors";
import { refusal } from "./answers";
import { SESSIONS } from "./examples";
import { click, fill, type Scene, there } from "./scene";
import { known, refused, type Seed, Stage } from "./stage";

function account(...seeds: Seed[]) {
  return (
    <Stage seeds={seeds}>
      <AccountScreen />
    </Stage>
  );
}

export const ACCOUNT_SCENES = {
  account: { Draw: () => account(known(SESSIONS_KEY, SESSIONS)) },
  "account-refused": {
    Draw: () => account(refused(SESSIONS_KEY, new ApiError(503, "database_unavailable", "01hx4m6v"))),
    answers: { "POST /api/v1/auth/password": refusal(401, "invalid_credentials") },
    act: async () => {
      await fill("#current-password", "wrong horse");
      await fill("#new-password", "a ship leaves the slipway");
      await click("form:has(#current-password) [type=submit]");
      await there("form:has(#current-password) [role=alert]");
    },
  },
  "account-delete": {
    Draw: () => account(known(SESSIONS_KEY, SESSIONS)),
    act: () => click("main .grid > :last-child button"),
  },
} as const satisfies Readonly<Record<string, Scene>>;
