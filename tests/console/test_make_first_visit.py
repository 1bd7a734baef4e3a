"""The screen Make before anything was made: what it explains, how it looks, and who may use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from support.browsing import LOCALES, THEMES, Locale, Theme, Visits, violations
from support.made_videos import CHELSEA, ask_for_a_small_one, choose, make_button, runs
from support.servers import Serving

WORDS: dict[Locale, dict[str, str]] = {
    "en-US": {"sample": "sample", "make": "Make video", "model": "Model", "welcome": "Welcome"},
    "zh-CN": {"sample": "示例", "make": "制作视频", "model": "模型", "welcome": "欢迎"},
}
_SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) sum += each.value;
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 300);
})"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that nobody has made a video on, for tests that make none."""
    with Serving(tmp_path_factory.mktemp("empty")) as serving:
        yield serving


@pytest.mark.parametrize("locale", LOCALES)
def test_an_empty_server_explains_itself_and_offers_a_sample(
    visits: Visits, empty: Serving, locale: Locale
) -> None:
    words = WORDS[locale]
    page = visits.open(empty.url, locale=locale)
    expect(page.get_by_role("heading", name=words["welcome"])).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(3)

    page.get_by_role("button", name=words["sample"]).click()

    expect(page.get_by_role("img", name="dandelion.jpg")).to_be_visible()
    expect(page.locator(".kept")).to_be_visible()
    expect(page.get_by_role("button", name=words["make"])).to_be_visible()


def test_a_button_that_is_quicker_than_the_picture_means_that_picture(
    own_server: Serving, visits: Visits
) -> None:
    page = visits.open(own_server.url)
    ask_for_a_small_one(page)

    def slowly(route: Route) -> None:
        page.wait_for_timeout(500)
        route.continue_()

    page.route("**/samples/dandelion.jpg", slowly)

    page.get_by_role("button", name="sample").click()
    make_button(page).click()

    expect(runs(page)).to_have_count(1)
    expect(page.get_by_role("alert").filter(has_text="photo")).to_have_count(0)
    page.close()


def test_a_server_with_videos_explains_nothing(visits: Visits, own_server: Serving) -> None:
    page = visits.open(own_server.url)
    choose(page, CHELSEA)
    ask_for_a_small_one(page)
    make_button(page).click()
    expect(runs(page)).to_have_count(1)

    page.reload()

    expect(runs(page)).to_have_count(1)
    expect(page.get_by_role("heading", name="Welcome")).to_have_count(0)
    page.close()  # the server ends first


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("is_phone", [False, True])
def test_axe_finds_nothing_with_and_without_a_photo(
    visits: Visits, empty: Serving, theme: Theme, *, is_phone: bool
) -> None:
    page = visits.open(empty.url, theme=theme, is_phone=is_phone)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    assert violations(page) == []

    choose(page, CHELSEA)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    page.get_by_text("More settings").click()
    page.get_by_text("The same as a program").click()
    expect(page.get_by_role("tab")).to_have_count(4)
    expect(page.locator(".kept")).to_be_visible()

    assert violations(page) == []


@pytest.mark.parametrize("is_phone", [False, True])
def test_nothing_jumps_while_the_screen_comes_and_a_photo_is_given(
    visits: Visits, empty: Serving, *, is_phone: bool
) -> None:
    page = visits.open(empty.url, is_phone=is_phone)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()

    choose(page, CHELSEA)
    expect(page.locator(".kept")).to_be_visible()

    assert page.evaluate(_SHIFTS) == 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_form_is_the_models_own(visits: Visits, empty: Serving) -> None:
    page = visits.open(empty.url)
    fields = page.locator("form")

    page.get_by_label("Model").select_option("openai/sora-2/image-to-video-pro")
    durations = fields.get_by_role("group", name="Duration").get_by_role("radio")
    expect(durations).to_have_count(3)
    expect(fields.get_by_label("Seed")).to_have_count(0)
    page.get_by_label("Model").select_option("wan2.7-i2v")
    slider = fields.get_by_label("Duration")
    expect(slider).to_have_attribute("min", "2")
    expect(slider).to_have_attribute("max", "15")
    fields.get_by_text("More settings").click()

    for name in ("Seed", "Exact size", "Negative prompt"):
        expect(
            fields.get_by_role("spinbutton", name=name).or_(
                fields.get_by_role("textbox", name=name)
            )
        ).to_have_count(1)
    for name in ("Watermark", "Extend the prompt"):
        expect(fields.get_by_role("switch", name=name)).to_have_count(1)
    expect(fields.get_by_role("group", name="Sound").get_by_role("radio")).to_have_count(3)


def test_examples_fill_the_prompt_in_the_language_that_is_chosen(
    visits: Visits, empty: Serving
) -> None:
    page = visits.open(empty.url)
    page.get_by_role("button", name="Orbit around the subject").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Orbit around the subject")

    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="环绕主体").click()

    expect(page.get_by_label("提示词", exact=True)).to_have_value("环绕主体")


def test_a_keyboard_reaches_the_photo_the_form_and_the_button_in_their_order(
    visits: Visits, empty: Serving
) -> None:
    page = visits.open(empty.url)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    page.get_by_label("Choose a photo").focus()
    reached: list[str] = []

    for _ in range(24):
        page.keyboard.press("Tab")
        reached.append(str(page.evaluate("document.activeElement.textContent.trim()")))

    order = [reached.index(name) for name in ("Try it with a sample photo", "Make video")]
    assert order == sorted(order)
