"""The screen Make: from a photo to a video that plays, and what may go wrong between."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, Route, expect

from support.browsing import Visits
from support.made_videos import (
    CHELSEA,
    COFFEE,
    DURATION_S,
    HEIGHT,
    ROCKET,
    WIDTH,
    WITHIN_MS,
    ask_for_a_small_one,
    choose,
    expect_to_play,
    give,
    make_button,
    runs,
)
from support.servers import Serving

_SPY = """() => {
    const send = fetch;
    window.fetch = async (address, how) => {
        if (how.method === "POST" && address.endsWith("/v1/videos"))
            window.sent = [how.headers.get("idempotency-key"), await how.body.text()];
        return send(address, how);
    };
}"""
_WATCH = """() => {
    window.seen = [];
    new MutationObserver(() => {
        const bar = document.querySelector("[role=progressbar]");
        if (bar) window.seen.push(Number(bar.getAttribute("aria-valuenow")));
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
HOSTILE = '<img src=x onerror="document.title=1">&lt;b&gt;'


@pytest.mark.parametrize("by", ["drop", "paste"])
def test_a_photo_that_is_given_in_any_way_becomes_a_video_that_plays_and_seeks(
    page: Page, by: Literal["drop", "paste"]
) -> None:
    give(page, [CHELSEA], by=by)
    ask_for_a_small_one(page)
    make_button(page).click()
    run = runs(page).first
    video = run.locator("video")

    expect_to_play(video)
    assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [WIDTH, HEIGHT]
    video.evaluate("video => { video.pause(); video.currentTime = 1.5; }")
    expect(video).to_have_js_property("seeking", False)
    assert video.evaluate("video => video.currentTime") == pytest.approx(1.5, abs=0.1)
    assert run.get_by_role("link", name="Download").get_attribute("download") is not None


def test_progress_is_seen_moving_and_the_end_is_told(page: Page) -> None:
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    page.get_by_label("Exact size").fill("640x480")
    page.get_by_label("Prompt", exact=True).fill("slow push in")
    page.evaluate(_WATCH)

    make_button(page).click()
    run = runs(page).first

    expect(run.locator("video")).to_be_visible(timeout=WITHIN_MS)
    seen = page.evaluate("window.seen")
    assert len(set(seen)) >= 3, seen
    assert seen == sorted(seen)
    expect(run.get_by_role("status").first).to_have_text("Done")


def test_a_last_frame_is_sent_where_the_model_has_one(page: Page, server: Serving) -> None:
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("openai/sora-2/image-to-video-pro")
    expect(page.get_by_label("last frame")).to_have_count(0)

    ask_for_a_small_one(page)
    page.get_by_label("Choose a last frame").set_input_files(ROCKET)
    expect(page.get_by_role("img", name="rocket.jpg")).to_be_visible()
    make_button(page).click()

    expect_to_play(runs(page).first.locator("video"))
    newest = server.http.get("/v1/jobs?limit=1").json()["data"][0]
    told = server.http.get(f"/v1/jobs/{newest['id']}").json()
    assert told["pictures"] == ["first", "last"]


def test_several_photos_make_a_video_each_with_the_same_settings(
    page: Page, server: Serving
) -> None:
    choose(page, CHELSEA, COFFEE, ROCKET)
    ask_for_a_small_one(page, prompt="a batch of three")

    page.get_by_role("button", name="Make 3 videos").click()

    expect(page.get_by_text("3 of 3 are done")).to_be_visible(timeout=WITHIN_MS)
    expect(runs(page).locator("video")).to_have_count(3)
    jobs = server.http.get("/v1/jobs?prompt=a batch of three").json()["data"]
    assert len(jobs) == 3
    assert {each["duration_s"] for each in jobs} == {DURATION_S}
    assert {(each["size"]["width"], each["size"]["height"]) for each in jobs} == {(WIDTH, HEIGHT)}


def test_what_was_not_touched_is_not_sent(page: Page) -> None:
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    page.get_by_label("Prompt", exact=True).fill("nothing\nelse")

    page.evaluate(_SPY)
    make_button(page).click()
    runs(page).first.get_by_role("button", name="Cancel").click()

    key, body = page.evaluate("window.sent")
    assert key
    assert re.findall(r'form-data; name="(\w+)"', body) == ["model", "prompt", "input_reference"]
    assert "\r\n\r\nnothing\nelse\r\n" in body


def test_a_job_is_cancelled(page: Page) -> None:
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    make_button(page).click()
    run = runs(page).first

    run.get_by_role("button", name="Cancel").click()

    expect(run.get_by_role("status").first).to_have_text("Cancelled")
    expect(run.get_by_role("progressbar")).to_have_count(0)


def test_what_is_under_way_is_shown_again_after_a_reload(page: Page) -> None:
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    page.get_by_label("Prompt", exact=True).fill("goes on while nobody looks")
    make_button(page).click()
    expect(runs(page).first.get_by_role("button", name="Cancel")).to_be_visible()

    page.reload()

    again = runs(page).filter(has_text="goes on while nobody looks")
    expect(again.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("link", name="Gallery").click()
    page.get_by_role("link", name="Make", exact=True).click()
    again.get_by_role("button", name="Cancel").click()
    expect(again.get_by_role("status").first).to_have_text("Cancelled")


def test_a_call_whose_answer_is_lost_is_sent_again_and_makes_one_video(
    page: Page, visits: Visits, server: Serving
) -> None:
    visits.allow("ERR_CONNECTION_RESET")
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or len(lost) == 2:
            route.continue_()
            return
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()  # the server has it, and nobody hears of that
        route.abort("connectionreset")

    page.route("**/v1/videos", lose)
    choose(page, CHELSEA)
    ask_for_a_small_one(page, prompt="made once alone")
    make_button(page).click()

    expect(runs(page).first).to_contain_text("sent again by itself")
    expect_to_play(runs(page).first.locator("video"))
    assert len(set(lost)) == 1
    assert len(server.http.get("/v1/jobs?prompt=made once alone").json()["data"]) == 1


def test_what_is_missing_is_told_beside_its_field_before_anything_is_sent(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.url) if each.method == "POST" else None)
    page.get_by_label("Model").select_option("Wan-AI/Wan2.2-I2V")

    make_button(page).click()

    prompt = page.get_by_label("Prompt", exact=True)
    expect(page.get_by_text("Choose a photo first.")).to_be_visible()
    expect(page.get_by_label("Choose a photo")).to_be_focused()
    expect(prompt).to_have_accessible_description(re.compile("This model needs it"))
    prompt.fill("slow push in")
    expect(page.get_by_text("This model needs it")).to_have_count(0)
    assert [each for each in sent if "/videos" in each] == []


def test_a_refusal_stands_beside_the_field_that_it_names(page: Page, visits: Visits) -> None:
    visits.allow("400")
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    size = page.get_by_label("Exact size")

    size.fill("17x17")

    expect(size).to_have_accessible_description(re.compile("even sides.*17x17"))
    expect(size).to_have_attribute("aria-invalid", "true")
    make_button(page).click()
    expect(size).to_be_focused()
    expect(size).to_have_accessible_description(re.compile("even sides.*17x17"))
    expect(runs(page)).to_have_count(0)


def test_hostile_names_and_prompts_are_text(page: Page, tmp_path: Path) -> None:
    photo = tmp_path / f"{HOSTILE.replace('/', '')}.jpg"
    photo.write_bytes(CHELSEA.read_bytes())
    text = tmp_path / "<b>notes.jpg"
    text.write_bytes(b"this is no picture")

    choose(page, text)
    expect(page.get_by_text("“<b>notes.jpg” is not a picture")).to_be_visible()
    choose(page, photo)
    ask_for_a_small_one(page, prompt=HOSTILE)
    make_button(page).click()

    run = runs(page).first
    expect(run.get_by_text(HOSTILE, exact=True)).to_be_visible()
    expect(run.get_by_text(photo.name)).to_be_visible()
    expect_to_play(run.locator("video"))
    expect(page).to_have_title(re.compile("^Make"))
    assert page.locator("img[src=x], main b").count() == 0


def test_a_picture_that_the_browser_cannot_show_can_be_sent(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "holiday.heic"
    picture.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100))

    choose(page, picture)

    expect(page.get_by_text("cannot show this kind of picture")).to_be_visible()
    expect(page.get_by_text("holiday.heic")).to_be_visible()


def test_the_frame_shows_what_is_cut_and_the_line_says_what_it_will_be(page: Page) -> None:
    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("openai/sora-2/image-to-video-pro")

    expect(page.get_by_text("is cut off at top and bottom")).to_be_visible()
    kept = page.locator(".kept").evaluate("kept => kept.offsetWidth / kept.offsetHeight")
    assert kept == pytest.approx(16 / 9, rel=0.05)
    line = page.get_by_role("region", name="What it will be")
    expect(line).to_contain_text("Rendered by camera")
    expect(line).to_contain_text("generates nothing")
    expect(line).to_contain_text("1280 × 720 px · 4 s")
    expect(line).to_contain_text("nothing waits before it")
