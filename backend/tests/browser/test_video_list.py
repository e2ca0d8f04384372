"""The list of videos is searched, sorted and scrolled, and its address and place survive a visit to a video."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Account
from tests.browser.seeding import seed_videos
from tests.engines.slipway import SlipwayProcess
from tests.waiting import wait_until

MAX_NODES = 1500


def test_search_and_order_survive_a_visit_and_a_reload(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    seed_videos(slipway, account.email, 12)
    main = signed_in.get_by_role("main")
    signed_in.reload()
    expect(main.get_by_text("12 videos", exact=True)).to_be_visible()
    signed_in.get_by_label("Search by name").fill("PART-1")
    signed_in.get_by_label("Sort by").select_option("Smallest first")
    expect(signed_in).to_have_url(re.compile(r"/\?q=PART-1&sort=smallest$"))
    expect(main.get_by_text("4 videos", exact=True)).to_be_visible()
    expect(signed_in.get_by_role("status").filter(has_text="4 videos")).to_have_count(1)
    found = signed_in.locator("main li")
    for return_to_list in (
        signed_in.go_back,
        signed_in.get_by_role("link", name="All videos").click,
        signed_in.reload,
    ):
        expect(found).to_have_count(4)
        expect(found.first).to_contain_text("part-1.mp4")
        if return_to_list != signed_in.reload:
            found.first.get_by_role("link").click()
            expect(signed_in.get_by_role("heading", name="part-1.mp4")).to_be_visible()
        return_to_list()
        expect(signed_in.get_by_label("Search by name")).to_have_value("PART-1")
    signed_in.get_by_label("Search by name").press("Escape")
    expect(signed_in).to_have_url(re.compile(r"/\?sort=smallest$"))
    expect(found).to_have_count(12)

    signed_in.get_by_label("Search by name").fill("no such name")
    expect(signed_in.get_by_text("No video matches")).to_be_visible()
    signed_in.get_by_role("button", name="Show all videos").click()
    expect(found).to_have_count(12)


def test_list_of_ten_thousand_videos_stays_small(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    seed_videos(slipway, account.email, 10_000)
    signed_in.reload()
    expect(signed_in.get_by_text("more than 1,000 videos")).to_be_visible()
    first = signed_in.locator("main li a").first
    first.focus()
    for position in (90, 190, 290, 390):
        row = scroll_to(signed_in, position)
        assert signed_in.evaluate("document.querySelectorAll('*').length") <= MAX_NODES
    # Its row is kept, because an element that is removed drops the focus.
    expect(signed_in.locator("main li a:focus")).to_contain_text("part-10000.mp4")

    row.get_by_role("link").click()
    signed_in.get_by_role("link", name="All videos").click()
    expect(row).to_be_in_viewport()
    signed_in.reload()
    expect(row).to_be_in_viewport()


def scroll_to(page: Page, position: int) -> Locator:
    """Turn the wheel until the list has this row. On a busy machine the list may pass it by between two looks."""
    row = page.locator(f'main li[aria-posinset="{position}"]')
    while row.count() == 0:
        last = page.locator("main li").last.get_attribute("aria-posinset")
        page.mouse.wheel(0, 2000 if int(last or 0) < position else -1000)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
    return row


def test_one_request_refreshes_all_loaded_rows(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    seed_videos(slipway, account.email, 250)
    signed_in.reload()
    last = scroll_to(signed_in, 250)
    expect(last).to_contain_text("part-1.mp4")
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url))
    with slipway.api(account.email, account.password) as api:
        (oldest,) = api.get("/videos", params={"sort": "oldest", "limit": 1}).json()["items"]
        api.delete(f"/videos/{oldest['id']}").raise_for_status()
        # The page asks again by itself when it is looked at, if its data is a few seconds old.
        wait_until(lambda: _is_gone_when_looked_at(signed_in, last), "the list is refreshed")
    expect(signed_in.get_by_text("249 videos", exact=True)).to_be_visible()
    lists = [url for url in asked if "/api/v1/videos" in url]
    assert lists
    assert [url for url in lists if "/videos/changes?since=" not in url] == []


def _is_gone_when_looked_at(page: Page, row: Locator) -> bool:
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
    return row.count() == 0


def test_notice_of_a_removal_leaves_the_bar_of_the_chosen_videos_free(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    seed_videos(slipway, account.email, 12)
    signed_in.reload()
    rows = signed_in.locator("main li")
    expect(rows).to_have_count(12)
    rows.first.get_by_role("checkbox").check()
    rows.nth(1).get_by_role("button", name="Delete").click()
    bar = signed_in.get_by_role("region", name="Chosen videos")
    notice = signed_in.get_by_role("region", name="Deleted videos")
    expect(notice.get_by_role("button", name="Undo")).to_be_focused()
    for width in (1280, 390, 320):
        signed_in.set_viewport_size({"width": width, "height": 800})
        signed_in.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
        above, below = notice.bounding_box(), bar.bounding_box()
        assert above is not None
        assert below is not None
        assert above["y"] + above["height"] <= below["y"], f"at {width} px"


def test_unfinished_upload_takes_two_lines_and_its_state_on_a_phone(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    seed_videos(slipway, account.email, 5, mixed=True)
    signed_in.set_viewport_size({"width": 390, "height": 800})
    signed_in.reload()
    row = signed_in.locator("main li").filter(has_text="Not finished")
    expect(row.get_by_text("Discard it if nothing sends it.")).to_be_visible()
    box = row.bounding_box()
    assert box is not None
    assert box["height"] <= 120
