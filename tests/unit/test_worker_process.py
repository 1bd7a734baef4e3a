"""The life of a process without a port: its start, its signs of life, its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.waits import until
from unstill.cli.worker_process import HealthFile, WorkerProcess
from unstill.domain.errors import BadSetting, OwnError, UnstillError


class Job:
    """Something to work at; what was asked of it, in order."""

    def __init__(self, startup: UnstillError | None = None) -> None:
        self.failure: UnstillError | None = None
        self.asked: list[str] = []
        self._startup = startup

    async def startup(self) -> None:
        self.asked.append("startup")
        if self._startup is not None:
            raise self._startup

    def stop_taking(self) -> None:
        self.asked.append("stop_taking")

    async def shutdown(self) -> None:
        self.asked.append("shutdown")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """A process of its own would keep what a worker sets."""
    before = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*before[0])
    sys.setswitchinterval(before[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    job, file = Job(), tmp_path / "alive"
    running = asyncio.create_task(
        WorkerProcess(job, lambda: job.asked.append("ready"), HealthFile(file)).run()
    )
    await until(file.exists)
    os.kill(os.getpid(), number)
    await running

    assert job.asked == ["startup", "ready", "stop_taking", "shutdown"]
    assert not file.exists()


async def test_what_it_cannot_go_on_with_ends_it_and_is_told() -> None:
    job = Job()

    def fail() -> None:
        job.failure = OwnError("no video can be made here")

    await WorkerProcess(job, fail, None).run()

    assert job.asked == ["startup", "stop_taking", "shutdown"]


async def test_a_start_that_fails_leaves_no_sign_of_life(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    file.touch()
    with pytest.raises(OwnError):
        await WorkerProcess(Job(OwnError("no")), lambda: None, HealthFile(file)).run()

    assert not file.exists()


async def test_a_file_that_cannot_be_written_stops_the_start_by_the_options_name(
    tmp_path: Path,
) -> None:
    job = Job()
    with pytest.raises(BadSetting, match=r"^--health-file: .* cannot be written: No such file"):
        await WorkerProcess(job, lambda: None, HealthFile(tmp_path / "none" / "alive")).run()

    assert job.asked == []


def test_a_file_that_goes_while_it_works_is_one_line_and_no_end(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    health = HealthFile(folder / "alive")
    health.startup()
    folder.rmdir()
    with capture_logs() as logs:
        for _ in range(3):
            health.touch()
    folder.mkdir()
    health.touch()

    assert [line["event"] for line in logs] == ["health_file_not_touched"]
    assert (folder / "alive").exists()
    health.remove()
    health.remove()
