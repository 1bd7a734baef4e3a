"""The console in Chromium, driven by Playwright: its pages, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.chromium import chromium
from support.npm_folders import installed

Theme = Literal["light", "dark"]
Locale = Literal["en-US", "zh-CN"]
THEMES: tuple[Theme, ...] = get_args(Theme)
LOCALES: tuple[Locale, ...] = get_args(Locale)

DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
WITHIN_MS = 30_000  # a busy machine is slow, and no test of a page is about that

FOLDER = Path(__file__).parents[1] / "console"
# Beside what a person would be held to: what axe's authors think is good besides.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
_ASKED = """async tags => (await axe.run(document, { runOnly: { type: "tag", values: tags } }))
    .violations.map(({ id, help, nodes }) => ({
        id, help, nodes: nodes.map(node => [node.target.join(" "), node.failureSummary]),
    }))"""


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """Debian's Chromium without a window; skips who calls where there is none."""
    program = chromium()
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--autoplay-policy=no-user-gesture-required"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Visits:
    """The pages of one test, each in a context of its own; what they complained of is kept."""

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []  # errors of scripts and of the console, as they came
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._awaited: list[re.Pattern[str]] = []

    def open(
        self,
        address: str = "about:blank",
        *,
        theme: Theme = "light",
        locale: Locale = "en-US",
        is_phone: bool = False,
        **options: Any,
    ) -> Page:
        """A page there, of a visitor who was never there before.

        options: as Playwright's `Browser.new_context` has them.
        """
        looks = (PHONE if is_phone else DESK) | {"color_scheme": theme, "locale": locale}
        context = self._browser.new_context(**looks | options)
        context.set_default_timeout(WITHIN_MS)
        self._contexts.append(context)
        self.watch(context)
        page = context.new_page()
        if address != "about:blank":
            page.goto(address)
        return page

    def watch(self, context: BrowserContext) -> None:
        """Keep what is wrong on pages of this context, also those that it opens itself."""
        context.on("weberror", lambda error: self.complaints.append(f"thrown: {error.error}"))
        context.on(
            "console",
            lambda told: (
                self.complaints.append(f"console: {told.text} ({told.location.get('url', '')})")
                if told.type in {"error", "warning"}
                else None
            ),
        )

    def allow(self, pattern: str) -> None:
        """Complaints that this test brings about itself, such as the browser's of an answer 404."""
        self._awaited.append(re.compile(pattern))

    def pages(self) -> list[Page]:
        return [page for context in self._contexts for page in context.pages]

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def unexpected(self) -> list[str]:
        return [
            each for each in self.complaints if not any(one.search(each) for one in self._awaited)
        ]


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands: rule, place, and what would mend it."""
    axe = (installed(FOLDER, "axe-core") / "axe.min.js").read_text("utf-8")
    page.evaluate(axe)
    return [
        f"{rule['id']} ({rule['help']}): {target}: {summary}"
        for rule in page.evaluate(_ASKED, list(RULES))
        for target, summary in rule["nodes"]
    ]
