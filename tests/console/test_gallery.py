"""The gallery: what is there, how it is found, and what is done with many at once."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmarks.console import add_jobs
from playwright.sync_api import Locator, Page, expect

from support.browsing import LOCALES, THEMES, Locale, Theme, Visits, violations
from support.console_jobs import HOSTILE, failed, hold_until_true, made, submitted
from support.servers import Serving

PLAYS = "video => video !== null && !video.paused && video.currentTime > 0"


class Shelf(NamedTuple):
    """A server with jobs that the tests of this file leave as they are, newest first."""

    server: Serving
    hostile: str
    broken: str
    other: str  # of another model
    first: str


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Serving(tmp_path_factory.mktemp("shelf")) as server:
        first = made(server, "slow push in towards the cup")
        other = made(server, "Orbit left", model="happyhorse-1.0-i2v", duration=3)
        broken = failed(server, "never made")
        yield Shelf(server, made(server, HOSTILE), broken, other, first)


@pytest.fixture(scope="module")
def hundreds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with 300 jobs of one video."""
    folder = tmp_path_factory.mktemp("hundreds")
    with Serving(folder) as server:
        first = made(server)
        assert server.http.get(f"/v1/videos/{first}/content?variant=thumbnail").status_code == 200
    with ThreadPoolExecutor(1) as thread:  # this one has Playwright's loop
        thread.submit(lambda: asyncio.run(add_jobs(folder, first, 300))).result()
    with Serving(folder) as server:
        yield server


def gallery(visits: Visits, server: Serving, query: str = "", **looks: object) -> Page:
    return visits.open(f"{server.url}/#/gallery{query}", **looks)  # type: ignore[arg-type]


def cards(page: Page) -> Locator:
    return page.get_by_role("list", name="Videos and jobs").get_by_role("listitem")


def card(page: Page, job_id: str) -> Locator:
    return page.locator(f'[data-id="{job_id}"]')


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("locale", LOCALES)
def test_nobody_is_kept_out_of_the_gallery(
    visits: Visits, shelf: Shelf, theme: Theme, locale: Locale
) -> None:
    page = gallery(visits, shelf.server, theme=theme, locale=locale, is_phone=locale == "zh-CN")
    expect(page.locator(".tile img[data-there]")).to_have_count(3)
    card(page, shelf.first).get_by_role("checkbox").check()

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_was_made_stands_there_newest_first_with_what_it_is(
    visits: Visits, shelf: Shelf
) -> None:
    page = gallery(visits, shelf.server)
    expect(cards(page)).to_have_count(4)

    ids = [each.get_attribute("data-id") for each in cards(page).all()]
    assert ids == [shelf.hostile, shelf.broken, shelf.other, shelf.first]
    expect(card(page, shelf.other)).to_have_attribute("aria-posinset", "3")
    expect(card(page, shelf.other)).to_have_attribute("aria-setsize", "4")
    for text in ("Orbit left", "happyhorse-1.0-i2v", "camera", "3 s"):
        expect(card(page, shelf.other)).to_contain_text(text)
    expect(card(page, shelf.broken)).to_contain_text("Failed")
    expect(card(page, shelf.broken)).to_contain_text("nowhere.invalid")
    expect(card(page, shelf.hostile).locator("img")).to_have_js_property("complete", True)
    expect(page.get_by_text("4 jobs")).to_be_visible()


def test_a_prompt_is_text_whatever_it_says(visits: Visits, shelf: Shelf) -> None:
    page = gallery(visits, shelf.server)

    expect(card(page, shelf.hostile)).to_contain_text("<img src=x onerror")
    assert page.evaluate("window.hacked") is None


def test_a_video_plays_while_one_points_at_it_and_is_let_go_then(
    visits: Visits, shelf: Shelf
) -> None:
    page = gallery(visits, shelf.server)

    card(page, shelf.first).hover()
    expect(page.locator(".tile video")).to_have_js_property("muted", True)
    hold_until_true(page, f"({PLAYS})(document.querySelector('.tile video'))")
    card(page, shelf.other).hover()
    expect(card(page, shelf.first).locator("video")).to_have_count(0)
    expect(card(page, shelf.other).locator("video")).to_have_count(1)
    page.get_by_role("heading", level=1).hover()

    expect(page.locator("video")).to_have_count(0)


def test_nothing_plays_by_itself_where_that_is_not_wanted(visits: Visits, shelf: Shelf) -> None:
    page = gallery(visits, shelf.server, reduced_motion="reduce")

    card(page, shelf.first).hover()
    page.wait_for_timeout(600)

    expect(page.locator("video")).to_have_count(0)


def test_keys_lead_from_card_to_card(visits: Visits, shelf: Shelf) -> None:
    page = gallery(visits, shelf.server)
    expect(cards(page)).to_have_count(4)
    card(page, shelf.hostile).get_by_role("link").focus()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(card(page, shelf.other).get_by_role("link")).to_be_focused()
    hold_until_true(page, f"({PLAYS})(document.querySelector('.tile video'))")
    page.keyboard.press("Space")
    expect(card(page, shelf.other).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("End")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(shelf.first))
    page.go_back()
    expect(card(page, shelf.first)).to_be_visible()


