"""Callbacks are counted before they are looked at, and a few of one job are one hint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from support.scripted_upstream import ScriptedRemote
from unstill.domain.access_errors import BadSignature, TooManyCallbacks
from unstill.domain.errors import NoSuchRoute
from unstill.service.callbacks import MOST_OF_ADDRESS, MOST_OF_ENGINE, Callbacks

JOB, OTHER = (f"01a1f8a9-41a0-79f5-a68a-01cbc101ce{n}" for n in ("6d", "6e"))
HERE = "192.0.2.1"


class Signing(ScriptedRemote):
    """Believes what says so; counts what it looked at."""

    is_called_back = True
    looked = 0

    async def is_its_word(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> bool:
        del headers, now_ms
        self.looked += 1
        return body == b"good"


class Silent(Signing):
    is_called_back = False


class Desk:
    """The callbacks of two engines, at a time that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.hints: list[tuple[str, str]] = []
        self.remote = Signing()
        remotes = {
            "far": self.remote,
            "near": Signing(),
            "mute": Silent(),
            "plain": ScriptedRemote(),
        }
        self.callbacks = Callbacks(
            remotes,
            lambda *hint: self.hints.append(hint),
            wall_ms=lambda: 0,
            monotonic_s=lambda: self.now_s,
            least_between_s=0.05,
        )

    async def heed(self, job_id: str = JOB, body: bytes = b"good", address: str = HERE) -> None:
        self.callbacks.count("far", job_id, address)
        await self.callbacks.heed("far", job_id, {}, body)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_signed_callback_is_a_hint_at_its_job(desk: Desk) -> None:
    await desk.heed()

    assert desk.hints == [(JOB, "far")]


async def test_any_other_is_refused_and_hints_at_nothing(desk: Desk) -> None:
    with pytest.raises(BadSignature):
        await desk.heed(body=b"evil")

    assert desk.hints == []


@pytest.mark.parametrize("engine", ["mute", "plain", "camera", "nobody"])
def test_an_engine_without_callbacks_has_no_such_route(desk: Desk, engine: str) -> None:
    with pytest.raises(NoSuchRoute):
        desk.callbacks.count(engine, JOB, HERE)


@pytest.mark.parametrize("job_id", ["", "job", JOB + " far", JOB.upper(), JOB + "\n", "x" * 36])
def test_what_is_no_jobs_id_has_none_either(desk: Desk, job_id: str) -> None:
    with pytest.raises(NoSuchRoute):
        desk.callbacks.count("far", job_id, HERE)


async def test_an_address_has_so_many_a_minute_and_the_rest_is_not_looked_at(desk: Desk) -> None:
    for _ in range(MOST_OF_ADDRESS):
        desk.callbacks.count("far", JOB, HERE)
    with pytest.raises(TooManyCallbacks) as refused:
        await desk.heed()

    assert desk.remote.looked == 0
    assert refused.value.retry_after_s == 60
    desk.callbacks.count("far", JOB, "192.0.2.2")
    desk.now_s = 60.0
    desk.callbacks.count("far", JOB, HERE)


def test_an_engine_has_so_many_a_minute_whoever_sends_them(desk: Desk) -> None:
    for each in range(MOST_OF_ENGINE):
        desk.callbacks.count("far", JOB, f"address {each}")

    with pytest.raises(TooManyCallbacks):
        desk.callbacks.count("far", JOB, "another address")
    desk.callbacks.count("near", JOB, "another address")


async def test_several_of_one_job_are_two_hints_the_last_when_the_gap_is_over(
    desk: Desk,
) -> None:
    with capture_logs() as lines:
        for _ in range(5):
            await desk.heed()
        await desk.heed(OTHER)
    assert desk.hints == [(JOB, "far"), (OTHER, "far")]
    assert [each["job_id"] for each in lines] == [JOB, OTHER]

    await asyncio.sleep(0.2)
    assert desk.hints == [(JOB, "far"), (OTHER, "far"), (JOB, "far")]
    await desk.heed()
    assert len(desk.hints) == 4
