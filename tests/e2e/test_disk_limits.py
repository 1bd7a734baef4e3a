"""A server whose folder holds as much as it may: what each dialect says, and what goes on."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from support.servers import PHOTOS, Serving
from support.small_disks import fill, small_disk
from support.waits import hold_until
from unstill.cli.backup_folder import back_up

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
TASK: dict[str, Any] = {
    "model": "wan2.7-i2v",
    "input": {"first_frame_url": CHELSEA},
    "parameters": {"duration": 2},
}
CREATES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "/v1/tasks/submit": (TASK, {}),
    "/v1/videos": (
        {"model": "wan2.7-i2v", "input_reference": {"content": [{"image_url": {"url": CHELSEA}}]}},
        {},
    ),
    "/openai/v1/videos": (
        {"model": "sora-2", "prompt": "push in", "input_reference": {"image_url": CHELSEA}},
        {},
    ),
    "/api/v1/services/aigc/video-generation/video-synthesis": (
        {"model": "wan2.7-i2v", "input": {"img_url": CHELSEA}},
        {"x-dashscope-async": "enable"},
    ),
}


@pytest.mark.slow
def test_each_dialect_refuses_new_jobs_with_507_until_there_is_room_and_old_ones_go_on(
    tmp_path: Path,
) -> None:
    ballast = tmp_path / "uploads" / "ballast"
    with Serving(tmp_path, config="[server]\nmost_data_mb = 60\n") as server:
        job_id = server.submit(TASK)
        ballast.parent.mkdir(exist_ok=True)
        with ballast.open("wb") as file:
            file.truncate(60 * 10**6)
        hold_until(lambda: server.http.get("/ready").status_code == 503)
        refused = {
            path: server.http.post(path, json=body, headers=headers)
            for path, (body, headers) in CREATES.items()
        }
        ready = server.http.get("/ready").json()
        made = server.wait(job_id)
        ballast.unlink()
        hold_until(lambda: server.http.get("/ready").status_code == 200)
        again = server.wait(server.submit(TASK))

    assert {path: answer.status_code for path, answer in refused.items()} == dict.fromkeys(
        CREATES, 507
    ), {path: answer.text for path, answer in refused.items()}
    assert all("as much as it may" in answer.text for answer in refused.values())
    assert ready["reasons"] == ["disk"]
    assert made["output"]["task_status"] == again["output"]["task_status"] == "Success"


@pytest.mark.slow
def test_jobs_wait_while_the_disk_is_full_and_nothing_is_spoilt(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_mb=96) as disk:
        config = "[server]\nleast_free_mb = 20\n"
        with Serving(disk / "data", config=config) as server:
            before = server.wait(server.submit(TASK))
            waiting = [server.submit(TASK) for _ in range(6)]
            filler = fill(disk)
            hold_until(lambda: server.http.get("/ready").status_code == 503)
            refused = server.http.post("/v1/tasks/submit", json=TASK)
            full = [server.status(job_id)["output"]["task_status"] for job_id in waiting]
            health = server.http.get("/health").status_code
            filler.unlink()
            ended = [server.wait(job_id)["output"]["task_status"] for job_id in waiting]
            video = server.http.get(before["output"]["urls"][0])
        # It checks the store, and that a start would take it.
        made = back_up(disk / "data", tmp_path / "backup", local_engines={"camera"})

    assert refused.status_code == 507
    assert "Failure" not in full
    assert set(ended) == {"Success"}
    assert health == 200
    assert video.content[4:8] == b"ftyp"
    assert (made.store.jobs, made.without_video) == (7, ())
