"""Owners and keys on the screen Server: limits are set; keys are made, used and ended."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from console.conftest import KeyedServing
from support.browsing import THEMES, Theme, Visits, violations
from support.in_process import create_body
from support.servers import Serving

HOSTILE = "<img src=x onerror=alert(1)>"


def opened(
    visits: Visits, server: Serving, view: str, key: str = "", **looks: bool | Theme
) -> Page:
    """The screen Server, in the tab of whoever has that key."""
    page = visits.open(**looks)  # type: ignore[arg-type]
    if key:
        page.add_init_script(f"sessionStorage.setItem('unstill.key', '{key}')")
    page.goto(f"{server.url}/#/{view}")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    return page


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def made_key(page: Page) -> str:
    """The key that the page shows, once."""
    shown = page.get_by_role("dialog", name="The new key")
    key = shown.get_by_label("The key itself").input_value()
    assert re.fullmatch(r"unstill_[\w-]{43}", key)
    return key


def authorized(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_the_first_key_closes_the_server_and_the_page_goes_on_with_it(
    own_server: Serving, visits: Visits
) -> None:
    visits.allow("401")
    page = opened(visits, own_server, "server/owners")

    page.get_by_role("button", name="New key").click()
    asked = page.get_by_role("dialog", name="A new key")
    expect(asked).to_contain_text("closes the server to everybody who has none")
    expect(asked.get_by_label("Scope")).to_have_value("admin")
    asked.get_by_label("Scope").select_option("user")
    expect(asked.get_by_role("alert").filter(has_text="nobody can use this screen")).to_be_visible()
    asked.get_by_label("Scope").select_option("admin")
    asked.get_by_label("Name").fill(HOSTILE)
    asked.get_by_role("button", name="Create the key").click()
    shown = page.get_by_role("dialog", name="The new key")
    expect(shown).to_contain_text("not shown again")
    key = made_key(page)
    assert own_server.http.get("/v1/videos").status_code == 401
    page.keyboard.press("Escape")
    expect(shown.get_by_role("alert")).to_contain_text("gone once this is closed")
    shown.get_by_role("button", name="Use it in this tab").click()

    expect(shown).to_have_count(0)
    expect(page.get_by_role("button", name="Key of ops")).to_be_visible()
    page.get_by_role("link", name="Owners and keys").click()
    expect(row(page, "this tab’s")).to_contain_text(HOSTILE)
    expect(page.locator("img[src=x]")).to_have_count(0)
    assert key not in page.content()


def test_a_key_is_made_used_rotated_and_revoked(own_server: Serving, visits: Visits) -> None:
    visits.allow("401")
    http = own_server.http
    operator = http.post("/admin/keys", json={"owner": "ops", "scope": "admin"}).json()["key"]
    page = opened(visits, own_server, "server/owners", operator)

    page.get_by_role("button", name="New key").click()
    asked = page.get_by_role("dialog", name="A new key")
    expect(asked.get_by_label("Scope")).to_have_value("user")
    asked.get_by_label("Owner").fill("team-a")
    asked.get_by_label("Name").fill("laptop")
    asked.get_by_label("wan2.7-i2v").check()
    asked.get_by_label("Ends").fill("90d")
    asked.get_by_role("button", name="Create the key").click()
    first = made_key(page)
    page.get_by_role("button", name="I have kept it").click()
    expect(row(page, "laptop")).to_contain_text("not yet")
    assert http.get("/v1/videos", headers=authorized(first)).status_code == 200
    expect(row(page, "laptop")).not_to_contain_text("not yet")

    page.get_by_role("button", name="Rotate laptop").click()
    page.get_by_role("button", name="Rotate it").click()
    second = made_key(page)
    expect(page.get_by_role("button", name="Use it in this tab")).to_have_count(0)
    page.get_by_role("button", name="I have kept it").click()
    assert http.get("/v1/videos", headers=authorized(first)).status_code == 401
    assert http.get("/v1/videos", headers=authorized(second)).status_code == 200

    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Revoke laptop")).to_be_focused()
    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(row(page, "laptop")).to_have_count(0)
    page.get_by_label("Show keys that have ended (1)").check()
    expect(row(page, "laptop")).to_contain_text("Revoked")
    assert http.get("/v1/videos", headers=authorized(second)).status_code == 401


def test_the_key_of_the_tab_is_rotated_and_the_tab_goes_on_with_the_new_one(
    own_server: Serving, visits: Visits
) -> None:
    visits.allow("401")
    body = {"owner": "ops", "scope": "admin", "name": "console"}
    operator = own_server.http.post("/admin/keys", json=body).json()["key"]
    page = opened(visits, own_server, "server/owners", operator)
    page.evaluate("sessionStorage.clear()")

    page.get_by_role("button", name="Rotate console").click()
    page.get_by_role("button", name="Rotate it").click()
    key = made_key(page)
    page.get_by_role("button", name="Use it in this tab").click()

    expect(row(page, "this tab’s")).to_contain_text("console")
    assert page.evaluate("sessionStorage.getItem('unstill.key')") == key


def test_what_the_server_refuses_of_a_new_key_stands_beside_the_field(
    visits: Visits, keyed: KeyedServing
) -> None:
    visits.allow("400")
    page = opened(visits, keyed.server, "server/owners", keyed.operator)
    page.get_by_role("button", name="New key").click()
    asked = page.get_by_role("dialog", name="A new key")
    create = asked.get_by_role("button", name="Create the key")

    for label, given, said in (
        ("Owner", "no spaces!", "owner must be 1 to 64 letters, digits, - and _"),
        ("Ends", "tomorrow", "expires must be"),
        ("Networks", "10.0.0.0/99", "networks must be"),
        ("Calls a minute", "many", "requests_per_minute must be a whole number from 0"),
    ):
        if label == "Calls a minute":
            asked.get_by_text("Limits", exact=True).click()
        field = asked.get_by_label(label, exact=True)
        asked.get_by_label("Owner").fill("team-a")
        field.fill(given)
        create.click()

        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        expect(field.locator("xpath=..").get_by_role("alert")).to_contain_text(said)
        field.fill("")


def test_an_owner_is_limited_and_the_limit_holds(own_server: Serving, visits: Visits) -> None:
    visits.allow("400")
    page = opened(visits, own_server, "server/owners")

    page.get_by_role("button", name="Set limits of everyone").click()
    asked = page.get_by_role("dialog", name="Set limits of everyone")
    asked.get_by_label("New jobs a minute").fill("-1")
    asked.get_by_role("button", name="Save").click()
    expect(asked.get_by_label("New jobs a minute")).to_have_attribute("aria-invalid", "true")
    expect(asked.get_by_role("alert").filter(has_text="got")).to_contain_text("submits_per_minute")
    asked.get_by_label("New jobs a minute").fill("0")
    asked.get_by_label("Stored files").fill("1.5")
    asked.get_by_role("button", name="Save").click()

    expect(asked).to_have_count(0)
    expect(page.get_by_role("button", name="Set limits of everyone")).to_be_focused()
    expect(row(page, "everyone")).to_contain_text("New jobs a minute 0")
    expect(row(page, "everyone")).to_contain_text("Stored files 1.5 MB")
    [limits] = [each["limits"] for each in own_server.http.get("/admin/owners").json()["data"]]
    assert (limits["submits_per_minute"], limits["bytes"]) == (0, 1_500_000)
    refused = own_server.http.post("/v1/tasks/submit", json=create_body())
    assert refused.status_code == 429
    page.get_by_role("button", name="Set limits of everyone").click()
    asked.get_by_label("New jobs a minute").fill("")
    asked.get_by_role("button", name="Save").click()
    expect(row(page, "everyone")).not_to_contain_text("New jobs a minute")


def test_an_owner_that_has_nothing_yet_is_limited_by_name(
    own_server: Serving, visits: Visits
) -> None:
    visits.allow("400")
    page = opened(visits, own_server, "server/owners")

    page.get_by_role("button", name="Limit another owner").click()
    asked = page.get_by_role("dialog", name="Limit another owner")
    asked.get_by_label("Owner").fill("team b")
    asked.get_by_label("Weight").fill("2")
    asked.get_by_role("button", name="Save").click()
    expect(asked.get_by_label("Owner")).to_have_attribute("aria-invalid", "true")
    asked.get_by_label("Owner").fill("team-b")
    asked.get_by_role("button", name="Save").click()

    expect(row(page, "team-b")).to_contain_text("Weight 2")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("is_phone", [False, True])
def test_axe_finds_nothing_among_owners_and_keys(
    visits: Visits, keyed: KeyedServing, theme: Theme, *, is_phone: bool
) -> None:
    page = opened(
        visits, keyed.server, "server/owners", keyed.operator, theme=theme, is_phone=is_phone
    )

    assert violations(page) == []
    page.get_by_role("button", name="Set limits of ann").first.click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New key").click()
    page.get_by_role("dialog").get_by_text("Limits", exact=True).click()
    assert violations(page) == []
