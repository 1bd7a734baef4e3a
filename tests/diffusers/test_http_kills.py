"""kill -9 of a child and of the server in mid-render, and folders that are not whole."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from support.server_children import children
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, model, own_engine
from support.tiny_renders import pixels_digest
from support.tiny_weights import write_folder
from support.waits import hold_until

CHILD = "unstill.engines.diffusers.child"
MODEL = "wan2.7-i2v"
CHELSEA = (
    "data:image/jpeg;base64," + base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
)
BODY = {
    "model": MODEL,
    "input": {"first_frame_url": CHELSEA, "prompt": "a cat"},
    "parameters": {"size": "480x320", "duration": 8, "seed": 5},  # long enough to be met half done
}
SHARD = "transformer/diffusion_pytorch_model-00002-of-00003.safetensors"


def config_for(weights: Path) -> str:
    engine = own_engine(
        "gpu", "diffusers", path=str(weights), allow_cpu=True, steps=2, fps=3, models=[MODEL]
    )
    return "\n".join((ONLY_UPSTREAMS, engine, model(MODEL, "gpu")))


def half_done(server: Serving) -> str:
    """A job whose denoising has begun and whose video is not there."""
    job = server.submit(BODY)
    hold_until(lambda: 2 < server.status(job)["output"]["progress"] < 98, within_s=60)
    return job


def pixels_of(server: Serving, job: str) -> str:
    """Of its finished video; the file itself has the job's id."""
    status = server.wait(job, within_s=120)
    assert status["output"]["task_status"] == "Success", (status, server.log)
    answer = server.http.get(f"/v1/videos/{job}/content")
    return pixels_digest(BytesIO(answer.content))


# --- ways in which a folder is not whole ---------------------------------------------------------


def without_a_shard(weights: Path) -> str:
    (weights / SHARD).unlink()
    return f"{SHARD}: is missing"


def with_a_file_cut_short(weights: Path) -> str:
    file = weights / SHARD
    file.write_bytes(file.read_bytes()[:-100])
    return f"{SHARD}: is cut short: 100 bytes of"


def of_another_class(weights: Path) -> str:
    index = json.loads((weights / "model_index.json").read_text())
    index["transformer"] = ["diffusers", "LTXVideoTransformer3DModel"]
    (weights / "model_index.json").write_text(json.dumps(index))
    return "model_index.json: transformer must be a WanTransformer3DModel"


def last_words(data_dir: Path, weights: Path) -> str:
    """What a server says that does not start."""
    (data_dir / "unstill.toml").write_text(config_for(weights))
    command = ("serve", "--port", "0", "--data-dir", str(data_dir))
    done = subprocess.run(
        [sys.executable, "-m", "unstill", *command, "--config", str(data_dir / "unstill.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


# --- the tests -----------------------------------------------------------------------------------


def test_what_a_kill_breaks_off_is_finished_also_after_starts_that_were_refused(
    tmp_path: Path,
) -> None:
    weights, data_dir = tmp_path / "weights", tmp_path / "data"
    write_folder("wan-5b", weights, largest_file="60KB")
    with Serving(data_dir, config=config_for(weights)) as server:
        job = half_done(server)
        [killed] = children(server.process.pid, CHILD)
        os.kill(killed, signal.SIGKILL)
        finished = pixels_of(server, job)
        [warm] = children(server.process.pid, CHILD)
        assert warm != killed
        assert "engine_died" in server.log
        broken_off = half_done(server)
        server.kill()
        hold_until(lambda: not children(server.process.pid, CHILD))

    spoil: Callable[[Path], str]
    for spoil in (without_a_shard, with_a_file_cut_short, of_another_class):
        spoiled = tmp_path / spoil.__name__
        shutil.copytree(weights, spoiled)
        reason = spoil(spoiled)
        said = last_words(data_dir, spoiled)
        assert said.startswith(f"unstill: engines.gpu.path: {reason}"), said
        assert len(said.splitlines()) == 1

    with Serving(data_dir, config=config_for(weights)) as server:
        assert pixels_of(server, broken_off) == finished
        assert pixels_of(server, job) == finished


def test_weights_that_spoil_under_a_server_fail_a_job_with_what_is_wrong(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    write_folder("wan-5b", weights, largest_file="60KB")
    lazily = config_for(weights).replace("allow_cpu", "idle_unload_s = 60\nallow_cpu")
    with Serving(tmp_path / "data", config=lazily) as server:
        reason = with_a_file_cut_short(weights)
        status = server.wait(server.submit(BODY))

    assert status["output"]["task_status"] == "Failure"
    assert reason in status["output"]["error_message"]
    assert str(tmp_path) not in status["output"]["error_message"]
