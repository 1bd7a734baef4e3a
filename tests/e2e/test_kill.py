"""kill -9, SIGTERM and a second server: nothing acknowledged is lost, nothing is made twice."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.server_children import children
from support.servers import LOOPBACK_ALLOWED, PHOTOS, PictureHost, Serving
from support.waits import hold_until
from unstill.store.embedded.beside import jobs_in

ONE_SLOT = '[engines.camera]\nkind = "camera"\nslots = 1\n'
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
CAMERA, MEDIA = "unstill.engines.camera", "unstill.media"


def body(picture: str, *, duration_s: int = 4, size: str = "320x256") -> dict[str, object]:
    """A small video."""
    return {
        "model": "openai/sora-2/image-to-video-pro",
        "input": {"first_frame_url": picture, "prompt": "push in"},
        "parameters": {"size": size, "duration": duration_s},
    }


def rows(data_dir: Path) -> dict[str, tuple[str, int]]:
    """State and attempt of each job, as the server left them."""
    return {job.id: (job.state.value, job.attempt) for job in jobs_in(data_dir)}


def names(data_dir: Path, job_id: str) -> set[str]:
    return {path.name for path in (data_dir / "jobs" / job_id[-2:] / job_id).iterdir()}


def freeze(server: Serving, program: str) -> None:
    for child in children(server.process.pid, program):
        os.kill(child, signal.SIGSTOP)


def progress(server: Serving, job_id: str) -> int:
    return int(server.status(job_id)["output"]["progress"])


class SlowPictureHost(PictureHost):
    """Answers nobody before `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.callers = 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.callers += 1
        self.gate.wait()
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: that a killed caller does not read its answer is no news here."""


@pytest.fixture
def slow_pictures() -> Iterator[SlowPictureHost]:
    with SlowPictureHost() as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield host
        host.gate.set()
        host.shutdown()
        thread.join()


@pytest.mark.slow
def test_a_job_killed_in_any_state_goes_on_and_ends(
    tmp_path: Path, slow_pictures: SlowPictureHost
) -> None:
    with Serving(tmp_path, config=ONE_SLOT) as server:
        finished = server.submit(body(CHELSEA))
        link = server.wait(finished)["output"]["urls"][0].removeprefix(server.url)
        video = server.http.get(link).content
        # Children that are stopped hold their jobs where they are.
        saving = server.submit(body(CHELSEA, duration_s=12, size="640x480"))
        hold_until(lambda: progress(server, saving) > 0)
        freeze(server, MEDIA)  # in time: what is left to render takes some seconds
        hold_until(lambda: rows(tmp_path)[saving][0] == "saving")
        running = server.submit(body(CHELSEA, duration_s=12))
        hold_until(lambda: progress(server, running) > 0)
        freeze(server, CAMERA)
        ready = server.submit(body(CHELSEA))
        queued = server.submit(body(f"{slow_pictures.url}/chelsea.jpg"))
        hold_until(lambda: rows(tmp_path)[ready][0] == "ready")
        hold_until(lambda: slow_pictures.callers == 1)
        server.kill()
        hold_until(lambda: not children(server.process.pid), within_s=10)
    left = rows(tmp_path)
    slow_pictures.gate.set()
    with Serving(tmp_path, config=ONE_SLOT) as server:
        link_after = server.wait(finished)["output"]["urls"][0].removeprefix(server.url)
        video_after = server.http.get(link).content
        ended = [server.wait(job_id)["output"] for job_id in (saving, running, ready, queued)]

    assert left == {
        finished: ("succeeded", 1),
        saving: ("saving", 1),
        running: ("running", 1),
        ready: ("ready", 0),
        queued: ("queued", 0),
    }
    assert {output["task_status"] for output in ended} == {"Success"}
    assert (link_after, video_after) == (link, video)
    assert rows(tmp_path)[saving] == ("succeeded", 1)  # it was not rendered again
    for job_id, video_name in (
        (finished, "video-1.mp4"),
        (saving, "video-1.mp4"),
        (running, "video-2.mp4"),
        (ready, "video-1.mp4"),
        (queued, "video-1.mp4"),
    ):
        assert names(tmp_path, job_id) == {"first-frame", video_name}


def submit_until_killed(server: Serving, picture: str, acknowledged: list[str]) -> None:
    try:
        for _ in range(3):
            acknowledged.append(server.submit(body(picture)))
            time.sleep(0.05)
    except httpx2.HTTPError:
        return  # killed in the middle of an answer: that job was promised to nobody


@pytest.mark.slow
def test_many_kills_at_random_moments_lose_nothing_and_make_nothing_twice(
    tmp_path: Path, pictures: PictureHost
) -> None:
    moments = random.Random(20261120)
    acknowledged: list[str] = []
    seen: set[str] = set()
    finished: dict[str, bytes] = {}
    for turn in range(10):
        with Serving(tmp_path) as server:
            picture = CHELSEA if turn % 2 else f"{pictures.url}/chelsea.jpg"
            args = (server, picture, acknowledged)
            submits = threading.Thread(target=submit_until_killed, args=args)
            submits.start()
            time.sleep(moments.uniform(0.02, 1.2 + turn / 4))  # a busy machine gets further later
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            submits.join()
            server.kill()
        left = rows(tmp_path)
        seen |= {state for state, _ in left.values()}
        assert set(acknowledged) <= left.keys()
        for job_id in (job_id for job_id, (state, _) in left.items() if state == "succeeded"):
            video = video_of(tmp_path, job_id)
            assert finished.setdefault(job_id, video) == video
    with Serving(tmp_path) as server:
        ended = {job_id: server.wait(job_id)["output"]["task_status"] for job_id in acknowledged}

    assert set(ended.values()) == {"Success"}
    assert len(acknowledged) >= 10
    assert len(seen) >= 3
    for job_id in rows(tmp_path):
        video_of(tmp_path, job_id)
    assert {job_id: video_of(tmp_path, job_id) for job_id in finished} == finished


def video_of(data_dir: Path, job_id: str) -> bytes:
    """The one result of a job."""
    [name] = names(data_dir, job_id) - {"first-frame"}
    assert name.endswith(".mp4")
    return (data_dir / "jobs" / job_id[-2:] / job_id / name).read_bytes()


@pytest.mark.slow
def test_sigterm_ends_a_busy_server_in_a_few_seconds_and_its_jobs_go_on(
    tmp_path: Path, slow_pictures: SlowPictureHost
) -> None:
    with Serving(tmp_path, config=ONE_SLOT) as server:
        running = server.submit(body(CHELSEA, duration_s=12))
        hold_until(lambda: progress(server, running) > 0)
        freeze(server, CAMERA)  # it does not hear the server's SIGTERM
        ready = server.submit(body(CHELSEA))
        queued = server.submit(body(f"{slow_pictures.url}/chelsea.jpg"))
        hold_until(lambda: rows(tmp_path)[ready][0] == "ready")
        hold_until(lambda: slow_pictures.callers == 1)
        began = time.monotonic()
        status = server.end()
        took_s = time.monotonic() - began
        log = server.log
    left = rows(tmp_path)
    slow_pictures.gate.set()
    with Serving(tmp_path, config=ONE_SLOT) as server:
        ended = [server.wait(job_id)["output"] for job_id in (running, ready, queued)]

    assert took_s < 10
    assert status in {0, -signal.SIGTERM}
    assert "Traceback" not in log
    assert left == {running: ("ready", 1), ready: ("ready", 0), queued: ("queued", 0)}
    assert {output["task_status"] for output in ended} == {"Success"}


@pytest.mark.slow
def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        second = subprocess.run(
            [sys.executable, "-m", "unstill", "serve", "--port", "0", "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, **LOOPBACK_ALLOWED},
        )
        job = server.wait(server.submit(body(CHELSEA)))["output"]

    said = f"unstill: the data folder {tmp_path} is in use by another server, process "
    assert second.returncode == 1
    assert second.stderr.startswith(f"{said}{server.process.pid}: stop it"), second.stderr
    assert second.stderr.count("\n") == 1
    assert job["task_status"] == "Success"
