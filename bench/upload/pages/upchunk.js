// Mux's UpChunk with its defaults, to one resumable URL of the store.
import { createUpload } from "@mux/upchunk";
import { ask, contend } from "./harness.js";

contend(
  (file) =>
    new Promise((resolve, reject) => {
      const endpoint = async () => (await ask("/bench/sign", { method: "PUT", key: file.name })).url;
      const upload = createUpload({ endpoint, file });
      upload.on("success", resolve);
      upload.on("error", ({ detail }) => reject(new Error(detail.message)));
    }),
);
