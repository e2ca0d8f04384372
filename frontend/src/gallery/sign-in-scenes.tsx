// The pages for people who have not signed in, and those that say that something is wrong.
import ErrorPage from "@/app/error";
import { RegisterScreen } from "@/components/auth/register-screen";
import { SignInScreen } from "@/components/auth/sign-in-screen";
import { NotFoundScreen } from "@/components/not-found-screen";
import { SESSION_KEY } from "@/hooks/use-session";
import { POLICY_KEY } from "@/hooks/use-upload-policy";
import { refusal } from "./answers";
import { POLICY } from "./examples";
import { click, fill, type Scene, there } from "./scene";
import { known, type Seed, Stage } from "./stage";

const NOBODY = known(SESSION_KEY, null);
const CLOSED = known(POLICY_KEY, { ...POLICY, registration_open: false });

function signIn(...seeds: Seed[]) {
  return (
    <Stage seeds={[NOBODY, ...seeds]}>
      <SignInScreen />
    </Stage>
  );
}

function register(...seeds: Seed[]) {
  return (
    <Stage seeds={[NOBODY, ...seeds]}>
      <RegisterScreen />
    </Stage>
  );
}

async function submit(): Promise<void> {
  await fill("#email", "ada@example.com");
  await fill("#password", "correct horse");
  await click("[type=submit]");
}

// A posted form's refusals, which stay hidden, have an ID.
const refusedForm = () => there("[role=alert]:not(.not-target\\:hidden)");

export const SIGN_IN_SCENES = {
  "sign-in": { Draw: () => signIn() },
  "sign-in-ended": { query: { why: "ended" }, Draw: () => signIn(CLOSED) },
  "sign-in-refused": {
    Draw: () => signIn(),
    answers: { "POST /api/v1/auth/login": refusal(401, "invalid_credentials") },
    act: async () => {
      await submit();
      await refusedForm();
    },
  },
  register: { Draw: () => register() },
  "register-refused": {
    Draw: () => register(),
    answers: { "POST /api/v1/auth/register": refusal(422, "password_too_weak") },
    act: async () => {
      await submit();
      await refusedForm();
    },
  },
  "register-closed": { Draw: () => register(CLOSED) },
  "not-found": { Draw: NotFoundScreen },
  "page-failed": { Draw: () => <ErrorPage error={new Error()} reset={() => {}} /> },
} as const satisfies Readonly<Record<string, Scene>>;
