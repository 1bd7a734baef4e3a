"""The folder that release 0.1.0 left when it was killed with jobs under way goes on here.

How the folder was made, and what is in it, says stores/killed-0.1.0/README.md. The server's clock
stands a minute after the kill. Of the folder only addresses are changed, to those of an emulator
that knows the tickets, of a host of pictures and of a receiver.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest
from benchmarks.moved_clock import MovedClock
from standardwebhooks import Webhook

from support.emulator_process import Emulator
from support.ledger_of_server import outcomes, rows
from support.servers import PictureHost, Serving, picture_host
from support.stored_files import STORES
from support.webhook_receiver import SECRET, Got, Receiver, receiving
from unstill.domain.attempts import Outcome
from unstill.domain.job import State
from unstill.store.embedded.beside import StoredJob

KILLED = STORES / "killed-0.1.0"
MADE = json.loads((KILLED / "made.json").read_text("utf-8"))
JOBS: Mapping[str, str] = MADE["jobs"]
PAID = ("succeeded", "saving", "running", "submitting")
CAMERA = ("rendering", "waiting", "queued")
ENVIRONMENT = {
    "UNSTILL_API_KEYS": "team-a:sk-team-a",
    "UNSTILL_WEBHOOK_SECRET": SECRET,
    "UNSTILL_ALLOW_NETWORKS": "127.0.0.0/8",
}
LATER_MS = 60_000

_ADDRESSES = ("jobs.result", "jobs.request", "jobs.webhook_url", "deliveries.url")


class Opened:
    """Today's server on a copy of the folder, and what is around it."""

    def __init__(self, work: Path, stack: ExitStack) -> None:
        self.data_dir = work / "data"
        self.emulator: Emulator = stack.enter_context(emulator_with_tickets(work))
        self.pictures: PictureHost = stack.enter_context(picture_host())
        self.receiver: Receiver = stack.enter_context(receiving())
        self.pictures.pages["/photo.jpg"] = (200, {}, (KILLED / "photo.jpg").read_bytes())
        self._moved = {
            MADE["origins"]["upstream"]: self.emulator.url,
            MADE["origins"]["pictures"]: self.pictures.url,
            MADE["origins"]["hooks"]: self.receiver.url.removesuffix("/hook"),
        }
        copy_killed(work, self._moved)
        self.before = rows(self.data_dir)
        self._clock = work / "clock"
        MovedClock.make(self._clock).move(MADE["killed_ms"] + LATER_MS - now_ms())

    def start(self) -> Serving:
        config = (KILLED / "unstill.toml").read_text("utf-8")
        for old, new in self._moved.items():
            config = config.replace(old, new)
        server = Serving(self.data_dir, environment=ENVIRONMENT, config=config, clock=self._clock)
        server.http.headers["authorization"] = "Bearer sk-team-a"
        return server


class Seen:
    """What came of the folder."""

    def __init__(self, opened: Opened, server: Serving) -> None:
        self.before: Mapping[str, StoredJob] = opened.before
        self.running = server.status(JOBS["running"])["output"]["task_status"]
        self.again = {name: sent_again(server, call) for name, call in MADE["calls"].items()}
        self.old_link = server.http.get(MADE["link"])
        opened.emulator.finish()
        self.tasks = {name: server.wait(job_id)["output"] for name, job_id in JOBS.items()}
        self.videos = {
            name: server.http.get(task["urls"][0]).content
            for name, task in self.tasks.items()
            if task["task_status"] == "Success"
        }
        self.events = events(opened.receiver)
        self.charges = opened.emulator.charges()
        self.outcomes = {name: outcomes(opened.data_dir, JOBS[name]) for name in JOBS}


@pytest.fixture(
    scope="module",
    params=[pytest.param("started", marks=pytest.mark.slow), "killed at once and started"],
)
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    with ExitStack() as stack:
        opened = Opened(tmp_path_factory.mktemp("killed"), stack)
        if request.param != "started":
            opened.start().kill()
        yield Seen(opened, stack.enter_context(opened.start()))


def emulator_with_tickets(work: Path) -> Emulator:
    """What the upstream had, with all its times as if the kill were now: it forgets after a day."""
    later_ms = now_ms() - MADE["killed_ms"]
    state = work / "upstream.jsonl"
    lines = [json.loads(line) for line in (KILLED / "upstream.jsonl").read_text().splitlines()]
    for line in lines:
        match line:
            case ["add", *_, times_ms, _]:
                line[-2] = [each + later_ms for each in times_ms]
            case _:
                line[-1] += later_ms
    state.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Emulator("dashscope", state=str(state))


