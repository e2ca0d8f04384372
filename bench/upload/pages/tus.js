// tus-js-client with its defaults, to @tus/server beside the store.
import { Upload } from "tus-js-client";
import { contend, run, store } from "./harness.js";

contend(
  (file) =>
    new Promise((resolve, reject) => {
      const upload = new Upload(file, {
        endpoint: `${store}/r/${run}/tus`,
        metadata: { filename: file.name },
        onSuccess: resolve,
        onError: reject,
      });
      upload.start();
    }),
);
