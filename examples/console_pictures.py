"""Takes the pictures of the console that its page of docs and the README show.

Starts a server on a free port, with the built-in engine and prices, makes some videos from the
photos, and walks through the console with Chromium. Run it with `make console-pictures`, and look
at what came out: docs/images/console-*.jpg.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx2
from benchmarks.process import running
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from unstill.system.installed import note

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "photos"
IMAGES = ROOT / "docs" / "images"
SETTINGS = """
[money]
currency = "EUR"

[models."wan2.7-i2v".prices]
"720P" = { per_second = "0.05" }
"1080P" = { per_second = "0.08" }
"""
VIDEOS = (
    ("wan2.7-i2v", "rocket.jpg", "Tilt up with the rocket", "1280x720"),
    ("happyhorse-1.0-i2v", "astronaut.jpg", "Slow push in on the face", "720x720"),
    ("Wan-AI/Wan2.2-I2V", "chelsea.jpg", "Convert to quick pencil sketch", "832x480"),
    ("wan2.7-i2v", "coffee.jpg", "Pull back, light snowfall", "1280x720"),
    ("happyhorse-1.0-i2v", "rocket.jpg", "镜头缓慢推进", "720x1280"),
    ("wan2.7-i2v", "chelsea.jpg", "Orbit around the cat", "960x720"),
    ("happyhorse-1.0-i2v", "coffee.jpg", "环绕咖啡杯", "960x720"),
    ("wan2.7-i2v", "astronaut.jpg", "Pan slowly to the left", "1280x720"),
)
WITHIN_MS = 60_000
SETTLES_MS = 2_500  # thumbnails, quotes and videos have come by then
Device = Literal["desk", "phone"]
Theme = Literal["light", "dark"]
SIZES: dict[Device, tuple[int, int]] = {"desk": (1280, 860), "phone": (390, 800)}


def make_videos(http: httpx2.Client) -> list[str]:
    """The ids of jobs that have ended."""
    ids = []
    for model, photo, prompt, size in VIDEOS:
        form = {"model": model, "prompt": prompt, "size": size, "seconds": "5"}
        with (PHOTOS / photo).open("rb") as file:
            answer = http.post("/v1/videos", data=form, files={"input_reference": file})
        ids.append(str(answer.raise_for_status().json()["id"]))
    for each in ids:
        while http.get(f"/v1/videos/{each}?wait=30").json()["status"] in {"queued", "in_progress"}:
            pass
    return ids


@contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    on: Device = "desk",
    theme: Theme = "light",
    locale: str = "en-GB",
) -> Iterator[Page]:
    width, height = SIZES[on]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=1.5,
        color_scheme=theme,
        locale=locale,
    )
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    yield page
    context.close()


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(SETTLES_MS)
    path = IMAGES / f"console-{name}.jpg"
    page.screenshot(path=path, type="jpeg", quality=80)
    Console().print(path.relative_to(ROOT))


def take_all(browser: Browser, url: str, ids: Sequence[str]) -> None:
    with opened(browser, url) as page:
        take(page, "first-visit")
        page.locator("input[type=file]").first.set_input_files(PHOTOS / "coffee.jpg")
        page.get_by_label("Model").select_option("wan2.7-i2v")
        page.get_by_label("Prompt", exact=True).fill("Slow push in, steam rises from the cup")
        take(page, "make")
    for name, place in (
        ("gallery", "gallery"),
        ("job", f"jobs/{ids[0]}"),
        ("compare", f"compare/{ids[3]}/{ids[6]}"),
        ("server", "server"),
    ):
        with opened(browser, f"{url}/#/{place}") as page:
            take(page, name)
    with opened(browser, f"{url}/#/gallery", theme="dark", locale="zh-CN") as page:
        take(page, "dark-zh")
    with opened(browser, f"{url}/#/make", on="phone") as page:
        page.locator("input[type=file]").first.set_input_files(PHOTOS / "chelsea.jpg")
        take(page, "phone")


def main() -> None:
    parser = argparse.ArgumentParser(description="takes the pictures of the console")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unstill-") as name:
        folder = Path(name)
        (folder / "unstill.toml").write_text(SETTINGS)
        (folder / "data").mkdir()
        note(folder / "data")
        arguments = [
            *("unstill", "serve", "--port", "0", "--data-dir", str(folder / "data")),
            *("--config", str(folder / "unstill.toml")),
        ]
        with running(arguments) as server, sync_playwright() as playwright:
            with httpx2.Client(base_url=server.url, timeout=60) as http:
                ids = make_videos(http)
            browser = playwright.chromium.launch(
                executable_path=given.browser,
                args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
            )
            take_all(browser, server.url, ids)
            browser.close()


if __name__ == "__main__":
    main()
