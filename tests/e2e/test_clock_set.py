"""The machine's clock is set while a real server has jobs in a pause."""

from __future__ import annotations

import base64
import os
import signal
import time
from pathlib import Path

import pytest
from benchmarks.moved_clock import MovedClock

from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving

pytestmark = pytest.mark.slow

HOUR_MS = 3600 * 1000
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()


def submitted(server: Serving, *, duration_s: int = 2) -> str:
    answer = server.http.post(
        "/v1/tasks/submit",
        json={
            "model": "wan2.7-i2v",
            "input": {"img_url": CHELSEA, "prompt": "push in"},
            "parameters": {"size": "320x256", "duration": duration_s},
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def camera_of(server: Serving) -> int:
    """The process that renders."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for folder in Path("/proc").iterdir():
            try:
                is_child = f"PPid:\t{server.process.pid}\n" in (folder / "status").read_text()
                if is_child and b"unstill.engines.camera" in (folder / "cmdline").read_bytes():
                    return int(folder.name)
            except OSError:
                continue
        time.sleep(0.02)
    raise AssertionError("nothing renders")


@pytest.mark.parametrize("jump_ms", [-HOUR_MS, 25 * HOUR_MS])
def test_a_render_that_died_goes_on_in_time_and_the_order_of_a_list_stays(
    tmp_path: Path, jump_ms: int
) -> None:
    clock = MovedClock.make(tmp_path / "clock")
    data_dir = tmp_path / "data"
    with Serving(data_dir, environment=LOOPBACK_ALLOWED, clock=tmp_path / "clock") as server:
        died = submitted(server, duration_s=6)
        os.kill(camera_of(server), signal.SIGKILL)
        clock.move(jump_ms)
        later = submitted(server)
        words = [server.wait(job_id)["output"]["task_status"] for job_id in (died, later)]
        listed = server.http.get("/api/v1/tasks/").json()["data"]

    assert words == ["Success", "Success"]
    assert [task["task_id"] for task in listed] == [later, died]
