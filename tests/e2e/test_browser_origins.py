"""A real browser, on pages of other origins: what such a page can make and read here."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from support.chromium import WITHIN_S, browser, told
from support.servers import PictureHost, Serving

pytestmark = pytest.mark.slow

# Tries what a page can: forms and JSON, with and without wanting to read what comes; and a read.
INTRUDER = """<!doctype html><body><script>
const tell = (...words) => fetch('/told/' + words.join('/'));
const tried = async (options) => {{
  try {{
    const answer = await fetch('{server}/v1/videos', options);
    return answer.type === 'opaque' ? 'opaque' : String(answer.status);
  }} catch {{ return 'unreadable'; }}
}};
const bytes = Uint8Array.from(atob('{picture}'), (c) => c.codePointAt(0));
const form = new FormData();
form.append('model', 'wan2.7-i2v');
form.append('input_reference', new Blob([bytes]), 'a.png');
const json = new Blob(['{{"model": "wan2.7-i2v", "input_reference": "{picture}"}}']);
const headers = {{'content-type': 'application/json'}};
(async () => tell(
  await tried({{method: 'POST', body: form, mode: 'no-cors'}}),
  await tried({{method: 'POST', body: json, mode: 'no-cors'}}),
  await tried({{method: 'POST', body: form}}),
  await tried({{method: 'POST', body: json, headers}}),
  await tried({{method: 'DELETE'}}),
  await tried({{}}),
))();
</script>"""
REBOUND = "rebound.example"


def intrude(pictures: PictureHost, server: Serving, folder: Path) -> list[str]:
    """What a page of another origin was told, one word for each of its tries."""
    file = io.BytesIO()
    Image.new("RGB", (320, 256)).save(file, "PNG")
    picture = base64.b64encode(file.getvalue()).decode()
    page = INTRUDER.format(server=server.url, picture=picture).encode()
    pictures.asked.clear()
    pictures.pages["/intruder.html"] = (200, {"content-type": "text/html"}, page)
    # Its question to the person about local networks is not what is tried here.
    unasked = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
    url = f"{pictures.url}/intruder.html"
    with browser(folder, "--remote-debugging-port=0", unasked, url):
        return told(pictures).split("/")


def test_a_page_of_another_origin_makes_nothing_and_reads_nothing(
    pictures: PictureHost, tmp_path: Path
) -> None:
    with Serving(tmp_path / "server") as server:
        words = intrude(pictures, server, tmp_path)

        assert words == ["opaque", "opaque", *["unreadable"] * 4]
        assert server.http.get("/v1/videos").json()["data"] == []


def test_a_page_that_the_operator_named_makes_videos_and_reads_the_list(
    pictures: PictureHost, tmp_path: Path
) -> None:
    variables = {"UNSTILL_CORS_ORIGINS": pictures.url}
    with Serving(tmp_path / "server", environment=variables) as server:
        words = intrude(pictures, server, tmp_path)

        assert words == ["opaque", "opaque", "200", "200", "405", "200"]
        assert len(server.http.get("/v1/videos").json()["data"]) == 4


def test_under_a_name_that_was_made_to_lead_here_nothing_is_read(
    server: Serving, tmp_path: Path
) -> None:
    """DNS rebinding: to the browser the page and the server are one origin."""
    leads_here = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
    url = f"http://{REBOUND}:{server.url.rpartition(':')[2]}/v1/videos"
    with browser(tmp_path, leads_here, "--dump-dom", url) as process:
        dom = process.communicate(timeout=WITHIN_S)[0]

    assert "foreign_host" in dom
    assert '"data"' not in dom
