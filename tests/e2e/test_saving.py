"""A host whose downloads drip holds up its own videos, and nobody else's."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path

import pytest

from support.emulator_process import Emulator
from support.servers import PHOTOS, Serving
from support.settings_files import engine, model
from unstill.steps.runner import SAVE_AGAIN_SLOTS, SAVE_SLOTS

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
DRIPPING = SAVE_SLOTS + SAVE_AGAIN_SLOTS + 8
WITHIN_S = 30.0  # quiet: 1 to 2


def submitted(server: Serving, name: str) -> str:
    given = {"first_frame_url": CHELSEA, "prompt": "push in"}
    parameters = {"duration": 5, "size": "320x256"}
    return server.submit({"model": name, "input": given, "parameters": parameters})


@pytest.mark.slow
def test_videos_of_this_machine_and_of_a_well_upstream_come_home_beside_downloads_that_drip(
    tmp_path: Path,
) -> None:
    with (
        Emulator("modelverse", job_s=0.2, faults="fetch.slow=1") as slow,
        Emulator("dashscope", job_s=0.2) as well,
    ):
        config = (
            engine("slow", slow),
            engine("well", well),
            model("slow", "slow", like="wan2.7-i2v"),
            model("well", "well", like="wan2.7-i2v"),
        )
        with Serving(tmp_path, config="".join(config)) as server:
            for _ in range(DRIPPING):
                submitted(server, "slow")
            until_s = time.monotonic() + 30
            while sum(call["place"] == "fetch" for call in slow.log()) < SAVE_SLOTS:
                assert time.monotonic() < until_s
                time.sleep(0.1)
            begun_s = time.monotonic()
            ours = [submitted(server, name) for name in ("wan2.7-i2v", "well")]
            ends = [server.wait(job_id)["output"]["task_status"] for job_id in ours]
            took_s = time.monotonic() - begun_s

    assert ends == ["Success", "Success"]
    assert took_s < WITHIN_S
