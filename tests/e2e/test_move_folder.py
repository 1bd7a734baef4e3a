"""A laptop's server that is killed, and whose folder goes to a fleet: real processes throughout."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from support.emulator_process import Emulator
from support.folder_moves import Move
from support.ledger_of_server import rows
from support.postgres_servers import shared
from support.s3_servers import S3Server
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from support.webhook_receiver import SECRET, Receiver, answers, receiving
from unstill.domain.job import State

pytestmark = pytest.mark.slow

WAN27 = "wan2.7-i2v"
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
SIGNING = {"UNSTILL_WEBHOOK_SECRET": SECRET}
KEYED = {"idempotency-key": "once"}


def body(prompt: str = "", **fields: Any) -> dict[str, Any]:
    given = {"first_frame_url": CHELSEA, "prompt": prompt or f"push in {uuid4()}"}
    return {"model": WAN27, "input": given, "parameters": {"duration": 2}, **fields}


def reach(folder: Path, job_id: str, state: State) -> None:
    hold_until(lambda: rows(folder)[job_id].state is state)


def test_a_laptops_jobs_go_on_in_a_fleet_and_nothing_is_lost_or_paid_twice(
    tmp_path: Path, seaweed_server: S3Server
) -> None:
    laptop = tmp_path / "laptop"
    move = Move(laptop, shared().new_store(), seaweed_server.new_place(), seaweed_server.variables)
    with Emulator("dashscope", job_s=600.0, delay_s=2.0) as emulator, receiving() as receiver:
        config = "".join((ONLY_UPSTREAMS, engine("bailian", emulator), model(WAN27, "bailian")))
        with Serving(laptop, config=config, environment=LOOPBACK_ALLOWED | SIGNING) as server:
            left = Left(server, emulator, receiver)
            server.kill()
        assert move.done_though_killed() > 6
        fleet = {"UNSTILL_DATABASE": move.database, "UNSTILL_FILES": move.place}
        environment = {**LOOPBACK_ALLOWED, **SIGNING, **fleet, **seaweed_server.variables}
        with (
            # As an operator does who adds two settings to those that there are.
            Serving(laptop, config=config, environment=environment) as first,
            Serving(tmp_path / "another", config=config, environment=environment) as second,
        ):
            left.check(first, second, emulator, receiver)


class Left:
    """What callers know of the laptop's server when it is killed."""

    def __init__(self, server: Serving, emulator: Emulator, receiver: Receiver) -> None:
        receiver.acts = [answers(503)]  # the event is owed from then on
        self.done = server.submit(body(webhook_url=receiver.url))
        reach(server.data_dir, self.done, State.RUNNING)
        emulator.finish()
        link = urlsplit(server.wait(self.done)["output"]["urls"][0])
        self.link = f"{link.path}?{link.query}"
        self.video = server.http.get(self.link).content
        receiver.wait(1)
        answer = server.http.post("/v1/tasks/submit", json=body("once"), headers=KEYED)
        self.running = str(answer.json()["output"]["task_id"])
        reach(server.data_dir, self.running, State.RUNNING)
        emulator.next("submit", "delay")
        self.submitting = server.submit(body())
        reach(server.data_dir, self.submitting, State.SUBMITTING)
        hold_until(lambda: emulator.charges()["submits"] == 3)  # it has left

    def check(
        self, first: Serving, second: Serving, emulator: Emulator, receiver: Receiver
    ) -> None:
        """Each server answers for each of the jobs."""
        again = second.http.post("/v1/tasks/submit", json=body("once"), headers=KEYED)
        assert again.json()["output"]["task_id"] == self.running
        for server in (first, second):
            assert server.http.get(self.link).content == self.video
            assert server.status(self.done)["output"]["task_status"] == "Success"
            assert server.status(self.running)["output"]["task_status"] == "Running"
            lost = server.wait(self.submitting)["output"]
            assert lost["error_message"].startswith("submit_unknown: ")
        assert [each.path for each in receiver.wait(2)] == ["/hook", "/hook"]
        emulator.finish()
        assert first.wait(self.running)["output"]["task_status"] == "Success"
        assert emulator.charges()["submits"] == 3
