"""What all screens share: who is let in, languages, themes, a server that goes and comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from console.conftest import KeyedServing
from support.browsing import THEMES, Theme, Visits, violations
from support.servers import Serving

FOREIGN = "this API key is not known here"


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Continue").click()


def test_whoever_comes_without_a_key_is_asked_for_one_and_nothing_is_refused(
    visits: Visits, keyed: KeyedServing
) -> None:
    page = visits.open(keyed.server.url)

    expect(page.get_by_label("API key")).to_be_visible()
    assert visits.complaints == []


def test_who_shows_no_key_is_asked_for_one_and_goes_on_with_it(
    visits: Visits, keyed: KeyedServing
) -> None:
    visits.allow("401")
    page = visits.open(keyed.server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    enter(page, "sk-wrong")
    expect(page.get_by_role("alert").filter(has_text=FOREIGN)).to_be_visible()
    enter(page, keyed.ann)
    expect(page.get_by_role("button", name="Key of ann")).to_be_visible()
    page.reload()

    expect(page.get_by_role("button", name="Key of ann")).to_be_visible()
    assert [each for each in asked if keyed.ann in each] == []
    assert page.evaluate("[...Object.values(localStorage)].join()").find(keyed.ann) == -1


def test_a_key_is_one_tabs_alone_and_two_owners_work_side_by_side(
    visits: Visits, keyed: KeyedServing
) -> None:
    visits.allow("401")
    first = visits.open(keyed.server.url)
    enter(first, keyed.ann)
    expect(first.get_by_role("button", name="Key of ann")).to_be_visible()
    second = first.context.new_page()
    second.goto(keyed.server.url)

    enter(second, keyed.bob)

    expect(second.get_by_role("button", name="Key of bob")).to_be_visible()
    first.reload()
    expect(first.get_by_role("button", name="Key of ann")).to_be_visible()
    first.get_by_role("button", name="Forget the key").click()
    expect(first.get_by_label("API key")).to_be_visible()
    second.reload()
    expect(second.get_by_role("button", name="Key of bob")).to_be_visible()


def test_the_server_is_an_operators_screen(visits: Visits, keyed: KeyedServing) -> None:
    visits.allow("401")
    page = visits.open(keyed.server.url)
    links = page.get_by_role("navigation")
    enter(page, keyed.ann)
    expect(links.get_by_role("link", name="Gallery")).to_be_visible()

    expect(links.get_by_role("link", name="Server")).to_have_count(0)
    page.goto(f"{keyed.server.url}/#/server")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing at this address.")
    page.get_by_role("button", name="Forget the key").click()
    enter(page, keyed.operator)

    expect(links.get_by_role("link", name="Server")).to_be_visible()


def test_a_key_that_ends_is_asked_for_anew_and_the_page_says_why(
    own_server: Serving, visits: Visits
) -> None:
    visits.allow("401")
    http = own_server.http
    operator = http.post("/admin/keys", json={"owner": "ops", "scope": "admin"}).json()["key"]
    shown = {"authorization": f"Bearer {operator}"}
    made = http.post("/admin/keys", json={"owner": "ann", "name": "hers"}, headers=shown).json()
    page = visits.open(own_server.url)
    enter(page, made["key"])
    expect(page.get_by_role("button", name="Key of ann")).to_be_visible()

    assert http.delete("/admin/keys/hers", headers=shown).status_code == 200

    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="revoked")).to_be_visible()


def test_the_language_changes_all_of_it_and_is_kept(page: Page) -> None:
    page.get_by_role("button", name="中文").click()

    expect(page.get_by_role("navigation").get_by_role("link", name="作品")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.reload()
    expect(page.get_by_role("navigation").get_by_role("link", name="作品")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("navigation").get_by_role("link", name="Gallery")).to_be_visible()


def test_a_chinese_browser_is_answered_in_chinese(visits: Visits, server: Serving) -> None:
    page = visits.open(server.url, locale="zh-CN")

    expect(page.get_by_role("navigation").get_by_role("link", name="作品")).to_be_visible()


def test_the_theme_is_the_systems_until_another_is_chosen(visits: Visits, server: Serving) -> None:
    page = visits.open(server.url, theme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)

    page.get_by_role("button", name="Theme: as the system has it").click()
    light = page.evaluate(ground)
    page.reload()

    assert light != dark
    assert page.evaluate(ground) == light
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(ground) == dark


def test_a_server_that_is_gone_is_told_and_so_is_its_return(
    own_server: Serving, visits: Visits
) -> None:
    visits.allow("ERR_INTERNET_DISCONNECTED")
    page = visits.open(own_server.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_timeout(500)

    page.context.set_offline(True)
    page.get_by_role("link", name="Gallery").click()
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    page.context.set_offline(False)

    expect(page.get_by_role("status").filter(has_text="is back")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("does not answer")).to_have_count(0)


def test_whoever_has_no_mouse_skips_to_the_content_and_hears_where_one_is(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    page.get_by_role("link", name="Gallery").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page).to_have_title(re.compile("^Gallery"))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("is_phone", [False, True])
def test_axe_finds_nothing_where_a_key_is_asked_for(
    visits: Visits, keyed: KeyedServing, theme: Theme, *, is_phone: bool
) -> None:
    visits.allow("401")
    page = visits.open(keyed.server.url, theme=theme, is_phone=is_phone)
    expect(page.get_by_label("API key")).to_be_visible()

    assert violations(page) == []


def test_nothing_runs_off_a_phones_edge(visits: Visits, server: Serving) -> None:
    for place in ("#/make", "#/gallery", "#/server"):
        page = visits.open(f"{server.url}/{place}", is_phone=True)
        expect(page.get_by_role("heading", level=1)).to_be_visible()

        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
