"""Webhooks across ends of the server: what is owed stays owed; what was given up is replayed."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from support.jobs import a_job
from support.servers import LOOPBACK_ALLOWED, Serving
from support.webhook_listing import SIGNING, failing, listed, listed_as, unstill
from support.webhook_receiver import (
    answers,
    hangs,
    receiving,
)
from unstill.domain.delivery import DAY_MS
from unstill.domain.job import Failure, Job, failed
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.webhooks.retry import after_failure


@pytest.mark.slow
def test_what_is_owed_when_the_server_is_killed_is_sent_at_once_by_the_next(tmp_path: Path) -> None:
    environment = LOOPBACK_ALLOWED | SIGNING
    with receiving(*[hangs] * 2, *[answers(503)] * 4) as receiver:
        server = Serving(tmp_path, environment=environment)
        job_ids = [server.submit(failing(receiver.url)) for _ in range(6)]
        for job_id in job_ids:
            server.wait(job_id)
        receiver.wait(6)
        server.kill()
        receiver.acts.clear()
        receiver.got.clear()
        with Serving(tmp_path, environment=environment) as server:
            got = receiver.wait(6, within_s=4)
            for job_id in job_ids:
                listed_as("delivered", server, job_id)
            began_s = time.monotonic()
            server.end()
            took_s = time.monotonic() - began_s

    assert len(receiver.got) == 6
    assert sorted(json.loads(each.body)["data"]["id"] for each in got) == sorted(job_ids)
    assert took_s < 10


def test_a_try_that_is_under_way_does_not_hold_up_the_end_and_stays_owed(tmp_path: Path) -> None:
    with receiving(hangs) as receiver:
        with Serving(tmp_path, environment=LOOPBACK_ALLOWED | SIGNING) as server:
            job_id = server.submit(failing(receiver.url))
            receiver.wait(1)
            began_s = time.monotonic()
            server.end()
            took_s = time.monotonic() - began_s
        line = listed(server, job_id)

    assert took_s < 10  # the try would go on for 15
    assert line.startswith("owed")


async def give_up(data_dir: Path, job: Job) -> None:
    """Leave the job as one whose receiver has failed for a day."""
    store = EmbeddedStore(data_dir)
    await store.open()
    await store.jobs.add(job)
    await store.jobs.change(job.id, failed(Failure("x", "y"), job.created_ms))
    (owed,) = await store.outbox.due(clock_ms(), limit=5)
    await store.outbox.settle(after_failure(owed, "answered 500", clock_ms(), chance=0))
    await store.close()


@pytest.mark.slow
def test_what_was_given_up_is_sent_when_it_is_replayed_beside_the_server(tmp_path: Path) -> None:
    with receiving() as receiver:
        lost = a_job(webhook_url=receiver.url, created_ms=clock_ms() - 3 * DAY_MS, owner="everyone")
        asyncio.run(give_up(tmp_path, lost))
        with Serving(tmp_path, environment=LOOPBACK_ALLOWED | SIGNING) as server:
            other = server.submit(failing(receiver.url))
            receiver.wait(1)  # so what is due has been looked for
            before = listed_as("delivered", server, other), listed(server, lost.id)
            told = [json.loads(each.body)["data"]["id"] for each in receiver.got]
            ran = unstill("replay", data_dir=tmp_path)
            receiver.wait(2)
            after = listed_as("delivered", server, lost.id)
            again = unstill("replay", lost.id, "unknown", data_dir=tmp_path)
            receiver.wait(3)
            listed_as("delivered", server, lost.id)
            nothing = unstill("replay", data_dir=tmp_path)

    assert told == [other]
    assert before[1].startswith("given_up ")
    assert (ran.returncode, ran.stdout) == (0, f"{lost.id} is due now\n")
    assert after.startswith("delivered ")
    assert again.returncode == 1
    assert f"no webhook to replay for unknown in {tmp_path}" in again.stderr
    assert f"{lost.id} is due now" in again.stdout
    assert nothing.stdout == f"nothing is owed or given up in {tmp_path}\n"


def test_a_folder_with_nothing_to_list_or_replay_is_named(tmp_path: Path) -> None:
    shown, replayed = unstill("list", data_dir=tmp_path), unstill("replay", data_dir=tmp_path)

    assert (shown.returncode, shown.stdout) == (0, f"no webhooks so far in {tmp_path}\n")
    nothing = f"nothing is owed or given up in {tmp_path}\n"
    assert (replayed.returncode, replayed.stdout) == (0, nothing)
