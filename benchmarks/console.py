"""How the console feels: its first paint, and the gallery of 5,000 jobs while it is scrolled.

    python -m benchmarks.console [--jobs 5000] [--browser /usr/bin/chromium]

A server makes one small video; then the store is given rows of as many jobs, days of them, each
with links to that video's files, and the server is started anew. Debian's Chromium without a
window, without a graphics card, opens the page with an empty cache:

- first paint: milliseconds from the navigation to the first text or picture (FCP), of ROUNDS
  visits the middle one and the worst;
- jumps: the sum of all layout shifts (CLS) until the gallery is whole, scrolled and filtered;
- bytes: all that the first visit of a screen brings of the page, as it comes, packed; the sample
  photo, jobs and thumbnails do not count.

Then the gallery, once all of its jobs are known, is scrolled by as much as time has passed, in each
frame: at a reader's speed, at which thumbnails come, and at one that passes all jobs. Frame times
are from one `requestAnimationFrame` to the next: a frame that was missed counts as a long one. A
second of 60 frames has 16.7 ms each; 50 are 20 ms.

Measured on a quiet machine: the page, the browser's painting and the server share its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx2
import msgspec
from benchmarks.process import running
from playwright.sync_api import Browser, Page, Request, ViewportSize, sync_playwright
from rich.console import Console
from rich.table import Table

from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.installed import note
from unstill.system.job_folders import JOBS, folder_of

PHOTO = Path(__file__).parents[1] / "photos" / "chelsea.jpg"
FORM = {"model": "wan2.7-i2v", "size": "320x256", "seconds": "2", "prompt": "push in"}
PROMPTS = ("slow push in", "orbit left, then hold", "tilt up to the stars", "a cat wakes up")
SPACING_MS = 311_000  # from one job to the next: 5,000 are 18 days
AT_ONCE = 64
ROUNDS = 5
SCREENS = ("make", "gallery")
VIEW: ViewportSize = {"width": 1280, "height": 800}
# Pixels a second: as fast as one may look, and as one drags the scrollbar.
SPEEDS = {"a reader's": 1_500, "fast": 8_000, "all of it": 30_000}
MOST_S = 15.0
PAGE_FILES = ("/console/", "/favicon")

WATCHED = """
window.jumps = 0;
new PerformanceObserver(list => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.jumps += shift.value;
}).observe({ type: "layout-shift", buffered: true });
"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
SCROLLED = """([speed, most_ms]) => new Promise(resolve => {
    const end = document.documentElement.scrollHeight - innerHeight;
    const times = [];
    scrollTo(0, 0);
    const first = performance.now();
    const frame = now => {
        times.push(now);
        const y = speed * (now - first) / 1000;
        scrollTo(0, y);
        if (y < end && now - first < most_ms) requestAnimationFrame(frame);
        else resolve([times.slice(1).map((each, n) => each - times[n]), Math.min(y, end)]);
    };
    requestAnimationFrame(frame);
})"""


class Scroll(NamedTuple):
    """Frames of one scroll, ms each, and how far it came."""

    name: str
    frames_ms: list[float]
    px: float

    @property
    def per_s(self) -> float:
        return 1000 * len(self.frames_ms) / sum(self.frames_ms)

    def slowest(self, share: float) -> float:
        """ms that the given share of frames takes at most."""
        return sorted(self.frames_ms)[
            min(len(self.frames_ms) - 1, int(len(self.frames_ms) * share))
        ]


def make_video(data_dir: Path) -> str:
    """One finished job with its thumbnail drawn; its id."""
    arguments = ("unstill", "serve", "--port", "0", "--data-dir", str(data_dir))
    with running(arguments) as server, httpx2.Client(base_url=server.url, timeout=60) as http:
        with PHOTO.open("rb") as photo:
            answer = http.post("/v1/videos", data=FORM, files={"input_reference": photo})
        made = str(answer.raise_for_status().json()["id"])
        while http.get(f"/v1/videos/{made}").json()["status"] != "completed":
            time.sleep(0.1)
        http.get(f"/v1/videos/{made}/content?variant=thumbnail").raise_for_status()
    return made


async def add_jobs(data_dir: Path, made: str, count: int) -> None:
    """Rows of finished jobs, and folders with links to the files of the one that was made."""
    store = EmbeddedStore(data_dir)
    await store.open()
    job = await store.jobs.find(made)
    if job is None:
        raise RuntimeError("the job that was made is not in the store")
    folder = folder_of(data_dir / JOBS, made)
    waiting = iter(range(1, count))

    async def add_all() -> None:
        for n in waiting:
            copy = earlier(job, n)
            link_files(folder, folder_of(data_dir / JOBS, copy.id))
            await store.jobs.add(copy)

    await asyncio.gather(*(add_all() for _ in range(AT_ONCE)))
    await store.close()


