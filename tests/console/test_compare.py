"""Two videos side by side: in step, and with what they differ in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from support.browsing import THEMES, Theme, Visits, violations
from support.console_jobs import failed, hold_until_true, made
from support.servers import Serving

MOST_DRIFT_S = 0.05
# Of what both show, while both play: the drifts in seconds, from a second on.
WATCHED = """async () => {
    const [one, other] = document.querySelectorAll(".side video");
    const found = [];
    const first = performance.now();
    while (performance.now() - first < 4000) {
        await new Promise(requestAnimationFrame);
        const plays = [one, other].every(each => !each.paused && !each.seeking);
        if (plays && performance.now() - first > 1000)
            found.push(Math.abs(one.currentTime - other.currentTime));
    }
    return found.sort((a, b) => a - b);
}"""
TIMES = "() => [...document.querySelectorAll('.side video')].map(each => each.currentTime)"


class Two(NamedTuple):
    server: Serving
    short: str
    long: str
    broken: str


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with Serving(tmp_path_factory.mktemp("two")) as server:
        short = made(server, "push in", seed=7)
        long = made(server, "orbit left", seed=7, duration=5)
        yield Two(server, short, long, failed(server))


def compared(visits: Visits, two: Two, *, is_phone: bool = False, theme: Theme = "light") -> Page:
    address = f"{two.server.url}/#/compare/{two.short}/{two.long}"
    page = visits.open(address, is_phone=is_phone, theme=theme)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    hold_until_true(
        page, "[...document.querySelectorAll('.side video')].every(each => each.readyState > 2)"
    )
    return page


@pytest.mark.parametrize("theme", THEMES)
def test_nobody_is_kept_out_of_it(two: Two, visits: Visits, theme: Theme) -> None:
    page = compared(visits, two, theme=theme, is_phone=theme == "dark")
    page.get_by_role("button", name="Wipe").click()
    expect(page.get_by_label("Where one video ends")).to_be_visible()

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_both_play_in_step(two: Two, visits: Visits) -> None:
    page = compared(visits, two)

    page.get_by_role("button", name="Play").click()
    drifts = page.evaluate(WATCHED)
    page.get_by_role("button", name="Pause").click()

    assert len(drifts) > 5
    assert drifts[int(len(drifts) * 0.95)] < MOST_DRIFT_S


def test_one_time_is_that_of_both_and_the_shorter_one_stands_still_at_its_end(
    two: Two, visits: Visits
) -> None:
    page = compared(visits, two)
    bar = page.get_by_role("slider", name="Time")

    bar.fill("1.5")
    hold_until_true(page, "document.querySelectorAll('.side video')[1].currentTime === 1.5")
    assert page.evaluate(TIMES) == [1.5, 1.5]
    page.get_by_role("button", name="Frame on").click()
    page.get_by_role("button", name="Frame on").click()
    expect(page.get_by_text("of 5 s")).to_contain_text("1.58")
    bar.fill("4")
    hold_until_true(page, "document.querySelectorAll('.side video')[1].currentTime === 4")

    short, long = page.evaluate(TIMES)
    assert (1.9 < short < 2.0, long) == (True, 4)


def test_keys_work_both(two: Two, visits: Visits) -> None:
    page = compared(visits, two)
    page.get_by_role("group", name="Both videos").focus()

    page.keyboard.press("End")
    expect(page.get_by_text("of 5 s")).to_contain_text("5 of")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("of 5 s")).to_contain_text("0.05 of")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Loop")).to_have_attribute("aria-pressed", "false")


def test_what_differs_is_marked_and_swapping_keeps_the_videos(two: Two, visits: Visits) -> None:
    page = compared(visits, two)
    table = page.get_by_role("table")

    expect(table.get_by_role("row", name="Prompt").locator("mark")).to_have_text(
        ["push in", "orbit left"]
    )
    expect(table.get_by_role("row", name="Seed").locator("mark")).to_have_count(0)
    page.get_by_role("button", name="Swap").click()

    expect(table.get_by_role("row", name="Prompt").locator("mark")).to_have_text(
        ["orbit left", "push in"]
    )
    expect(page.get_by_label("Video B")).to_have_attribute(
        "src", f"{two.server.url}/v1/videos/{two.short}/content?variant=video"
    )
    expect(page.get_by_role("button", name="Swap")).to_be_focused()


def test_the_gallery_leads_here_with_two(two: Two, visits: Visits) -> None:
    page = visits.open(f"{two.server.url}/#/gallery")
    for job_id in (two.short, two.long):
        page.locator(f'[data-id="{job_id}"]').get_by_role("checkbox").check()

    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.locator(".side video")).to_have_count(2)


def test_what_has_no_video_is_told(two: Two, visits: Visits) -> None:
    page = visits.open(f"{two.server.url}/#/compare/{two.short}/{two.broken}")

    expect(page.get_by_role("alert").filter(has_text="has no video")).to_be_visible()