def test_what_is_looked_for_stands_in_the_address_and_going_back_works(
    visits: Visits, shelf: Shelf
) -> None:
    page = gallery(visits, shelf.server)
    expect(cards(page)).to_have_count(4)

    page.get_by_label("Prompt", exact=True).fill("ORBIT")
    expect(cards(page)).to_have_count(1)
    expect(page).to_have_url(re.compile("prompt=ORBIT"))
    page.get_by_label("Prompt", exact=True).fill("")
    page.get_by_label("State").select_option("failed")
    expect(card(page, shelf.broken)).to_be_visible()
    expect(cards(page)).to_have_count(1)
    page.get_by_label("State").select_option("")
    page.get_by_label("Model").select_option("happyhorse-1.0-i2v")
    expect(card(page, shelf.other)).to_be_visible()
    page.get_by_label("From").fill("2031-01-01")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.go_back()
    expect(card(page, shelf.other)).to_be_visible()
    page.reload()
    expect(cards(page)).to_have_count(1)
    page.get_by_role("button", name="Clear filters").click()

    expect(cards(page)).to_have_count(4)


def test_an_empty_gallery_leads_to_make(own_server: Serving, visits: Visits) -> None:
    page = gallery(visits, own_server)

    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    page.get_by_role("link", name="Make a video").click()
    expect(page).to_have_url(re.compile("#/make"))


def test_a_job_comes_in_and_its_progress_is_seen(own_server: Serving, visits: Visits) -> None:
    page = gallery(visits, own_server)
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()

    job_id = submitted(own_server, "a longer one", size="1280x720", duration=5)

    bar = card(page, job_id).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"[1-9]\d?"))
    expect(card(page, job_id).locator("img[data-there]")).to_be_visible()
    expect(bar).to_have_count(0)
    expect(card(page, job_id)).to_contain_text("5 s")


def test_videos_come_as_one_zip_that_says_what_is_not_in_it(visits: Visits, shelf: Shelf) -> None:
    visits.allow("410")
    page = gallery(visits, shelf.server)
    expect(cards(page)).to_have_count(4)
    gone = {"error": {"code": "video_removed", "message": "the video was removed on Sunday"}}
    page.route(
        f"**/v1/videos/{shelf.other}/content",
        lambda route: route.fulfill(status=410, json=gone),
    )

    page.get_by_role("button", name="Select all").click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download zip").click()
    with zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes())) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}

    whole = shelf.server.http.get(f"/v1/videos/{shelf.first}/content").content
    [named] = [name for name in files if shelf.first in name]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_slow-push-in-towards-the-cup_[0-9a-f-]{36}\.mp4", named)
    assert files[named] == whole
    [hostile] = [name for name in files if shelf.hostile in name]
    assert re.fullmatch(r"[\w-]+\.mp4", hostile)
    assert "the video was removed on Sunday" in files["missing.txt"].decode()
    assert len(files) == 3
    expect(page.get_by_role("status")).to_contain_text(["", "1 videos could not be fetched"])


def test_a_zip_can_be_stopped(visits: Visits, shelf: Shelf) -> None:
    page = gallery(visits, shelf.server)
    expect(cards(page)).to_have_count(4)
    page.route(f"**/v1/videos/{shelf.first}/content", lambda _: None)  # never answered

    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Download zip").click()
    expect(page.get_by_role("progressbar", name="Fetching 2 of 3")).to_be_visible()
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped.")).to_be_visible()
    expect(page.get_by_role("button", name="Download zip")).to_be_visible()


def test_many_are_deleted_once_it_was_asked_for_twice(own_server: Serving, visits: Visits) -> None:
    ids = [failed(own_server, f"number {n}") for n in range(3)]
    page = gallery(visits, own_server)
    expect(cards(page)).to_have_count(3)

    card(page, ids[0]).get_by_role("checkbox").check()
    card(page, ids[2]).get_by_role("checkbox").click(modifiers=["Shift"])
    expect(page.get_by_text("3 selected")).to_be_visible()
    card(page, ids[1]).get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(cards(page)).to_have_count(3)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_text("2 deleted")).to_be_visible()
    expect(cards(page)).to_have_count(1)
    listed = own_server.http.get("/v1/jobs").json()["data"]
    assert [each["id"] for each in listed] == [ids[1]]


def test_a_video_that_is_kept_no_more_says_so(visits: Visits, shelf: Shelf) -> None:
    page = visits.open()

    def without_video(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        told = answer.json()
        told["data"][0]["video"]["is_removed"] = True
        route.fulfill(response=answer, json=told)  # type: ignore[attr-defined]

    page.route("**/v1/jobs?*", without_video)
    page.goto(f"{shelf.server.url}/#/gallery")

    expect(card(page, shelf.hostile)).to_contain_text("Removed: its time was over")
    expect(card(page, shelf.hostile).locator("img")).to_have_count(0)


def test_hundreds_have_room_and_a_few_of_them_are_in_the_page(
    hundreds: Serving, visits: Visits
) -> None:
    page = gallery(visits, hundreds)
    expect(page.get_by_text("300 jobs")).to_be_visible()
    expect(cards(page).first).to_have_attribute("aria-setsize", "300")
    room = page.get_by_role("list", name="Videos and jobs").bounding_box()
    assert room is not None
    assert room["height"] > 300 / 4 * 200

    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator('[aria-posinset="300"] img[data-there]')).to_be_visible()
    assert cards(page).count() < 60
    made(hundreds, "while one looks elsewhere")
    before = page.evaluate("scrollY")
    fresh = page.get_by_role("button", name="1 new")
    expect(fresh).to_be_visible()
    assert page.evaluate("scrollY") == before
    fresh.click()

    expect(page.locator('[aria-posinset="1"]')).to_contain_text("while one looks elsewhere")
    expect(page.get_by_text("301 jobs")).to_be_visible()
    page.locator('[aria-posinset="1"] a').focus()
    page.keyboard.press("End")
    expect(page.locator('[aria-posinset="301"] a')).to_be_focused()
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator('[aria-posinset="301"] a')).to_be_focused()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator('[aria-posinset="300"] img[data-there]')).to_be_visible()
    expect(page.locator('[aria-posinset="301"] a')).to_be_focused()
