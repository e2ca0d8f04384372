// The English texts that every page brings. `Words` is their type. Other languages have all texts (`AllWords`).
import { format } from "./en-format";
import { problems } from "./en-problems";

export const en = {
  site: {
    name: "Slipway",
    description: "Upload videos straight to storage and see what is in them.",
    home: "Slipway, your videos",
    account: (who: string) => `Your account, ${who}`,
    signedInAs: (email: string) => `Signed in as ${email}`,
    version: (version: string) => `Slipway ${version}`,
    titles: {
      home: "Your videos",
      login: "Sign in",
      register: "Create an account",
      account: "Account",
      video: "Video",
      notFound: "Not found",
    },
    unsupportedBrowser: (browsers: string) =>
      `Slipway doesn't support this browser. Turn on JavaScript, and use ${browsers}, or a newer version.`,
    needsJavaScript: {
      form: "This form works without JavaScript. To upload and to see your videos, turn it on.",
      else: "This page needs JavaScript to show your videos and your account. Turn it on and load the page again.",
    },
    tryAgain: "Try again",
    reload: "Reload the page",
    request: (id: string) => `Request ${id}`,
    unreachable: "Slipway isn't answering",
    failed: {
      title: "Something went wrong",
      page: "This page failed. Try again. If it fails again, reload the page.",
      site: "Slipway failed to load. Reload the page.",
    },
    notFound: {
      title: "Page not found",
      text: "The address is wrong, or the page has moved.",
      home: "Go to your videos",
    },
  },

  theme: {
    names: { system: "system", light: "light", dark: "dark" },
    current: (name: string) => `Theme: ${name}`,
    change: (name: string, next: string) => `Theme: ${name}. Change to ${next}.`,
  },

  auth: {
    email: "E-mail",
    password: "Password",
    showPassword: "Show password",
    signIn: {
      title: "Sign in",
      text: "Welcome back. Your videos are where you left them.",
      why: {
        ended:
          "Your session has ended, for example because you were away for a long time. Sign in again to continue.",
        deleted: "Your account is deleted. Its videos are being removed from the storage.",
      },
      forgotten: "Forgot your password? ",
      submit: "Sign in",
      pending: "Signing in…",
      newHere: "New here? ",
      register: "Create an account",
      closed: "New here? Ask the operator of this site for an account.",
    },
    register: {
      title: "Create an account",
      text: "Then drop in your first video.",
      closed: "Accounts can't be created here. Ask the operator of this site for one.",
      name: "Name ",
      optional: "(optional)",
      passwordHint: (min: number) =>
        `At least ${min} characters. A few words in a row are strong and easy to remember.`,
      submit: "Create account",
      pending: "Creating the account…",
      haveAccount: "Have an account? ",
      signIn: "Sign in",
    },
    signInAgain: {
      title: "Sign in to continue",
      text: "Your session has ended. Sign in again to continue the upload.",
      cancelUpload: "Cancel the upload",
    },
    signOut: {
      button: "Sign out",
      title: "Sign out?",
      pending: "Signing out…",
      stay: "Stay signed in",
      keepUploading: "Keep uploading",
      cancelAndSignOut: "Cancel and sign out",
      uploadRuns: "Your upload is still running. Signing out cancels it and discards what was sent.",
      uploadFailed: "Your upload isn't finished. Signing out cancels it and discards what was sent.",
      uploadUnconfirmed:
        "The server hasn't confirmed your upload yet. If it completes the upload, the video stays in your list.",
    },
  },

  problems,

  format,
};

export type Words = typeof en;
