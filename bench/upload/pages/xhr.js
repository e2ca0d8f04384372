// Chromium alone: one signed URL, the whole file in one request, nothing retried.
import { ask, contend } from "./harness.js";

contend(async (file) => {
  const { url } = await ask("/bench/sign", { method: "PUT", key: file.name });
  await new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", url);
    xhr.onload = () => (xhr.status === 200 ? resolve() : reject(new Error(`status ${xhr.status}`)));
    xhr.onerror = () => reject(new Error("no answer"));
    xhr.send(file);
  });
});
