"""The screen Server: what operators are told of the server, and that nobody else is."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from console.conftest import KeyedServing
from console.test_server_keys import opened, row
from support.browsing import Theme, Visits, violations
from support.emulator_process import Emulator
from support.in_process import create_body
from support.servers import Serving
from support.settings_files import engine, engine_at, model

VIEWS = ("server", "server/queues", "server/activity", "server/spend", "server/jobs")
LOCAL = "wan2.7-i2v"
MONEY = '[money]\ncurrency = "EUR"\n[models."wan2.7-i2v".prices]\n"720P" = { per_video = "0.25" }\n'


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Emulator]]:
    """A server with prices; one job was made here, one is in doubt, and one waits."""
    with Emulator("modelverse", job_s=0.5) as upstream:
        config = (
            engine("up", upstream)
            + engine_at("far", "unified", "http://127.0.0.1:9")
            + model("up", "up", like=LOCAL)
            + model("far", "far", like=LOCAL)
            + MONEY
        )
        with Serving(tmp_path_factory.mktemp("busy"), config=config) as server:
            server.wait(server.submit(create_body()))
            upstream.next("submit", "drop_after")
            server.wait(server.submit(create_body("up", duration=5)))
            server.submit(create_body("far", duration=5))
            yield server, upstream


def test_engines_and_owners_stand_on_the_first_view(visits: Visits, server: Serving) -> None:
    page = visits.open(f"{server.url}/#/gallery")
    page.get_by_role("navigation").get_by_role("link", name="Server").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Server")
    for name in ("Health", "Needs you", "Engines", "Owners and keys", "Disk"):
        expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="not a generative model")).to_contain_text(
        "unstill.engines.camera"
    )
    expect(page.get_by_role("meter", name="Disk of the data folder")).to_be_visible()


def test_whoever_is_no_operator_is_told_nothing_and_asks_nothing(
    visits: Visits, keyed: KeyedServing
) -> None:
    page = visits.open()
    page.add_init_script(f"sessionStorage.setItem('unstill.key', '{keyed.ann}')")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    for view in (*VIEWS, "server/owners"):
        page.goto(f"{keyed.server.url}/#/{view}")
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "There is nothing at this address."
        )

    assert [each for each in asked if "/admin/" in each] == []


def test_a_breaker_a_stall_and_a_call_in_doubt_are_told(
    visits: Visits, busy: tuple[Serving, Emulator]
) -> None:
    page = opened(visits, busy[0], "server")

    far = page.get_by_role("listitem").filter(
        has=page.get_by_role("heading", name="far", exact=True)
    )
    expect(far).to_contain_text("New calls are held up since")
    expect(far).to_contain_text("Let alone")
    expect(far).to_contain_text("the account is let alone until")
    expect(page.get_by_role("heading", name="Calls in doubt: 1")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="some are held up")).to_be_visible()
    row(page, "broke").get_by_role("link").click()
    expect(page).to_have_url(re.compile("#/jobs/"))


def test_lanes_and_what_waits_in_them_are_told(
    visits: Visits, busy: tuple[Serving, Emulator]
) -> None:
    page = opened(visits, busy[0], "server/queues")

    expect(row(page, "engine:far")).to_contain_text("everyone: 1 waiting")
    expect(row(page, "engine:up")).to_contain_text("0 of ")


def test_charts_show_the_same_as_their_tables(
    visits: Visits, busy: tuple[Serving, Emulator]
) -> None:
    page = opened(visits, busy[0], "server/activity")

    chart = page.get_by_role("img", name="Throughput")
    expect(chart).to_have_accessible_name(re.compile("3 jobs were made, 1 succeeded"))
    assert chart.locator("rect.bar").count() == 2
    page.get_by_text("Show figures: Throughput").click()
    last = page.get_by_role("table", name="Throughput").get_by_role("row").last
    expect(last).to_contain_text("1")
    expect(row(page, "submit_unknown")).to_contain_text("up")
    page.get_by_role("button", name="30 days").click()
    expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
    expect(row(page, "submit_unknown")).to_be_visible()


def test_what_was_charged_is_charted_and_saved_as_a_file(
    visits: Visits, busy: tuple[Serving, Emulator]
) -> None:
    page = opened(visits, busy[0], "server/spend")

    expect(page.get_by_role("img", name="Charged by owner and day (EUR)")).to_be_visible()
    expect(row(page, "camera")).to_contain_text("€0.25")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download as CSV").click()
    text = Path(saved.value.path()).read_text("utf-8-sig")
    [line] = csv.DictReader(text.splitlines())
    assert (line["owner"], line["currency"], line["jobs"]) == ("everyone", "EUR", "3")


def test_what_is_left_of_an_owners_budget_is_told(
    visits: Visits, busy: tuple[Serving, Emulator]
) -> None:
    set_ = busy[0].http.patch("/admin/owners/everyone", json={"budget_day": "10"})
    assert set_.status_code == 200

    page = opened(visits, busy[0], "server")

    expect(row(page, "everyone").get_by_role("meter", name="Today")).to_have_attribute(
        "aria-valuetext", re.compile(r"€0\.\d+ of €10\.00, €9\.\d+ left")
    )


def test_where_the_settings_have_no_money_the_page_says_so(visits: Visits, server: Serving) -> None:
    page = visits.open(f"{server.url}/#/server/spend")

    expect(page.get_by_text("The settings have no money")).to_be_visible()


def test_jobs_of_all_owners_are_found_by_state_and_engine(
    visits: Visits, busy: tuple[Serving, Emulator]
) -> None:
    page = opened(visits, busy[0], "server/jobs")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(4)

    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(2)
    expect(row(page, "submit_unknown")).to_be_visible()
    expect(page.get_by_role("button", name="Show", exact=True)).to_be_focused()
    page.reload()
    expect(page.get_by_label("State")).to_have_value("failed")
    page.get_by_label("Engine").fill("far")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("There is no such job.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(4)


def test_figures_are_asked_anew_while_they_are_seen_and_nothing_moves(
    own_server: Serving, visits: Visits
) -> None:
    page = opened(visits, own_server, "server")
    page.evaluate(
        """() => {
            window.moved = 0;
            new PerformanceObserver((list) => {
                for (const { hadRecentInput, value } of list.getEntries())
                    window.moved += hadRecentInput ? 0 : value;
            }).observe({ type: "layout-shift", buffered: true });
        }"""
    )
    button = page.get_by_role("button", name="Set limits of everyone")
    button.focus()
    own_server.wait(own_server.submit(create_body()))
    own_server.http.patch("/admin/owners/everyone", json={"queue": 77})

    expect(row(page, "everyone")).to_contain_text("Jobs waiting 77", timeout=15_000)
    expect(button).to_be_focused()
    assert page.evaluate("window.moved") < 0.01
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(6_000)
    assert [each for each in asked if "/admin/" in each] == []
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_held_jobs_are_let_go_by_a_word_that_is_asked_for_twice(
    visits: Visits, tmp_path: Path
) -> None:
    page = visits.open()
    with Serving(tmp_path / "server") as server:
        page.route("**/admin/held-jobs", lambda route: route.fulfill(json={"data": ["01a226cb"]}))
        page.goto(f"{server.url}/#/server")
        page.get_by_role("button", name="Let them all be sent").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        page.unroute("**/admin/held-jobs")
        page.get_by_role("button", name="Let them all be sent").click()
        page.get_by_role("button", name="Send them").click()

        expect(
            page.get_by_role("status").filter(has_text="0 jobs are held no more")
        ).to_be_visible()
        expect(page.get_by_text("No job waits for your word.")).to_be_visible()
        page.close()


@pytest.mark.parametrize(
    ("theme", "is_phone"), [("light", False), ("dark", False), ("light", True)]
)
def test_axe_finds_nothing_on_any_view_and_nothing_runs_off_the_edge(
    visits: Visits, busy: tuple[Serving, Emulator], theme: Theme, *, is_phone: bool
) -> None:
    for view in VIEWS:
        page = opened(visits, busy[0], view, theme=theme, is_phone=is_phone)
        show_all(page)

        assert violations(page) == [], view
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
        page.close()


def show_all(page: Page) -> None:
    for summary in page.locator("summary").all():
        summary.click()


def test_all_views_speak_chinese(visits: Visits, busy: tuple[Serving, Emulator]) -> None:
    page = visits.open(f"{busy[0].url}/#/server", locale="zh-CN")
    expect(page.get_by_role("heading", level=1)).to_have_text("服务器")
    for name, view in (
        ("队列", "queues"),
        ("活动", "activity"),
        ("花费", "spend"),
        ("任务", "jobs"),
    ):
        page.get_by_role("listitem").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"服务器：{name}")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        expect(page).to_have_url(f"{busy[0].url}/#/server/{view}")
