// What the page says in English when the API refuses.
import type { ProblemWords } from "./problems";

const NOT_FITTING =
  "This page and the server don't match. Slipway may have been updated. Reload the page, then try again.";
const CONTINUES = "When you try again, the upload continues where it stopped.";

export const problems: ProblemWords = {
  body_too_large: { else: NOT_FITTING },
  content_type_mismatch: {
    else: "The file's name doesn't match its content. Rename it so that its extension is right, then choose it again.",
  },
  csrf_rejected: {
    else: "The server doesn't recognise the address of this page. Open the page at its own address and try again. If this is its address, tell the operator.",
  },
  database_unavailable: {
    send: `Slipway's database isn't answering. Try again in a moment. ${CONTINUES}`,
    else: "Slipway's database isn't answering. Try again in a moment.",
  },
  email_taken: { else: "An account with this e-mail address exists. Sign in instead." },
  file_empty: { else: "This file is empty. Choose a video that has content." },
  file_too_large: {
    else: ({ limit }) =>
      limit === null
        ? "This file is larger than Slipway accepts. Choose a smaller one."
        : `This file is too large. Slipway accepts up to ${limit}. Choose a smaller file.`,
  },
  filename_invalid: { else: "Slipway doesn't accept this file's name. Rename the file and choose it again." },
  idempotency_conflict: { else: "The server mistook this upload for another one. Choose the file again." },
  installation_full: {
    else: "This site has too little space left for this file. Choose a smaller one, delete a video and try again in a minute, or ask the operator for more.",
  },
  internal_error: {
    send: `Something went wrong on the server. Try again. ${CONTINUES}`,
    else: "Something went wrong on the server. Try again. If it happens again, tell the operator.",
  },
  invalid_credentials: {
    password: "This password is wrong. Try again.",
    end_session: "This password is wrong. Try again.",
    delete_account: "This password is wrong. Try again.",
    else: "The e-mail address or the password is wrong. Check both and try again.",
  },
  malformed_request: { else: NOT_FITTING },
  method_not_allowed: { else: NOT_FITTING },
  network: {
    // The title says that the server isn't answering.
    session: "Check your connection and try again.",
    policy: "Check your connection and try again.",
    send: `The server isn't answering. Check your connection and try again. ${CONTINUES}`,
    else: "The server isn't answering. Check your connection and try again.",
  },
  not_authenticated: {
    list: "Your session has ended. Sign in again to update the list.",
    else: "Your session has ended. Sign in again.",
  },
  not_found: { end_session: "This session has already ended.", else: NOT_FITTING },
  overloaded: {
    send: `Slipway is busy. Try again in a moment. ${CONTINUES}`,
    else: "Slipway is busy. Try again in a moment.",
  },
  parts_incomplete: { else: "Some parts of the file didn't arrive. Choose the file again." },
  password_too_weak: {
    else: "This password is too short, too long, or too common. Choose another one.",
  },
  quota_exceeded: {
    else: ({ used, quota }) =>
      used === null || quota === null
        ? "Your space is too small for this file. Choose a smaller one, or delete a video and try again in a minute."
        : `Your space is too small for this file. You use ${used} of ${quota}. Choose a smaller file, or delete a video and try again in a minute.`,
  },
  rate_limited: {
    sign_in: ({ wait }) => `Too many attempts to sign in. ${later(wait)}`,
    password: ({ wait }) => `Too many wrong passwords. ${later(wait)}`,
    end_session: ({ wait }) => `Too many wrong passwords. ${later(wait)}`,
    delete_account: ({ wait }) => `Too many wrong passwords. ${later(wait)}`,
    else: ({ wait }) => `Too many requests. ${later(wait)}`,
  },
  registration_closed: { else: "Accounts can't be created here. Ask the operator of this site for one." },
  storage_unavailable: {
    send: `The video storage isn't answering. Try again in a moment. ${CONTINUES}`,
    else: "The video storage isn't answering. Try again in a moment.",
  },
  too_many_accounts: {
    else: "This site has reached its limit of accounts. Ask its operator for one.",
  },
  too_many_uploads: { else: "Too many uploads are open. Finish or discard one of them first." },
  too_many_videos: {
    else: ({ videos }) =>
      `You have reached the limit of ${videos === null ? "" : `${videos} `}videos. Delete some, for example failed ones, and try again in a few minutes.`,
  },
  unreadable_answer: {
    send: ({ status }) =>
      `The server answered ${status} without a reason. Try again in a moment. ${CONTINUES}`,
    else: ({ status }) => `The server answered ${status} without a reason. Try again in a moment.`,
  },
  unsupported_container: { else: "Slipway doesn't accept this kind of file. Choose a video." },
  validation_error: {
    sign_in: "The e-mail address or the password is wrong. Check both and try again.",
    register: ({ field }) =>
      field === "email"
        ? "This e-mail address can't be right. It needs a name, an @ and a domain, such as you@example.com."
        : field === "full_name"
          ? "This name has a character that can't be shown. Change the name and try again."
          : "The server doesn't accept this e-mail address or name. Check both and try again.",
    name: "This name has a character that can't be shown. Change the name and try again.",
    password: "The server doesn't accept this password. Choose another one.",
    video: "There is no such video. The address may be incomplete.",
    else: NOT_FITTING,
  },
  video_not_found: {
    create: "This upload was deleted or has expired. Try again to send it from the start.",
    send: "This upload was deleted or has expired. Try again to send it from the start.",
    follow: "This video was deleted.",
    else: "There is no such video. It may have been deleted.",
  },
  wrong_state: {
    create: "This upload was deleted or has expired. Try again to send it from the start.",
    send: "This upload was deleted or has expired. Try again to send it from the start.",
    else: "Slipway is still working on this video. Try again in a moment.",
  },
};

function later(wait: string | null): string {
  return wait === null ? "Try again later." : `Try again in ${wait}.`;
}
