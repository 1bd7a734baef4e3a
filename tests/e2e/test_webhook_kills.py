"""Webhooks of jobs that end while the server is killed again and again: none lost, none too early.

At first the receiver refuses every third event and breaks off every seventh. At each it looks into
the job store itself, whether the event's job has ended.
"""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.free_ports import free_port
from support.servers import LOOPBACK_ALLOWED, Serving
from support.webhook_receiver import (
    SECRET,
    Act,
    Got,
    Receiver,
    answers,
    is_verified,
    receiving,
    resets,
)
from unstill.domain.delivery import DeliveryState
from unstill.store.embedded.beside import jobs_in
from unstill.store.embedded.deliveries import count_in

pytestmark = pytest.mark.slow

JOBS = 60
KILLS = 4
SIGNING = {"UNSTILL_WEBHOOK_SECRET": SECRET}
NO_PICTURE = f"http://127.0.0.1:{free_port()}/cat.jpg"  # a job of it fails at once
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Caller(threading.Thread):
    """Creates the jobs at whatever server there is, each until it is answered.

    Every tenth is cancelled, and another tenth deleted.
    """

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self.receiver = receiver
        self.url = ""
        self.ids: list[str] = []
        self.deleted: set[str] = set()

    def run(self) -> None:
        for n in range(JOBS):
            answer = self._answered("POST", "/v1/tasks/submit", n)
            self.ids.append(answer.json()["output"]["task_id"])
            if n % 10 == 3:
                self._answered("POST", f"/api/v1/tasks/{self.ids[-1]}/cancel", n)
            if n % 10 == 7:
                self._answered("DELETE", f"/v1/videos/{self.ids[-1]}", n)
                self.deleted.add(self.ids[-1])
            time.sleep(0.03)

    def _answered(self, method: str, path: str, n: int) -> httpx2.Response:
        body = {
            "model": "wan2.7-i2v",
            "input": {"img_url": NO_PICTURE},
            "webhook_url": self.receiver.url,
        }
        headers = {"idempotency-key": f"job-{n}"}
        while True:
            try:
                return httpx2.request(
                    method,
                    self.url + path,
                    json=body if path.endswith("submit") else None,
                    headers=headers,
                )
            except httpx2.TransportError:
                time.sleep(0.05)


def test_every_job_that_ended_is_told_and_none_before_its_end_through_kills(tmp_path: Path) -> None:
    chance = random.Random(5)
    early: list[str] = []
    with receiving(*acts(tmp_path, early)) as receiver:
        caller = Caller(receiver)
        server = serve(tmp_path, caller)
        caller.start()
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.05, 1.2))
                server.kill()
                server = serve(tmp_path, caller)
            caller.join()
            states = settled(tmp_path, within_s=30)
        finally:
            server.end()
    types = {(event_of(got)["data"]["id"], event_of(got)["type"]) for got in receiver.got}
    told = {job_id for job_id, _ in types}

    assert len(set(caller.ids)) == len(states) == JOBS
    assert set(states.values()) <= ENDED
    assert set(caller.ids) - caller.deleted <= told <= set(caller.ids)
    assert types == {(job_id, "video.failed") for job_id in told}
    assert early == []
    assert all(is_verified(got, SECRET) for got in receiver.got[::10])
    assert len({(event_of(got)["id"], got.body) for got in receiver.got}) == len(told)


def serve(data_dir: Path, caller: Caller) -> Serving:
    server = Serving(data_dir, environment=LOOPBACK_ALLOWED | SIGNING)
    caller.url = server.url
    return server


def acts(data_dir: Path, early: list[str]) -> list[Act]:
    """What the receiver does with its requests; `early` collects jobs that have not ended."""

    def act_of(n: int) -> Act:
        is_well = n >= JOBS or (n % 7 != 2 and n % 3 != 1)
        answer = answers(204) if is_well else resets if n % 7 == 2 else answers(500)

        def act(handler: Any) -> None:
            job_id = handler.headers["webhook-id"].removeprefix("evt_")
            if states_of(data_dir).get(job_id) not in ENDED:
                early.append(job_id)
            answer(handler)

        return act

    return [act_of(n) for n in range(20 * JOBS)]


def settled(data_dir: Path, *, within_s: float) -> dict[str, str]:
    """The states of all jobs, once all have ended and nothing is owed."""
    deadline = time.monotonic() + within_s
    while True:
        owed, states = count_in(data_dir, DeliveryState.OWED), states_of(data_dir)
        if owed == 0 and set(states.values()) <= ENDED:
            return states
        assert time.monotonic() < deadline, (owed, states)
        time.sleep(0.2)


def states_of(data_dir: Path) -> dict[str, str]:
    return {job.id: job.state.value for job in jobs_in(data_dir)}


def event_of(got: Got) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(got.body)
    return event