def copy_killed(work: Path, moved: Mapping[str, str]) -> None:
    """The folder with other addresses, its log unmerged: the files of a store left open."""
    shutil.copytree(KILLED / "data", work / "opened")
    with closing(apsw.Connection(str(work / "opened" / "unstill.sqlite3"))) as connection:
        connection.wal_autocheckpoint(0)
        for place in _ADDRESSES:
            table, column = place.split(".")
            for old, new in moved.items():
                sql = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608
                connection.execute(sql, (old, new))
        # A link lives for a day; whether this one still does is not left to the day of the test.
        connection.execute("UPDATE jobs SET result = replace(result, 'Expires=1', 'Expires=')")
        shutil.copytree(work / "opened", work / "data")


def sent_again(server: Serving, call: Mapping[str, Any]) -> str:
    """Send a create call as its caller does whose reply was lost; the id of its job."""
    headers = dict(call["headers"])
    if "x-stainless-retry-count" in headers:
        headers["x-stainless-retry-count"] = "1"
    found = server.http.post(call["path"], json=call["body"], headers=headers).json()
    return str(found["id"] if "id" in found else found["output"]["task_id"])


def events(receiver: Receiver) -> Mapping[str, list[Got]]:
    """What each job's receiver got, by job, once every job has been told of."""
    deadline = time.monotonic() + 30
    while True:
        told: dict[str, list[Got]] = {}
        for got in list(receiver.got):
            told.setdefault(json.loads(got.body)["data"]["id"], []).append(got)
        if len(told) == len(JOBS):
            return told
        assert time.monotonic() < deadline, told.keys()
        time.sleep(0.02)


def is_signed(got: Got) -> bool:
    """By the moved clock: a verifier of today would call it a year late."""
    at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    signature = Webhook(SECRET).sign(got.headers["webhook-id"], at, got.body.decode())
    return got.headers["webhook-signature"] == signature


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_the_folder_was_left_with_a_job_in_each_state_that_can_be_interrupted(seen: Seen) -> None:
    states = {name: seen.before[job_id].state for name, job_id in JOBS.items()}

    assert states == {
        "succeeded": State.SUCCEEDED,
        "saving": State.SAVING,
        "running": State.RUNNING,
        "rendering": State.RUNNING,
        "waiting": State.READY,
        "queued": State.QUEUED,
        "submitting": State.SUBMITTING,
    }
    assert (KILLED / "data" / "unstill.sqlite3-wal").stat().st_size > 0


def test_a_link_that_was_handed_out_gives_the_same_video(seen: Seen) -> None:
    assert seen.old_link.status_code == 200
    assert hashlib.sha256(seen.old_link.content).hexdigest() == MADE["video_sha256"]


def test_a_call_that_is_sent_again_gives_its_job(seen: Seen) -> None:
    assert seen.again == {"with_key": JOBS["succeeded"], "by_sdk": JOBS["running"]}


def test_what_the_upstream_has_comes_home_by_its_ticket(seen: Seen) -> None:
    assert seen.running == "Running"
    for name in ("saving", "running"):
        assert seen.tasks[name]["task_status"] == "Success"
        assert seen.videos[name][4:8] == b"ftyp"


def test_the_camera_makes_what_it_had_begun_and_what_waited_for_it(seen: Seen) -> None:
    for name in CAMERA:
        assert seen.tasks[name]["task_status"] == "Success"
        assert seen.videos[name][4:8] == b"ftyp"


def test_nothing_is_paid_twice_and_a_call_without_a_reply_is_in_doubt(seen: Seen) -> None:
    in_doubt = seen.tasks["submitting"]

    assert in_doubt["task_status"] == "Failure"
    assert in_doubt["error_message"].startswith("submit_unknown: ")
    assert seen.charges["submits"] == 0
    assert seen.charges["accepted"] == len(PAID)
    assert seen.outcomes == {
        **{name: [] for name in CAMERA},
        **{name: [("bailian", Outcome.ACCEPTED)] for name in PAID},
        "submitting": [("bailian", Outcome.UNKNOWN)],
    }


def test_every_end_is_told_signed_and_each_time_by_the_same_words(seen: Seen) -> None:
    ends = {name: json.loads(seen.events[job_id][0].body)["type"] for name, job_id in JOBS.items()}

    assert ends == {
        **dict.fromkeys(JOBS, "video.completed"),
        "submitting": "video.failed",
    }
    assert {len({got.body for got in told}) for told in seen.events.values()} == {1}
    assert all(is_signed(got) for told in seen.events.values() for got in told)
    assert seen.events[JOBS["succeeded"]][0].path == "/of-the-caller"
    assert seen.events[JOBS["saving"]][0].path == "/of-the-owner"
