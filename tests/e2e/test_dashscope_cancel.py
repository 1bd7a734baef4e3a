"""Cancelling what somebody else's server renders: it is asked, and its answer is the caller's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import httpx2
import pytest

from support.emulator_process import Emulator
from support.ledger_of_server import rows
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from unstill.domain.job import State

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
ASYNC = {"X-DashScope-Async": "enable"}
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
LONG_S = 600.0  # no job of the emulators ends by itself
WAN27 = "wan2.7-i2v"


class Desk(NamedTuple):
    server: Serving
    first: Emulator

    def running(self, name: str) -> str:
        """A task that the upstream behind a model has taken."""
        body = {
            "model": name,
            "input": {"prompt": "push in", "img_url": CHELSEA},
            "parameters": {"duration": 5},
        }
        answer = self.server.http.post(CREATE, json=body, headers=ASYNC)
        assert answer.status_code == 200, answer.text
        task_id = str(answer.json()["output"]["task_id"])
        hold_until(lambda: self.word(task_id) == "RUNNING")
        return task_id

    def word(self, task_id: str) -> str:
        answer = self.server.http.get(f"/api/v1/tasks/{task_id}")
        return str(answer.json()["output"]["task_status"])

    def cancel(self, task_id: str) -> httpx2.Response:
        return self.server.http.post(f"/api/v1/tasks/{task_id}/cancel")

    def upstream_state(self, task_id: str) -> str | None:
        ticket = rows(self.server.data_dir)[task_id].ticket
        return {each["id"]: each["state"] for each in self.first.jobs()}.get(str(ticket))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with ExitStack() as stack:
        first = stack.enter_context(Emulator("dashscope", job_s=LONG_S))
        gpu = stack.enter_context(Emulator("sglang", job_s=LONG_S))
        config = (
            ONLY_UPSTREAMS,
            engine("first", first),
            engine("gpu", gpu),
            model("solo", "first", like=WAN27),
            model("gpu", "gpu", like=WAN27),
        )
        folder = tmp_path_factory.mktemp("cancel")
        server = stack.enter_context(Serving(folder, config="\n".join(config)))
        yield Desk(server, first)


def test_what_the_upstream_still_has_waiting_is_cancelled_there_and_here(desk: Desk) -> None:
    task_id = desk.running("solo")

    answer = desk.cancel(task_id)

    assert (answer.status_code, set(answer.json())) == (200, {"request_id"})
    assert desk.word(task_id) == "CANCELED"
    assert desk.upstream_state(task_id) == "cancelled"
    assert rows(desk.server.data_dir)[task_id].state is State.CANCELLED


def test_what_the_upstream_cannot_stop_is_refused_and_goes_on(desk: Desk) -> None:
    task_id = desk.running("gpu")

    answer = desk.cancel(task_id)

    assert (answer.status_code, answer.json()["code"]) == (400, "UnsupportedOperation")
    assert desk.word(task_id) == "RUNNING"


def test_an_upstream_that_does_not_say_leaves_the_task_as_it_is(desk: Desk) -> None:
    task_id = desk.running("solo")

    with desk.first.failing("cancel.500=1"):
        answer = desk.cancel(task_id)

    assert (answer.status_code, answer.json()["code"]) == (502, "InternalError")
    assert desk.first.url not in answer.text
    assert desk.word(task_id) == "RUNNING"
