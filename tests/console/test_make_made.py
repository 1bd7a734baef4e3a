"""What can be done with a video on the screen Make once it is there, and what owners are told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from support.browsing import Visits, violations
from support.made_videos import (
    CHELSEA,
    WITHIN_MS,
    ask_for_a_small_one,
    choose,
    expect_to_play,
    make_button,
    runs,
)
from support.servers import Serving

PRICES = """
[money]
currency = "USD"

[models."wan2.7-i2v".prices]
"720P" = { per_second = "0.10" }
"1080P" = { per_second = "0.20" }
"""


@pytest.fixture
def page(visits: Visits, server: Serving) -> Page:
    """One that may write into the clipboard."""
    return visits.open(server.url, permissions=["clipboard-read", "clipboard-write"])


def made(page: Page, *, prompt: str) -> Locator:
    choose(page, CHELSEA)
    ask_for_a_small_one(page, prompt=prompt)
    make_button(page).click()
    run = runs(page).first
    expect_to_play(run.locator("video"))
    return run


def jobs_of(server: Serving, prompt: str) -> list[dict[str, Any]]:
    return list(server.http.get("/v1/jobs", params={"prompt": prompt}).json()["data"])


def test_a_video_is_downloaded_under_a_name_made_of_its_prompt(page: Page) -> None:
    run = made(page, prompt="push in: 推进!")

    with page.expect_download() as downloaded:
        run.get_by_role("link", name="Download").click()

    assert re.fullmatch(r"push-in-推进-[0-9a-f]{8}\.mp4", downloaded.value.suggested_filename)
    assert downloaded.value.path().read_bytes()[4:8] == b"ftyp"


def test_a_link_is_copied_that_needs_no_key_and_its_end_is_told(page: Page) -> None:
    run = made(page, prompt="a link of it")

    run.get_by_role("button", name="Link").click()

    expect(run.get_by_text("Good until")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    expect(run.get_by_role("textbox", name="Link")).to_have_value(link)
    assert httpx2.get(link).content[4:8] == b"ftyp"


def test_again_is_the_same_with_another_seed(page: Page, server: Serving) -> None:
    choose(page, CHELSEA)
    ask_for_a_small_one(page, prompt="once and again")
    page.get_by_label("Seed").fill("7")
    make_button(page).click()
    expect_to_play(runs(page).first.locator("video"))
    page.reload()  # the photo is the server's alone then

    runs(page).first.get_by_role("button", name="Again with another seed").click()

    expect(runs(page).filter(has_text="once and again").locator("video")).to_have_count(
        2, timeout=WITHIN_MS
    )
    again, first = jobs_of(server, "once and again")
    same = ("model", "duration_s", "size", "prompt")
    assert {name: again[name] for name in same} == {name: first[name] for name in same}
    assert first["seed"] == 7
    assert again["seed"] != 7


def test_its_last_frame_becomes_the_next_first_frame(page: Page) -> None:
    run = made(page, prompt="a chain of them")

    run.get_by_role("button", name="Use its last frame").click()

    photo = page.locator(".crop img")
    expect(page.get_by_role("img", name=re.compile("^last-frame-"))).to_be_visible()
    expect(photo).to_have_attribute("width", "320")
    expect(photo).to_have_attribute("height", "256")


def test_axe_finds_nothing_where_videos_are(page: Page) -> None:
    run = made(page, prompt="looked at by axe")
    assert violations(page) == []

    run.get_by_role("button", name="The same as a program").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(run.get_by_role("button", name="The same as a program")).to_be_focused()


def test_nothing_plays_by_itself_for_whoever_wants_it_still(
    visits: Visits, server: Serving
) -> None:
    page = visits.open(server.url, reduced_motion="reduce")
    choose(page, CHELSEA)
    ask_for_a_small_one(page)
    make_button(page).click()

    video = runs(page).first.locator("video")
    expect(video).to_be_visible(timeout=WITHIN_MS)
    page.wait_for_timeout(500)
    assert video.evaluate("video => video.paused && video.currentTime === 0")


def test_what_it_costs_and_what_is_left_is_told_and_a_budget_that_is_used_up_refuses(
    visits: Visits, tmp_path: Path
) -> None:
    visits.allow("402")
    with Serving(tmp_path, config=PRICES) as server:
        asked = server.http.patch("/admin/owners/everyone", json={"budget_day": "0.3"})
        assert asked.status_code == 200, asked.text
        page = visits.open(server.url)
        choose(page, CHELSEA)
        ask_for_a_small_one(page)
        line = page.get_by_role("region", name="What it will be")
        expect(line).to_contain_text("US$0.20")
        expect(line).to_contain_text("US$0.30 left of US$0.30 for today")

        make_button(page).click()
        expect_to_play(runs(page).first.locator("video"))
        expect(line).to_contain_text("US$0.10 left of US$0.30 for today")
        make_button(page).click()

        expect(line.get_by_role("alert")).to_contain_text("budget")
        expect(runs(page)).to_have_count(1)
        page.close()  # the server ends first


def test_a_limit_of_the_owner_is_told_with_its_end(visits: Visits, own_server: Serving) -> None:
    visits.allow("429")
    asked = own_server.http.patch("/admin/owners/everyone", json={"submits_per_minute": 1})
    assert asked.status_code == 200, asked.text
    page = visits.open(own_server.url)
    choose(page, CHELSEA)
    ask_for_a_small_one(page)
    make_button(page).click()
    expect_to_play(runs(page).first.locator("video"))

    make_button(page).click()

    line = page.get_by_role("region", name="What it will be")
    expect(line.get_by_role("alert")).to_contain_text(
        re.compile(r"limit.*Try again in \d+ s", re.DOTALL)
    )
    expect(line.get_by_role("alert")).to_be_focused()
    page.close()  # the server ends first
