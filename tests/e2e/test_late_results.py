"""Videos that finished upstream while nobody was there to fetch them come home, days later."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.moved_clock import MovedClock

from support.emulator_process import Emulator
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model

pytestmark = pytest.mark.slow

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
HOUR_MS = 3_600_000
LONG_S = 600.0  # no job of the emulator ends by itself


@pytest.fixture
def upstream() -> Iterator[Emulator]:
    with Emulator("modelverse", job_s=LONG_S) as emulator:
        yield emulator


@pytest.fixture
def clock(tmp_path: Path) -> MovedClock:
    return MovedClock.make(tmp_path / "clock")


def serving(tmp_path: Path, upstream: Emulator) -> Serving:
    config = ONLY_UPSTREAMS + engine("up", upstream) + model("up", "up", like="wan2.7-i2v")
    return Serving(tmp_path / "data", config=config, clock=tmp_path / "clock")


def submitted(server: Serving, upstream: Emulator) -> str:
    """A job that the upstream has taken."""
    given = {"first_frame_url": CHELSEA, "prompt": "push in"}
    task_id = server.submit({"model": "up", "input": given, "parameters": {"duration": 5}})
    until_s = time.monotonic() + 20
    while not calls(upstream, "poll"):
        assert time.monotonic() < until_s, server.log
        time.sleep(0.05)
    return task_id


def calls(upstream: Emulator, place: str) -> int:
    return sum(call["place"] == place for call in upstream.log())


def outcome(server: Serving, task_id: str) -> object:
    output = server.wait(task_id)["output"]
    return output["task_status"], output.get("error_message")


def test_what_finished_while_the_server_was_off_for_days_comes_home(
    tmp_path: Path, upstream: Emulator, clock: MovedClock
) -> None:
    with serving(tmp_path, upstream) as server:
        task_id = submitted(server, upstream)
        server.kill()
    upstream.finish()
    clock.move(3 * 24 * HOUR_MS)
    with serving(tmp_path, upstream) as server:
        assert outcome(server, task_id) == ("Success", None)

    assert calls(upstream, "submit") == 1


def test_what_could_not_be_fetched_before_days_off_comes_home(
    tmp_path: Path, upstream: Emulator, clock: MovedClock
) -> None:
    with serving(tmp_path, upstream) as server:
        upstream.next("fetch", *["503"] * 4)
        task_id = submitted(server, upstream)
        upstream.finish()
        while calls(upstream, "fetch") < 2:
            time.sleep(0.05)
        server.kill()
    clock.move(25 * HOUR_MS)
    with serving(tmp_path, upstream) as server:
        assert outcome(server, task_id) == ("Success", None)


@pytest.mark.parametrize("hours", [25, -2])
def test_a_clock_that_jumps_while_a_job_is_under_way_ends_it_not(
    tmp_path: Path, upstream: Emulator, clock: MovedClock, hours: int
) -> None:
    with serving(tmp_path, upstream) as server:
        task_id = submitted(server, upstream)
        clock.move(hours * HOUR_MS)
        polls = calls(upstream, "poll")
        while calls(upstream, "poll") < polls + 3:
            time.sleep(0.05)
        upstream.finish()
        assert outcome(server, task_id) == ("Success", None)
