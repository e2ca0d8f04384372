// Gives components the one upload.
import { createContext, useContext } from "react";
import type { Dropped } from "@/hooks/use-file-drop";
import type { Upload } from "@/hooks/use-upload";
import { IDLE } from "@/lib/upload/rules/upload-state";
import type { Refusal } from "./choose-file";

export interface CurrentUpload extends Upload {
  /** Start the upload of a dropped or chosen file, or explain the refusal in `notice`. */
  readonly offer: (dropped: Dropped) => void;
  readonly notice: Refusal | null;
  readonly closeNotice: () => void;
  /** Whether the person asked for a notification at the end, and how to change that. */
  readonly notifies: boolean;
  readonly setNotifies: (notifies: boolean) => void;
  /** Open the sign-in dialog again after the user closed it. Null if the upload needs no sign-in. */
  readonly askSignIn: (() => void) | null;
}

/** There is none where nobody has signed in. */
export const NO_UPLOAD: CurrentUpload = {
  state: IDLE,
  uploader: null,
  offer: () => {},
  notice: null,
  closeNotice: () => {},
  notifies: false,
  setNotifies: () => {},
  askSignIn: null,
};

export const UploadContext = createContext(NO_UPLOAD);

export function useCurrentUpload(): CurrentUpload {
  return useContext(UploadContext);
}
