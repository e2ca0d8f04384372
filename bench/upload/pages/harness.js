// What all pages share: a file input, and the moments a measurement needs. Wall time, to compare with the servers'.
const parameters = new URLSearchParams(location.search);

export const run = parameters.get("run");
export const store = parameters.get("store");
export const integrity = parameters.get("integrity") !== "off";

/** `upload(file)` resolves when the library says that the upload is done, and rejects when it gives up. */
export function contend(upload) {
  const bench = { ready: true, chosenAt: null, endedAt: null, error: null, samples: [] };
  window.bench = bench;
  const input = document.querySelector("input");
  input.addEventListener("change", async () => {
    bench.chosenAt = Date.now();
    try {
      await upload(input.files[0], bench);
    } catch (reason) {
      bench.error = String(reason?.message ?? reason);
    }
    bench.endedAt = Date.now();
  });
}

/** Asks the page's own server: what every library leaves to its user (sign, create, complete). */
export async function ask(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}
