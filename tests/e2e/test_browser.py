"""A real browser: it plays and seeks what unstill makes, and draws the API's page."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving import PictureHost, Serving

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
# Seeks, plays on from there, and tells the host of the page what it has seen.
PLAYER = """<!doctype html><video id=v muted src="{link}"></video><script>
const tell = (...words) => fetch('/told/' + words.join('/'));
const v = document.getElementById('v');
v.onerror = () => tell('error', v.error.code);
v.onloadedmetadata = () => {{ v.currentTime = 2; }};
v.onseeked = () => {{
  v.onseeked = null;
  v.ontimeupdate = () => {{
    if (v.currentTime < 2.3) return;
    v.ontimeupdate = null;
    tell('played', v.duration.toFixed(2), v.videoWidth, v.videoHeight);
  }};
  v.play();
}};
</script>"""


@pytest.fixture(scope="module", autouse=True)
def _chromium() -> None:
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI must install chromium"
        pytest.skip("no chromium on this machine")


@contextmanager
def browser(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
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


def test_a_browser_plays_a_video_and_seeks_in_it(
    server: Serving, pictures: PictureHost, tmp_path: Path
) -> None:
    task_id = server.submit(
        {
            "model": "wan2.7-i2v",
            "input": {"first_frame_url": f"{pictures.url}/coffee.jpg", "prompt": "orbit left"},
            "parameters": {"size": "640x360", "duration": 4, "audio": True},
        }
    )
    link = server.wait(task_id)["output"]["urls"][0]
    page = PLAYER.format(link=link).encode()
    pictures.pages["/play.html"] = (200, {"content-type": "text/html"}, page)

    with browser(tmp_path, "--remote-debugging-port=0", f"{pictures.url}/play.html"):
        words = told(pictures)

    assert words == "played/4.00/640/360"


def page_of(server: Serving, folder: Path) -> str:
    """The API's page as the browser has drawn it."""
    dump = ("--dump-dom", "--virtual-time-budget=5000", f"{server.url}/docs")
    with browser(folder, *dump) as process:
        return process.communicate(timeout=WITHIN_S)[0]


def test_the_page_of_the_api_draws_routes_and_models(server: Serving, tmp_path: Path) -> None:
    dom = page_of(server, tmp_path)

    assert "<code>/v1/tasks/submit</code>" in dom
    assert "<code>video.completed</code>" in dom
    assert "-H 'X-DashScope-Async: enable'" in dom  # of an example: it is copied whole
    assert "/v1/tasks/status?task_id=TASK_ID'" in dom
    assert "<td>text/event-stream</td>" in dom
    assert "x-unstill-queue-position" in dom
    assert "<h3>Wan-AI/Wan2.2-I2V</h3>" in dom
    assert "a 2.5D camera move over the photo, not a generative model" in dom


def test_the_page_of_the_api_shows_parameters_answers_and_what_is_refused_last(
    server: Serving, tmp_path: Path
) -> None:
    dom = page_of(server, tmp_path)
    routes = ("/v1/videos", "/openai/v1/videos/{video_id}/content", "/v1/videos/edits")
    places = [dom.index(f"<code>{route}</code>") for route in routes]

    assert places == sorted(places)
    assert "<td>wait</td><td>query</td><td>Seconds that the answer may wait" in dom
    assert "<td>0 to 60</td>" in dom
    assert "<td>Idempotency-Key</td><td>header</td>" in dom
    assert f"curl -N -X GET '{server.url}/v1/videos/{{video_id}}/events'" in dom
    assert "<td>422</td><td>idempotency_key_reused</td>" in dom
