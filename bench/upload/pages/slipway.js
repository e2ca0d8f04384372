// Ours: the page's own engine, wired to the browser exactly as the page wires it.
import { createBrowserUploader } from "../../../frontend/src/lib/upload/browser/browser-upload";
import { Concurrency } from "../../../frontend/src/lib/upload/rules/concurrency";
import { contend, integrity } from "./harness.js";

// bench/thin_links.py sets this to measure the engine without its rule for slow links.
if (window.ignoresLinkSpeed) Concurrency.prototype.project = () => undefined;

const policy = await (await fetch("/api/v1/upload-policy")).json();
const uploader = createBrowserUploader(policy, { integrity });
// As the page does at the click that opens the file chooser.
if (integrity) uploader.warmUp();

contend(
  (file, bench) =>
    new Promise((resolve, reject) => {
      let secondSeen = 0;
      uploader.subscribe(() => {
        const state = uploader.getState();
        if (state.status === "done") resolve();
        if (state.status === "failed") reject(new Error(`${state.error.code}: ${state.error.detail}`));
        if (state.status !== "sending") return;
        // For the traces: bytes and the time left as a person reads it, ten times a second at most.
        const now = Date.now();
        if (now - secondSeen < 90) return;
        secondSeen = now;
        bench.samples.push([now, state.progress.bytesSent, state.progress.etaSeconds]);
      });
      uploader.start(file);
      window.report = () => uploader.failureReport();
    }),
);
