"""An upstream's model that told one server "busy" is left alone by all."""

from __future__ import annotations

import asyncio

import msgspec

from support.fleets import Fleet
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.scripted_upstream import ACCOUNT, ScriptedRemote
from unstill.domain.backoff import MODEL
from unstill.steps.cooldown import PROBE_WAIT_MS, ModelCooldown
from unstill.steps.engine_choice import EngineChoice
from unstill.store.ports.signals import Signals
from unstill.upstreams.port import Accepted, Busy, Submission

NOW_MS = 1_000_000
FIRST_MS, SECOND_MS, *_ = MODEL.pauses_ms
BUSY = Busy("Throttling", "later")


class Choices:
    """The same engine at several servers, whose clock a test turns."""

    def __init__(self, servers: int = 2) -> None:
        self.now_ms = NOW_MS
        self.fleet = Fleet()
        self.remote = ScriptedRemote()
        self.choices = [self.choice(self.fleet.server()) for _ in range(servers)]

    def choice(self, signals: Signals | None) -> EngineChoice:
        store = MemoryStore(Memory())
        return EngineChoice(
            attempts=store.attempts,
            remotes={self.remote.name: self.remote},
            routes={},
            clock_ms=lambda: self.now_ms,
            uptime_ms=lambda: self.now_ms,
            signals=signals,
        )

    def at(self, server: int, model: str = "wan") -> ModelCooldown:
        return self.choices[server].gate(self.remote).cooldown(model)

    def call(self, server: int, submission: Submission = BUSY, *, of_round: int = -1) -> None:
        """A call of that server comes to `submission`; it began now, or in an earlier round."""
        cooldown = self.at(server)
        begun = cooldown.begin() if of_round < 0 else of_round
        cooldown.note(submission, of_round=begun, now_ms=self.now_ms)

    def until_ms(self) -> list[int]:
        """For how long each server leaves the model alone, from the beginning."""
        cooldowns = [self.at(server) for server in range(len(self.choices))]
        return [max(0, each.blocked_until_ms(0, NOW_MS) - NOW_MS) for each in cooldowns]


async def heard() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_model_that_told_one_server_busy_is_left_alone_by_all() -> None:
    choices = Choices(3)
    choices.call(0)
    await heard()

    assert choices.until_ms() == [FIRST_MS, *[FIRST_MS + PROBE_WAIT_MS] * 2]
    assert choices.at(1).is_busy(NOW_MS, is_probe=False)
    assert not choices.at(1, "another").is_busy(NOW_MS, is_probe=False)


async def test_a_pause_that_an_upstream_asks_for_is_kept_by_all() -> None:
    choices = Choices()
    choices.call(1, Busy("429", "later", 42.0))
    await heard()

    assert choices.until_ms() == [42_000 + PROBE_WAIT_MS, 42_000]


async def test_calls_of_several_servers_that_are_told_busy_together_make_one_pause() -> None:
    choices = Choices()
    begun = [choices.at(server).begin() for server in range(2)]
    choices.call(0, of_round=begun[0])
    choices.call(1, of_round=begun[1])
    await heard()
    choices.call(1, of_round=begun[1])  # slower ones of the same round
    choices.call(0, of_round=begun[0])
    await heard()

    assert choices.until_ms() == [FIRST_MS] * 2


async def test_calls_that_find_out_together_make_the_next_pause_longer_once() -> None:
    choices = Choices()
    choices.call(0)
    await heard()
    choices.now_ms += FIRST_MS
    choices.call(0)
    choices.call(1)  # before it has heard of that
    await heard()

    assert choices.until_ms() == [FIRST_MS + SECOND_MS] * 2


async def test_the_server_that_was_told_busy_finds_out_first_and_the_others_by_themselves() -> None:
    choices = Choices()
    choices.call(0)
    await heard()
    choices.now_ms += FIRST_MS
    may_ask = [not choices.at(each).is_busy(choices.now_ms, is_probe=True) for each in range(2)]
    choices.now_ms += PROBE_WAIT_MS
    later = [not choices.at(each).is_busy(choices.now_ms, is_probe=True) for each in range(2)]

    assert may_ask == [True, False]
    assert later == [True, True]


async def test_once_one_server_finds_that_a_model_takes_calls_again_all_may_call_it() -> None:
    choices = Choices(3)
    choices.call(0)
    await heard()
    choices.now_ms += FIRST_MS
    choices.call(2, Accepted("task"))
    await heard()
    free = choices.until_ms()
    choices.call(1)
    await heard()

    assert free == [0] * 3
    assert choices.until_ms()[1] == 2 * FIRST_MS  # the first pause again


async def test_late_news_that_a_model_takes_calls_opens_no_line_that_was_closed_since() -> None:
    choices = Choices()
    choices.call(0)
    await heard()
    choices.now_ms += FIRST_MS
    choices.call(1, Accepted("task"))  # told, and on its way
    choices.call(0)  # the second pause of server 0
    await heard()

    assert choices.until_ms()[0] == FIRST_MS + SECOND_MS


async def test_calls_that_are_taken_are_told_to_nobody() -> None:
    choices = Choices()
    for _ in range(10):
        choices.call(0, Accepted("task"))

    assert choices.fleet.told == []


async def test_what_is_told_of_an_account_that_is_not_here_changes_nothing() -> None:
    choices = Choices()
    other = Choices()
    other.remote.account = msgspec.structs.replace(ACCOUNT, id="another")
    other.choices = [other.choice(choices.fleet.server())]
    other.call(0)
    await heard()

    assert choices.until_ms() == [0] * 2


def test_a_server_alone_tells_nobody() -> None:
    alone = Choices(0)
    alone.choices = [alone.choice(None)]
    alone.call(0)
    busy = alone.until_ms()
    alone.call(0, Accepted("task"))

    assert (busy, alone.until_ms()) == ([FIRST_MS], [0])
