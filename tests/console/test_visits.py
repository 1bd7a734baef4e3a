"""What watches the console's pages sees what it is there for."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.browsing import LOCALES, THEMES, Locale, Theme, Visits, violations
from support.servers import PictureHost

STRICT = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'self'",
}
GOOD = """<!doctype html><html lang="en"><title>Photo</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="/coffee.jpg">
<main><h1>Photo</h1><img src="/coffee.jpg" width="300" alt="A cup of coffee"></main>"""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("locale", LOCALES)
def test_a_page_is_seen_as_its_visitor_sees_it(
    visits: Visits, pictures: PictureHost, theme: Theme, locale: Locale
) -> None:
    pictures.pages["/good.html"] = (200, STRICT, GOOD.encode())

    page = visits.open(f"{pictures.url}/good.html", theme=theme, locale=locale, is_phone=True)

    expect(page.get_by_role("img", name="coffee")).to_be_visible()
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (theme == "dark")
    assert page.evaluate("[navigator.language, innerWidth]") == [locale, 390]
    assert violations(page) == []


def test_what_axe_finds_is_told_with_its_place(visits: Visits, pictures: PictureHost) -> None:
    bad = GOOD.replace(' alt="A cup of coffee"', "").replace(' lang="en"', "")
    pictures.pages["/bad.html"] = (200, STRICT, bad.encode())

    page = visits.open(f"{pictures.url}/bad.html")
    found = violations(page)

    assert [each.partition(" ")[0] for each in found] == ["html-has-lang", "image-alt"]
    assert "img" in found[1]


def test_what_a_page_complains_of_is_kept(visits: Visits, pictures: PictureHost) -> None:
    wild = GOOD + '<script src="/wild.js"></script><script>"inline"</script>'
    script = b"console.error('said'); fetch('/nothing'); throw new Error('thrown away')"
    pictures.pages["/wild.html"] = (200, STRICT, wild.encode())
    pictures.pages["/wild.js"] = (200, {"content-type": "text/javascript"}, script)

    visits.open(f"{pictures.url}/wild.html").wait_for_timeout(200)

    for each in ("said", "thrown away", "inline script", "/nothing"):
        assert [one for one in visits.unexpected() if each in one] != [], visits.complaints
        visits.allow(each)
    assert visits.unexpected() == []
