"""What the page says while an upload waits, and while it can't take another file."""

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import choose, wait_for_upload_status, wait_until_ready
from tests.browser.page_user import FILE_BYTES, make_file
from tests.browser.test_upload import hold

REFUSALS = 5

# Each time that a warning appears, and each sentence of the live region.
_RECORD = """
window.__warnings = 0;
window.__said = [];
const isWarning = (node) => node.querySelector?.("[data-slot=alert]") || node.matches?.("[data-slot=alert]");
new MutationObserver((changes) => {
  for (const { target, addedNodes } of changes) {
    if ([...addedNodes].some(isWarning)) window.__warnings += 1;
    const region = (target.parentElement ?? target).closest?.("p[role=status].sr-only") ?? null;
    // Two changes may arrive together, and both then read the second text.
    if (region !== null && region.textContent !== window.__said.at(-1)) window.__said.push(region.textContent);
  }
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


def test_outage_of_the_storage_is_shown_and_said_once(signed_in: Page, tmp_path: Path) -> None:
    signed_in.evaluate(_RECORD)
    refused = 0

    def refuse(route: Route) -> None:
        nonlocal refused
        if route.request.method != "PUT" or refused >= REFUSALS:
            return route.continue_()
        refused += 1
        return route.fulfill(status=503, headers={"access-control-allow-origin": "*"})

    signed_in.route(lambda url: "partNumber=" in url, refuse)
    choose(signed_in, make_file(tmp_path / "one-part.mp4", 3_000_000).path)
    wait_until_ready(signed_in)

    assert refused == REFUSALS
    assert signed_in.evaluate("window.__warnings") == 1
    said = signed_in.evaluate("window.__said")
    assert sum("can't take the video" in sentence for sentence in said) == 1
    assert len(set(said)) == len(said)


def test_notice_of_a_second_file_is_closed(signed_in: Page, tmp_path: Path) -> None:
    file = make_file(tmp_path / "large.mp4", FILE_BYTES)
    release = hold(signed_in, lambda url: "partNumber=3&" in url)
    choose(signed_in, file.path)
    wait_for_upload_status(signed_in, "sending")
    drop = """(heading) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["x"], "second.mp4"));
      for (const kind of ["dragenter", "dragover", "drop"])
        heading.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
    }"""
    heading = signed_in.get_by_role("heading", name="Your videos", exact=True)
    notice = signed_in.get_by_role("alert").filter(has_text="one video at a time")

    heading.evaluate(drop)
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Hide this notice").click()
    expect(notice).to_have_count(0)
    assert signed_in.evaluate("document.activeElement !== document.body")

    # What the upload waits for is the newer news.
    heading.evaluate(drop)
    expect(notice).to_be_visible()
    signed_in.context.set_offline(True)
    signed_in.evaluate("dispatchEvent(new Event('offline'))")
    expect(signed_in.get_by_text("You're offline").first).to_be_visible()
    expect(notice).to_have_count(0)
    signed_in.context.set_offline(False)
    release()
    wait_until_ready(signed_in)
