"""What tests of the page do on its screen Make."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Locator, Page, expect

from support.servers import PHOTOS

CHELSEA, COFFEE, ROCKET = (PHOTOS / f"{name}.jpg" for name in ("chelsea", "coffee", "rocket"))
MODEL = "wan2.7-i2v"  # has every kind of field
SIZE, WIDTH, HEIGHT = "320x256", 320, 256
DURATION_S = 2
WITHIN_MS = 90_000  # a busy machine is slow

_GIVEN = """([kind, files]) => {
    const data = new DataTransfer();
    for (const { name, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), one => one.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: "image/jpeg" }));
    }
    if (kind === "paste") {
        dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, cancelable: true }));
        return;
    }
    const zone = document.querySelector(".zone");
    for (const name of ["dragover", "drop"])
        zone.dispatchEvent(new DragEvent(
            name, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def give(page: Page, files: Sequence[Path], *, by: Literal["drop", "paste"]) -> None:
    """Drop the files on the zone, or paste them into the page."""
    told = [{"name": file.name, "base64": b64encode(file.read_bytes()).decode()} for file in files]
    page.evaluate(_GIVEN, [by, told])


def choose(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(files)


def ask_for_a_small_one(page: Page, *, prompt: str = "slow push in") -> None:
    """Fill the form so that it is rendered within a second or so."""
    page.get_by_label("Model").select_option(MODEL)
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Duration").fill(str(DURATION_S))
    page.get_by_label("Exact size").fill(SIZE)


def make_button(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Make"))


def runs(page: Page) -> Locator:
    """The videos that were asked for, newest first."""
    return page.get_by_role("article")


def expect_to_play(video: Locator) -> None:
    expect(video).to_be_visible(timeout=WITHIN_MS)
    expect(video).to_have_js_property("error", None)
    video.evaluate("""async video => {
        while (!(video.readyState >= 2 && video.currentTime > 0)) await new Promise(
            done => setTimeout(done, 50));
    }""")
