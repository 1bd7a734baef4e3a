"""What a page holds that is left open: its memory while events run.

    python -m benchmarks.console_memory [--minutes 30]

Three pages of one server stay open, one on each screen that lives by events. Small videos are made
all the while, one after another; the oldest are deleted. Every minute the pages' garbage is
collected, and what is left is counted: kilobytes of JavaScript, nodes, listeners. A page that
keeps what it need not grows with the events that it has heard. The first five minutes fill caches
and are told apart.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx2
from benchmarks.process import running
from playwright.sync_api import CDPSession, sync_playwright
from rich.console import Console
from rich.table import Table

from unstill.system.installed import note

PHOTO = Path(__file__).parents[1] / "photos" / "chelsea.jpg"
PLACES = ("#/make", "#/gallery", "#/server")
WARM_MINUTES = 5
PAUSE_S = 6.0  # between two videos; each is some fifty events
KEPT = 40  # jobs; older ones are deleted


class Held(NamedTuple):
    """What a page holds after its garbage was collected."""

    heap_kib: float
    nodes: int
    listeners: int


def held(session: CDPSession) -> Held:
    session.send("HeapProfiler.collectGarbage")
    told = session.send("Performance.getMetrics")["metrics"]
    figures: Mapping[str, float] = {each["name"]: each["value"] for each in told}
    return Held(
        figures["JSHeapUsedSize"] / 1024,
        int(figures["Nodes"]),
        int(figures["JSEventListeners"]),
    )


def make_videos(url: str, is_over: threading.Event, made: list[str]) -> None:
    """One after another, until it is over."""
    with httpx2.Client(base_url=url, timeout=60) as http:
        while not is_over.wait(PAUSE_S):
            form = {"model": "wan2.7-i2v", "size": "320x256", "seconds": "2", "prompt": "push in"}
            with PHOTO.open("rb") as photo:
                answer = http.post("/v1/videos", data=form, files={"input_reference": photo})
            made.append(answer.raise_for_status().json()["id"])
            if len(made) > KEPT:
                http.delete(f"/v1/videos/{made[-KEPT - 1]}")


def measure(url: str, minutes: int, browser_at: str | None) -> Iterator[tuple[int, list[Held]]]:
    """What each page holds, minute by minute."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_at, args=["--no-sandbox", "--disable-gpu"]
        )
        sessions = []
        for place in PLACES:
            page = browser.new_page()
            page.goto(f"{url}/{place}")
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            sessions.append((page, session))
        begin = time.monotonic()
        for minute in range(1, minutes + 1):
            # The driver hears what pages say only while it is waited by.
            sessions[0][0].wait_for_timeout(max(0.0, begin + minute * 60 - time.monotonic()) * 1000)
            yield minute, [held(session) for _, session in sessions]
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="what an open page holds while events run")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    given = parser.parse_args()
    rows: list[tuple[int, list[Held]]] = []
    made: list[str] = []
    is_over = threading.Event()
    with TemporaryDirectory(prefix="unstill-") as name:
        note(Path(name))
        arguments = ("unstill", "serve", "--port", "0", "--data-dir", name)
        with running(arguments) as server:
            maker = threading.Thread(target=make_videos, args=(server.url, is_over, made))
            maker.start()
            try:
                for minute, pages in measure(server.url, given.minutes, given.browser):
                    rows.append((minute, pages))
                    print(minute, *(f"{page.heap_kib:.0f} KiB {page.nodes}" for page in pages))
            finally:
                is_over.set()
                maker.join()
    show(rows, len(made))


def show(rows: list[tuple[int, list[Held]]], made: int) -> None:
    steady = [pages for minute, pages in rows if minute > WARM_MINUTES]
    third = max(1, len(steady) // 3)
    table = Table(title=f"{rows[-1][0]} minutes, {made} videos")
    for head in ("page", "KiB, first third", "KiB, last third", "nodes", "nodes", "listeners", ""):
        table.add_column(head)
    for at, place in enumerate(PLACES):
        early = [pages[at] for pages in steady[:third]]
        late = [pages[at] for pages in steady[-third:]]
        table.add_row(
            place,
            f"{mean(each.heap_kib for each in early):,.0f}",
            f"{mean(each.heap_kib for each in late):,.0f}",
            f"{mean(each.nodes for each in early):,.0f}",
            f"{mean(each.nodes for each in late):,.0f}",
            f"{mean(each.listeners for each in early):,.0f}",
            f"{mean(each.listeners for each in late):,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
