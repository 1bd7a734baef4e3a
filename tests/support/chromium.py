"""Debian's Chromium without a window, for tests of what a browser makes of unstill."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.servers import PictureHost

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
WITHIN_S = 30.0


def chromium() -> str:
    """Its path; skips who calls where there is none."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI must install chromium"
        pytest.skip("no chromium on this machine")
    return CHROMIUM


@contextmanager
def browser(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [chromium(), *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=WITHIN_S)


def told(host: PictureHost) -> str:
    """What the page told its host."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        for path in host.asked:
            if path.startswith("/told/"):
                return path.removeprefix("/told/")
        time.sleep(0.05)
    raise AssertionError("the page told nothing")
