"""A job's screen: its life, what failed and what to do, and what can be done with it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from console.conftest import KeyedServing
from support.browsing import LOCALES, THEMES, Locale, Theme, Visits, violations
from support.console_jobs import HOSTILE, enter, failed, hold_until_true, made, submitted, told
from support.emulator_process import Emulator
from support.in_process import PHOTO
from support.servers import Serving
from support.settings_files import engine, model
from unstill.models.catalogue import USUAL


class Jobs(NamedTuple):
    """A server with jobs that the tests of this file leave as they are."""

    server: Serving
    done: str
    broken: str


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with Serving(tmp_path_factory.mktemp("jobs")) as server:
        yield Jobs(server, made(server, HOSTILE, seed=7), failed(server))


def shown(visits: Visits, server: Serving, job_id: str, **looks: object) -> Page:
    page = visits.open(f"{server.url}/#/jobs/{job_id}", **looks)  # type: ignore[arg-type]
    expect(page.locator(".life li").first).to_be_visible()
    return page


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("locale", LOCALES)
def test_nobody_is_kept_out_of_a_job(
    jobs: Jobs, visits: Visits, theme: Theme, locale: Locale
) -> None:
    for job_id in (jobs.done, jobs.broken):
        page = shown(
            visits, jobs.server, job_id, theme=theme, locale=locale, is_phone=locale == "zh-CN"
        )

        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_whole_life_is_told_and_the_video_plays_and_seeks(jobs: Jobs, visits: Visits) -> None:
    page = shown(visits, jobs.server, jobs.done)
    video = page.locator("video")

    states = told(jobs.server, jobs.done)["moves"]
    words = {"queued": "Waits", "running": "Is being made", "succeeded": "Done"}
    assert words.keys() <= {each["state"] for each in states}
    expect(page.locator(".life .word")).to_have_count(len(states))
    expect(page.locator(".life")).to_contain_text(re.compile(".*".join(words.values())))
    expect(page.locator(".life li").last).to_contain_text("in all")
    for name, value in (("Seed", "7"), ("Engine", "camera"), ("File", "kB")):
        row = page.locator("dt", has_text=re.compile(f"^{name}$")).locator("xpath=following::dd[1]")
        expect(row).to_contain_text(value)
    expect(page.get_by_text("<img src=x onerror")).to_be_visible()
    expect(page.get_by_alt_text("given as first frame")).to_have_js_property("complete", True)
    video.evaluate(
        "async each => { each.muted = true; await each.play(); each.currentTime = 1.5; }"
    )
    hold_until_true(page, "document.querySelector('video').currentTime >= 1.5")
    assert page.evaluate("window.hacked") is None


def test_what_the_engine_made_nothing_of_is_told(jobs: Jobs, visits: Visits) -> None:
    job_id = made(jobs.server, "push in, the astronaut waves")
    unheard = told(jobs.server, job_id)["unheard"]
    page = shown(visits, jobs.server, job_id)

    assert unheard
    expect(page.locator('dt:text("Without effect") + dd')).to_have_text(", ".join(unheard))


def test_the_video_and_a_link_to_it_are_had(jobs: Jobs, visits: Visits) -> None:
    page = shown(visits, jobs.server, jobs.done)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")

    whole = jobs.server.http.get(f"/v1/videos/{jobs.done}/content").content
    assert jobs.done in started.value.suggested_filename
    assert Path(started.value.path()).read_bytes() == whole
    assert jobs.server.http.get(link).content == whole


def test_a_failure_is_told_in_full_with_what_to_do(jobs: Jobs, visits: Visits) -> None:
    page = shown(visits, jobs.server, jobs.broken)

    expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()
    for text in ("invalid_image", "nowhere.invalid", "input.img_url", "Give another picture"):
        expect(page.locator(".failure")).to_contain_text(text)


def test_a_job_that_cannot_be_made_is_retried_as_a_new_one(
    own_server: Serving, visits: Visits
) -> None:
    broken = failed(own_server, "once more")
    page = shown(visits, own_server, broken)

    page.get_by_role("button", name="Retry as a new job").click()
    expect(page).not_to_have_url(re.compile(broken))
    expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()

    first, second = own_server.http.get("/v1/jobs").json()["data"]
    assert first["id"] != second["id"] == broken
    assert (first["prompt"], first["seed"]) == ("once more", second["seed"])


def test_a_video_is_made_again_with_another_seed_of_the_picture_that_is_kept(
    own_server: Serving, visits: Visits
) -> None:
    before = made(own_server, "push in", seed=7, duration=3)
    page = shown(visits, own_server, before)

    page.get_by_role("button", name="Again with another seed").click()
    expect(page).not_to_have_url(re.compile(before))
    expect(page.locator(".badge")).to_have_text("Done")

    again, job = own_server.http.get("/v1/jobs").json()["data"]
    of = [told(own_server, each["id"])["request"] for each in (again, job)]
    assert again["seed"] != job["seed"] == 7
    assert [each["first_frame"]["sha256"] for each in of] == [of[0]["first_frame"]["sha256"]] * 2
    assert [(each["duration_s"], each["size"]) for each in (of)] == [
        (3, {"width": 320, "height": 256})
    ] * 2


def test_a_job_with_regions_is_made_again_with_them_and_its_mask_is_shown(
    own_server: Serving, visits: Visits
) -> None:
    mask = b64encode(PHOTO.read_bytes()).decode()  # any picture is a mask
    boxes = [[0.0, 0.5, 1.0, 1.0]]
    region = [{"kind": "water", "boxes": boxes}, {"kind": "hair", "mask": mask}]
    before = made(own_server, "static camera", region=region)
    page = shown(visits, own_server, before)

    expect(page.get_by_text("Mask of a region")).to_be_visible()
    page.get_by_role("button", name="Again with another seed").click()
    expect(page).not_to_have_url(re.compile(before))
    expect(page.locator(".badge")).to_have_text("Done")

    one, other = (
        told(own_server, each["id"])["request"]
        for each in own_server.http.get("/v1/jobs").json()["data"]
    )
    assert one["regions"] == other["regions"]
    assert [each["boxes"] for each in one["regions"] if "boxes" in each] == [boxes]
    assert one["masks"][0]["sha256"] == other["masks"][0]["sha256"]


def test_a_picture_that_is_kept_no_more_leads_to_make(jobs: Jobs, visits: Visits) -> None:
    visits.allow("410")
    page = shown(visits, jobs.server, jobs.done)
    gone = {"error": {"code": "video_removed", "message": "it is gone"}}
    page.route("**/pictures/first", lambda route: route.fulfill(status=410, json=gone))

    page.get_by_role("button", name="Again with another seed").click()

    expect(page.get_by_text("Its picture is not kept any more")).to_be_visible()
    expect(page.get_by_role("link", name="Make a video")).to_be_visible()


def test_progress_is_seen_moving_and_a_job_is_cancelled(
    own_server: Serving, visits: Visits
) -> None:
    job_id = submitted(own_server, "a long one", size="1280x720", duration=15)
    page = shown(visits, own_server, job_id)

    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^([1-9]|\d\d)$"))
    page.get_by_role("button", name="Cancel the job").click()

    expect(page.locator(".badge")).to_have_text("Cancelled")
    expect(page.locator(".life .word").last).to_have_text("Cancelled")
    assert told(own_server, job_id)["state"] == "cancelled"


def test_a_job_is_deleted_once_it_was_asked_for_twice(own_server: Serving, visits: Visits) -> None:
    visits.allow("404")
    job_id = failed(own_server)
    page = shown(visits, own_server, job_id)

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Gallery")
    assert own_server.http.get("/v1/jobs").json()["data"] == []
    page.goto(f"{own_server.url}/#/jobs/{job_id}")
    expect(page.get_by_text("This job belonged to everyone, who has deleted it.")).to_be_visible()


def test_an_operator_sees_another_owners_job_and_another_owner_does_not(
    keyed: KeyedServing, visits: Visits
) -> None:
    visits.allow("401|404")
    job_id = submitted(keyed.server, "ann's own", key=keyed.ann)
    page = visits.open(f"{keyed.server.url}/#/jobs/{job_id}")
    enter(page, keyed.bob)
    expect(page.get_by_text("There is no such job")).to_be_visible()
    page.get_by_role("button", name="Forget the key").click()

    enter(page, keyed.operator)

    expect(page.get_by_text("This job belongs to ann.")).to_be_visible()
    expect(page.locator(".badge")).to_have_text("Done")
    expect(page.locator("video, main img")).to_have_count(0)
    assert violations(page) == []
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("ann")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("This job belonged to ann")).to_be_visible()


def test_an_operator_says_what_a_call_in_doubt_was(tmp_path: Path, visits: Visits) -> None:
    with Emulator("modelverse", job_s=0.5) as upstream:
        config = engine("up", upstream) + model("up", "up", like=USUAL.id)
        with Serving(tmp_path, config=config) as server:
            upstream.next("submit", "drop_after")
            job_id = made(server, "in doubt", model="up", duration=5)
            page = shown(visits, server, job_id)
            expect(page.locator(".failure")).to_contain_text("perhaps a second bill")
            assert violations(page) == []

            visits.allow("409")
            page.get_by_role("button", name="Say so").click()
            expect(page.get_by_text("Say whether it was billed.")).to_be_visible()
            page.get_by_label("has not billed it").check()
            page.get_by_label("Ticket").fill("no-such-ticket")
            page.get_by_role("button", name="Say so").click()
            expect(page.get_by_role("alert").filter(has_text="ticket")).to_be_visible()
            page.get_by_label("has billed it", exact=True).check()
            page.get_by_label("Ticket").fill("")
            page.get_by_role("button", name="Say so").click()

            expect(page.get_by_text("Billed, said")).to_be_visible()
            expect(page.get_by_role("button", name="Say so")).to_have_count(0)
            page.context.close()
