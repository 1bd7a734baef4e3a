"""The page at /docs, drawn by a real browser; the programs that it shows are run."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from shutil import copy

import pytest

from support.chromium import WITHIN_S, browser
from support.node_sdk import MODULES
from support.servers import LOOPBACK_ALLOWED, PHOTOS, PictureHost, Serving

pytestmark = pytest.mark.slow

SHOWN_PICTURE = "https://example.com/cat.jpg"
SUBMIT = "post-v1-tasks-submit"


class Page(HTMLParser):
    """What is drawn: texts of `pre` by section and language, and the sections in their order."""

    def __init__(self, dom: str) -> None:
        super().__init__()
        self.dom = dom
        self.sections: list[str] = []
        self.programs: dict[tuple[str, str], list[str]] = {}
        self._program: list[str] | None = None
        self.feed(dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "section":
            self.sections.append(given.get("id", ""))
        if tag == "pre" and "data-language" in given:
            self.programs.setdefault((self.sections[-1], given["data-language"]), []).append("")
            self._program = self.programs[self.sections[-1], given["data-language"]]

    def handle_data(self, data: str) -> None:
        if self._program is not None:
            self._program[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._program = None


def drawn(server: Serving, folder: Path, path: str = "/docs") -> Page:
    dump = ("--dump-dom", "--virtual-time-budget=5000", f"{server.url}{path}")
    with browser(folder, *dump) as process:
        return Page(process.communicate(timeout=WITHIN_S)[0])


@pytest.fixture(scope="module")
def page(server: Serving, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return drawn(server, tmp_path_factory.mktemp("page"))


def test_the_page_draws_routes_models_and_webhooks(page: Page) -> None:
    assert "<code>/v1/tasks/submit</code>" in page.dom
    assert "<code>video.completed</code>" in page.dom
    assert "-H 'X-DashScope-Async: enable'" in page.dom  # an example has it: it is copied whole
    assert "/v1/tasks/status?task_id=TASK_ID'" in page.dom
    assert "text/event-stream" in page.dom
    assert "x-unstill-queue-position" in page.dom
    assert "<code>Wan-AI/Wan2.2-I2V</code>" in page.dom
    assert "a 2.5D camera move over the photo, not a generative model" in page.dom


def test_the_page_lets_nothing_in_but_its_own_script_and_style(server: Serving) -> None:
    answer = server.http.get("/docs")
    policy = answer.headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert " onsubmit=" not in answer.text


def test_each_create_route_lists_its_fields_under_its_own_names(page: Page) -> None:
    tasks = page.dom[page.dom.index(f'id="{SUBMIT}"') : page.dom.index('id="get-v1-tasks-status"')]
    videos = page.dom[page.dom.index('id="post-v1-videos"') : page.dom.index('id="get-v1-videos"')]

    assert "<code>input.first_frame_url</code>" in tasks
    assert "<code>parameters.duration</code>" in tasks
    assert "5, 8; default 5" in tasks
    assert "<code>seconds</code>" in videos
    assert "<code>parameters.duration</code>" not in videos


def test_every_call_has_an_anchor_and_stands_once(page: Page) -> None:
    assert SUBMIT in page.sections
    assert f'href="#{SUBMIT}"' in page.dom
    assert len(page.sections) == len(set(page.sections))
    assert not any("openai-v1" in section for section in page.sections)
    assert "The same at /openai/v1/videos." in page.dom


def test_what_is_not_done_is_one_closed_list_with_what_to_do_instead(page: Page) -> None:
    assert "post-v1-videos-edits" not in page.sections
    assert "POST /v1/videos/edits</td><td>a video cannot be edited here: send a frame" in page.dom


def test_each_call_shows_its_answers_with_an_example(page: Page) -> None:
    assert '"task_status": "Success"' in page.dom
    assert '"status": "completed"' in page.dom
    assert '"task_status": "SUCCEEDED"' in page.dom
    assert "parameters.duration must be a whole number from 2 to 15, got 20" in page.dom
    assert "idempotency_key_reused" in page.dom


def test_with_keys_the_page_still_has_models_and_asks_for_a_key(tmp_path: Path) -> None:
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "ann:sk-ann"}
    with Serving(tmp_path, environment=environment) as server:
        page = drawn(server, tmp_path)

    assert "<code>happyhorse-1.0-i2v</code>" in page.dom
    assert "sora-2-2025-12-08" in page.dom
    assert "With the API key above" in page.dom


def program(page: Page, section: str, language: str) -> str:
    return page.programs[section, language][0].replace("YOUR_API_KEY", "any")


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_of_a_create_call_makes_a_job(
    page: Page, server: Serving, pictures: PictureHost, tmp_path: Path
) -> None:
    text = program(page, SUBMIT, "Python").replace(SHOWN_PICTURE, f"{pictures.url}/chelsea.jpg")
    came = run([sys.executable, "-c", text], tmp_path)

    assert server.status(came.split("'task_id': '")[1].split("'")[0])["output"]["task_status"]


def test_the_node_of_a_create_call_makes_a_job(
    page: Page, server: Serving, node: str, pictures: PictureHost, tmp_path: Path
) -> None:
    text = program(page, SUBMIT, "Node").replace(SHOWN_PICTURE, f"{pictures.url}/chelsea.jpg")
    (tmp_path / "submit.mjs").write_text(text)
    came = run([node, "submit.mjs"], tmp_path)

    assert server.status(came.split("task_id: '")[1].split("'")[0])["output"]["task_status"]


def test_the_curl_of_a_create_call_makes_a_job(
    page: Page, server: Serving, pictures: PictureHost, tmp_path: Path
) -> None:
    text = program(page, SUBMIT, "curl").replace(SHOWN_PICTURE, f"{pictures.url}/chelsea.jpg")
    came = run(["sh", "-c", text], tmp_path)

    assert server.status(came.split('"task_id":"')[1].split('"')[0])["output"]["task_status"]


def test_the_program_with_openais_python_sdk_makes_a_video(page: Page, tmp_path: Path) -> None:
    copy(PHOTOS / "chelsea.jpg", tmp_path / "photo.jpg")
    run(
        [sys.executable, "-c", program(page, "post-v1-videos", "OpenAI SDK, Python")],
        tmp_path,
    )

    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_program_with_openais_node_sdk_makes_a_video(
    page: Page, node: str, tmp_path: Path
) -> None:
    copy(PHOTOS / "chelsea.jpg", tmp_path / "photo.jpg")
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "make.mjs").write_text(program(page, "post-v1-videos", "OpenAI SDK, Node"))
    run([node, "make.mjs"], tmp_path)

    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_program_with_dashscopes_sdk_makes_a_video(page: Page, tmp_path: Path) -> None:
    copy(PHOTOS / "chelsea.jpg", tmp_path / "photo.jpg")
    section = "post-api-v1-services-aigc-video-generation-video-synthesis"
    came = run([sys.executable, "-c", program(page, section, "DashScope SDK")], tmp_path)

    assert came.startswith("SUCCEEDED http://127.0.0.1:")
