"""A database that is put back: no start without an operator's word, and nothing is paid twice."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from support.emulator_process import Emulator
from support.fork_server import ran
from support.free_ports import free_port
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, engine_at, model
from support.waits import hold_until

WAN27 = "wan2.7-i2v"
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
DATABASE = "unstill.sqlite3"


def unstill(*words: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = ["-m", "unstill", *words, "--data-dir", str(data_dir)]
    return ran([*command, "--config", str(data_dir / "unstill.toml")])


def submit(server: Serving, prompt: str, *, name: str = WAN27) -> str:
    given = {"first_frame_url": CHELSEA, "prompt": prompt}
    return server.submit({"model": name, "input": given, "parameters": {"duration": 3}})


CAMERA = model("happyhorse-1.0-i2v", "camera")
ROUTE = model(WAN27, "bailian")


def put_back_under_a_paid_job(folder: Path, copy: Path, emulator: Emulator) -> tuple[str, str]:
    """A job that was made since the copy, which has it waiting; and the settings that made it."""
    away = engine_at("bailian", "dashscope", f"http://127.0.0.1:{free_port()}")
    with Serving(folder, config=f"{ONLY_UPSTREAMS}{away}{ROUTE}{CAMERA}") as server:
        job_id = submit(server, "push in")
        hold_until(lambda: "submitted" in server.log)  # and not taken: it is tried again
        server.end()
    copy.mkdir()
    shutil.copy2(folder / DATABASE, copy / DATABASE)
    config = f"{ONLY_UPSTREAMS}{engine('bailian', emulator)}{ROUTE}{CAMERA}"
    with Serving(folder, config=config) as server:
        hold_until(lambda: emulator.charges()["accepted"] == 1)
        emulator.finish()
        server.wait(job_id)
        server.kill()
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy2(copy / DATABASE, folder / DATABASE)
    return job_id, config


@pytest.mark.slow
def test_a_database_that_is_put_back_pays_nothing_before_it_is_told_to(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Emulator("dashscope", job_s=600.0) as emulator:
        job_id, config = put_back_under_a_paid_job(folder, tmp_path / "copy", emulator)
        refused = unstill("serve", "--port", "0", data_dir=folder)
        # Nothing in the folder shows that it was sent: its notes are too old, its video elsewhere.
        (folder / "unstill.ahead").unlink()
        for video in folder.glob(f"jobs/*/{job_id}/*.mp4"):
            video.unlink()
        recovered = unstill("recover", data_dir=folder)
        with Serving(folder, config=config) as server:
            drawn = server.wait(submit(server, "push in", name="happyhorse-1.0-i2v"))
            new = submit(server, "another")
            hold_until(lambda: emulator.charges()["accepted"] == 2)
            emulator.finish()
            made = server.wait(new)
            health = server.http.get("/health").json()
            waiting = server.status(job_id)["output"]["task_status"]
            before = emulator.charges()["submits"]
            told = unstill("jobs", "held", data_dir=folder)
            released = unstill("jobs", "release", job_id, data_dir=folder)
            hold_until(lambda: emulator.charges()["accepted"] == 3)
            after = server.http.get("/health").json()
            log = server.log

    assert refused.returncode == 1
    assert "is an older copy" in refused.stderr
    assert recovered.returncode == 0
    assert "1 jobs may have been sent" in recovered.stdout
    assert drawn["output"]["task_status"] == made["output"]["task_status"] == "Success"
    assert waiting == "Pending"
    assert before == 2  # the first life's, and the new job's
    assert health["held"] == 1
    assert "held" not in after
    assert told.stdout.split() == [job_id]
    assert released.stdout == f"{job_id} is released\n"
    assert "jobs_held" in log


@pytest.mark.slow
@pytest.mark.parametrize("has_video", [True, False])
def test_a_job_that_was_made_since_the_copy_has_its_video_again_for_nothing(
    tmp_path: Path, *, has_video: bool
) -> None:
    folder = tmp_path / "data"
    with Emulator("dashscope", job_s=600.0) as emulator:
        job_id, config = put_back_under_a_paid_job(folder, tmp_path / "copy", emulator)
        if not has_video:
            for video in folder.glob(f"jobs/*/{job_id}/*.mp4"):
                video.unlink()
        recovered = unstill("recover", data_dir=folder)
        released = unstill("jobs", "release", job_id, data_dir=folder)
        with Serving(folder, config=config) as server:
            made = server.wait(job_id)
            content = server.http.get(f"/v1/videos/{job_id}/content").content
            submits = emulator.charges()["submits"]

    assert "1 jobs were sent since" in recovered.stdout
    assert "may have been sent" not in recovered.stdout
    assert released.returncode == 1
    assert f"{job_id} was sent to bailian, as " in released.stderr
    assert made["output"]["task_status"] == "Success"
    assert content[4:8] == b"ftyp"
    assert submits == 1


@pytest.mark.slow
def test_a_database_removed_under_a_server_is_told_and_takes_nothing_before_it_is_back(
    tmp_path: Path,
) -> None:
    body = {
        "model": WAN27,
        "input": {"first_frame_url": CHELSEA},
        "parameters": {"duration": 2},
    }
    with Serving(tmp_path) as server:
        (tmp_path / DATABASE).rename(tmp_path / "away")
        ill = server.http.get("/health")
        refused = server.http.post("/v1/tasks/submit", json=body)
        (tmp_path / "away").rename(tmp_path / DATABASE)
        well = server.http.get("/health")
        made = server.wait(server.submit(body))

    assert (ill.status_code, ill.json()["status"]) == (503, "failing")
    assert "removed or replaced" in ill.json()["reason"]
    assert refused.status_code == 503
    assert "removed or replaced" in refused.text
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert made["output"]["task_status"] == "Success"
