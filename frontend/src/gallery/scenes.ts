// Every scene, by its name.
import { ACCOUNT_SCENES } from "./account-scenes";
import { LIST_SCENES } from "./list-scenes";
import type { Scene } from "./scene";
import { SIGN_IN_SCENES } from "./sign-in-scenes";
import { UPLOAD_SCENES } from "./upload-scenes";
import { VIDEO_SCENES } from "./video-scenes";

export const SCENES: Readonly<Record<string, Scene>> = {
  ...SIGN_IN_SCENES,
  ...UPLOAD_SCENES,
  ...LIST_SCENES,
  ...VIDEO_SCENES,
  ...ACCOUNT_SCENES,
};
