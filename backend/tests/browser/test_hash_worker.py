"""Hashes many slices in the page's own worker in Chromium while the garbage collector runs."""

import hashlib
import random
from pathlib import Path

from playwright.sync_api import Page

from tests.waiting import wait_until

MIB = 1024 * 1024
FILE_BYTES = 64 * MIB
SLICES = 160
"""1.3 GiB in all."""

NOTE_WORKERS = """
window.__workers = [];
window.Worker = class extends Worker {
  constructor(...given) { super(...given); window.__workers.push(given); }
};
"""

# Eight slices wait at any time, as parts do.
HASH_ALL = """
async (ranges) => {
  const file = document.querySelector("#stress").files[0];
  const worker = new Worker(...window.__workers[0]);
  const found = [];
  await new Promise((resolve, reject) => {
    let next = 0;
    const order = () => {
      if (next === ranges.length) return;
      worker.postMessage({ id: next, slice: file.slice(...ranges[next]) });
      next += 1;
    };
    worker.onerror = reject;
    worker.onmessage = ({ data: { id, hash } }) => {
      found[id] = hash.hex ?? hash.kind;
      if (Object.keys(found).length === ranges.length) resolve();
      order();
    };
    for (let waiting = 0; waiting < 8; waiting += 1) order();
  });
  worker.terminate();
  return found;
}
"""

COLLECT_GARBAGE = (
    "setInterval(() => { for (let i = 0; i < 16; i += 1) new ArrayBuffer(1 << 20); self.gc?.(); }, 3)"
)


def test_worker_hashes_every_slice_while_garbage_is_collected(signed_in: Page, tmp_path: Path) -> None:
    chance = random.Random(20261128)  # noqa: S311  # the same slices in each run
    content = chance.randbytes(FILE_BYTES)
    (tmp_path / "file").write_bytes(content)
    ranges = []
    for _ in range(SLICES):
        start = chance.randrange(FILE_BYTES)
        ranges.append((start, min(FILE_BYTES, start + chance.randint(1, 16 * MIB))))
    signed_in.add_init_script(NOTE_WORKERS)
    signed_in.reload()
    with signed_in.expect_file_chooser():
        signed_in.get_by_role("button", name="Choose a video").click()
    wait_until(lambda: signed_in.evaluate("window.__workers.length > 0"), "the worker was made")
    signed_in.evaluate("document.body.insertAdjacentHTML('beforeend', '<input type=file id=stress>')")
    signed_in.set_input_files("#stress", tmp_path / "file")
    signed_in.on("worker", lambda worker: worker.evaluate(COLLECT_GARBAGE))

    found = signed_in.evaluate(HASH_ALL, ranges)

    assert found == [
        hashlib.md5(content[start:end], usedforsecurity=False).hexdigest() for start, end in ranges
    ]