def earlier(job: Job, n: int) -> Job:
    """The same, `n` jobs before."""
    by_ms = n * SPACING_MS
    request = msgspec.structs.replace(job.request, prompt=f"{PROMPTS[n % len(PROMPTS)]} {n}")
    return msgspec.structs.replace(
        job,
        id=new_id(job.created_ms - by_ms),
        request=request,
        created_ms=job.created_ms - by_ms,
        started_ms=(job.started_ms or job.created_ms) - by_ms,
        ended_ms=(job.ended_ms or job.created_ms) - by_ms,
    )


def link_files(made: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for file in made.iterdir():
        if file.is_file() and not file.is_symlink():
            (folder / file.name).hardlink_to(file)


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Page]:
    """A page of a visitor who was never there before."""
    context = browser.new_context(viewport=VIEW, locale="en-US")
    context.add_init_script(WATCHED)
    page = context.new_page()
    try:
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for()
        yield page
    finally:
        context.close()


def painted_ms(browser: Browser, url: str, screen: str) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        with visiting(browser, f"{url}/#/{screen}") as page:
            page.wait_for_timeout(500)
            found.append(float(page.evaluate(PAINTED)))
    return found


def brought_bytes(browser: Browser, url: str, screen: str) -> int:
    """Of the page itself, as packed as it comes."""
    context = browser.new_context(viewport=VIEW, locale="en-US")
    page = context.new_page()
    ended: list[Request] = []
    page.on("requestfinished", lambda request: ended.append(request))  # noqa: PLW0108  - it marks what it is given
    page.goto(f"{url}/#/{screen}")
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(1_000)
    total = 0
    for request in ended:
        path = request.url.removeprefix(url)
        if path.partition("#")[0] in {"", "/"} or (
            path.startswith(PAGE_FILES) and "/samples/" not in path
        ):
            total += request.sizes()["responseBodySize"]
    context.close()
    return total


def scrolled(page: Page, count: int) -> Iterator[Scroll]:
    page.get_by_text(f"{count:,} jobs").wait_for()
    for name, speed in SPEEDS.items():
        page.wait_for_timeout(1_000)
        frames, px = page.evaluate(SCROLLED, [speed, MOST_S * 1000])
        yield Scroll(name, frames, px)


def jumps_while_used(page: Page) -> float:
    """All layout shifts of the visit, also while a filter is put on and off."""
    page.get_by_label("State").select_option("failed")
    page.get_by_role("heading", name="Nothing found").wait_for()
    page.get_by_label("State").select_option("")
    page.wait_for_timeout(1_000)
    return float(page.evaluate("window.jumps"))


def measure(url: str, count: int, program: str) -> Mapping[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        found: dict[str, Any] = {
            "painted": {screen: painted_ms(browser, url, screen) for screen in SCREENS},
            "bytes": {screen: brought_bytes(browser, url, screen) for screen in SCREENS},
        }
        with visiting(browser, f"{url}/#/gallery") as page:
            found["scrolls"] = list(scrolled(page, count))
            found["jumps"] = jumps_while_used(page)
        browser.close()
    return found


def show(found: Mapping[str, Any]) -> None:
    table = Table(title="The page")
    for head in ("screen", "first paint, ms", "worst", "bytes"):
        table.add_column(head)
    for screen, times in found["painted"].items():
        table.add_row(
            screen, f"{median(times):.0f}", f"{max(times):.0f}", f"{found['bytes'][screen]:,}"
        )
    frames = Table(title=f"Scrolling; layout shifts in all: {found['jumps']:.4f}")
    for head in ("speed", "px", "frames a second", "p50, ms", "p95, ms", "p99, ms", "worst, ms"):
        frames.add_column(head)
    for each in found["scrolls"]:
        told = [each.slowest(share) for share in (0.5, 0.95, 0.99, 1)]
        frames.add_row(
            each.name, f"{each.px:,.0f}", f"{each.per_s:.1f}", *(f"{ms:.1f}" for ms in told)
        )
    Console(width=110).print(table, frames)


def main() -> None:
    parser = argparse.ArgumentParser(description="how the console feels")
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="unstill-") as name:
        data_dir = Path(name)
        note(data_dir)
        asyncio.run(add_jobs(data_dir, make_video(data_dir), given.jobs))
        arguments = ("unstill", "serve", "--port", "0", "--data-dir", name)
        with running(arguments) as server:
            show(measure(server.url, given.jobs, given.browser))


if __name__ == "__main__":
    main()
