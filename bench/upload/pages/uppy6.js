// Uppy 6.3 with its defaults; requests are signed by the page's server, one at a time as its API asks for.
import Uppy from "@uppy/core";
import AwsS3 from "@uppy/aws-s3";
import { ask, contend } from "./harness.js";

contend(
  (file) =>
    new Promise((resolve, reject) => {
      const uppy = new Uppy({ autoProceed: true });
      uppy.use(AwsS3, { signRequest: (request) => ask("/bench/sign", request) });
      uppy.on("complete", ({ failed }) =>
        failed.length > 0 ? reject(new Error(String(failed[0].error))) : resolve(),
      );
      uppy.addFile({ name: file.name, type: file.type, data: file, source: "bench" });
    }),
);
