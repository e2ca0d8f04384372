// better-upload with its defaults: all parts signed in one answer and sent at once.
import { uploadFile } from "@better-upload/client";
import { contend } from "./harness.js";

contend((file) => uploadFile({ api: "/bench/better-upload", route: "video", file }));
