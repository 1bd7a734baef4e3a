"""Engines that can learn what their upstream does are asked to, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from unstill.engines.modelverse.engine import ModelverseEngine
from unstill.engines.openrouter.engine import OpenRouterEngine
from unstill.net.fetcher import Fetcher
from unstill.steps.learning import Learner
from unstill.upstreams.client import Trouble
from unstill.upstreams.rate_limits import Accounts
from unstill.upstreams.setup import RemoteSetup


class Scripted(OpenRouterEngine):
    """Learns, or fails, as it is told; the last word holds on."""

    def script(self, *faults: Exception | None) -> None:
        self.faults = faults
        self.asked = 0
        self.well = asyncio.Event()

    async def learn(self) -> None:
        fault = self.faults[min(self.asked, len(self.faults) - 1)]
        self.asked += 1
        if fault is not None:
            raise fault
        self.well.set()


@pytest.fixture
async def setup() -> AsyncIterator[RemoteSetup]:
    fetcher = Fetcher()
    yield RemoteSetup("far", "http://127.0.0.1:9", "sk-1", Accounts(), fetcher)
    await fetcher.close()


@pytest.fixture
async def remote(setup: RemoteSetup) -> AsyncIterator[Scripted]:
    made = Scripted(setup)
    yield made
    await made.close()


async def learnt(remote: Scripted, *, every_s: float = 600.0) -> list[str]:
    """Runs until it has learnt something, and a moment longer; the events that were logged."""
    learner = Learner([remote], every_s=every_s, after_trouble_s=0.01)
    with capture_logs() as logs:
        learner.startup()
        async with asyncio.timeout(10):
            await remote.well.wait()
        await asyncio.sleep(0.1)
        await learner.shutdown()
    return [str(each["event"]) for each in logs]


async def test_what_was_learnt_stands_for_an_hour(remote: Scripted) -> None:
    remote.script(None)

    assert await learnt(remote) == []
    assert remote.asked == 1


async def test_it_is_asked_again_after_a_while(remote: Scripted) -> None:
    remote.script(None)
    await learnt(remote, every_s=0.01)

    assert remote.asked > 2


@pytest.mark.parametrize("fault", [Trouble("away"), ValueError("ours")])
async def test_trouble_is_told_once_and_asked_about_again(
    remote: Scripted, fault: Exception
) -> None:
    remote.script(fault, Trouble("still away"), Trouble("still away"), None)

    assert await learnt(remote) == ["not_learnt"]
    assert remote.asked == 4


async def test_an_engine_that_cannot_learn_is_left_alone(setup: RemoteSetup) -> None:
    remote = ModelverseEngine(setup)
    learner = Learner([remote])
    before = asyncio.all_tasks()
    learner.startup()

    assert asyncio.all_tasks() == before
    await learner.shutdown()
    await remote.close()
