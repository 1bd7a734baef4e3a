"""A real browser plays and seeks what unstill makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.chromium import browser, told
from support.servers import PictureHost, Serving

pytestmark = pytest.mark.slow

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
    pictures.asked.clear()  # what pages of other tests have told
    page = PLAYER.format(link=link).encode()
    pictures.pages["/play.html"] = (200, {"content-type": "text/html"}, page)

    with browser(tmp_path, "--remote-debugging-port=0", f"{pictures.url}/play.html"):
        words = told(pictures)

    assert words == "played/4.00/640/360"
