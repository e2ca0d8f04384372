// Uppy 5 with its defaults: six parts at once, each signed by the page's server.
import Uppy from "@uppy/core";
import AwsS3 from "@uppy/aws-s3";
import { ask, contend } from "../pages/harness.js";

contend(
  (file) =>
    new Promise((resolve, reject) => {
      const uppy = new Uppy({ autoProceed: true });
      uppy.use(AwsS3, {
        getUploadParameters: async () => ({
          ...(await ask("/bench/sign", { method: "PUT", key: file.name })),
          method: "PUT",
          headers: {},
        }),
        createMultipartUpload: () => ask("/bench/create", { key: file.name }),
        signPart: (_, { key, uploadId, partNumber }) =>
          ask("/bench/sign", { method: "PUT", key, uploadId, partNumber }),
        listParts: () => [],
        completeMultipartUpload: (_, { key, uploadId, parts }) =>
          ask("/bench/complete", { key, uploadId, parts }),
        abortMultipartUpload: () => undefined,
      });
      uppy.on("complete", ({ failed }) =>
        failed.length > 0 ? reject(new Error(String(failed[0].error))) : resolve(),
      );
      uppy.addFile({ name: file.name, type: file.type, data: file, source: "bench" });
    }),
);
