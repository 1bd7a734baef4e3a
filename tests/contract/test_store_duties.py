"""What every job store's duties and signals do for a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.open_stores import Make, opened
from support.waits import until
from unstill.store.ports.duties import Term
from unstill.store.ports.store import Store


class Watch:
    """A duty that lasts until it is cancelled, or ends as `ends` says, once for each."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.begun = 0
        self.under_way = 0
        self.goes_on: list[bool] = []

    async def do(self, term: Term) -> None:
        self.begun += 1
        self.under_way += 1
        try:
            self.goes_on.append(await term.goes_on())
            if self.ends:
                end = self.ends.pop(0)
                if end is None:
                    return
                raise end
            await asyncio.Event().wait()
        finally:
            self.under_way -= 1


@pytest.fixture
async def store(make: Make) -> AsyncIterator[Store]:
    async with opened(make) as store:
        yield store


async def test_a_duty_is_done_by_a_server_that_has_no_other_beside_it(store: Store) -> None:
    watch, rounds = Watch(), Watch()
    store.duties.perform("watch", watch.do)
    store.duties.perform("rounds", rounds.do)
    await until(lambda: watch.goes_on == rounds.goes_on == [True])

    assert (watch.under_way, rounds.under_way) == (1, 1)


async def test_a_duty_that_returns_or_raises_is_begun_again(store: Store) -> None:
    watch = Watch(None, RuntimeError("a fault of ours"))
    store.duties.perform("watch", watch.do)
    await until(lambda: watch.begun == 3)
    await until(lambda: watch.goes_on == [True] * 3)

    assert watch.under_way == 1


async def test_duties_at_rest_have_ended_and_may_be_begun_anew(store: Store) -> None:
    watch = Watch()
    store.duties.perform("watch", watch.do)
    await until(lambda: watch.under_way == 1)
    await store.duties.rest()
    at_rest = watch.under_way
    await store.duties.rest()
    store.duties.perform("watch", watch.do)
    await until(lambda: watch.under_way == 1)

    assert at_rest == 0


async def test_a_store_that_is_closed_has_no_duty_under_way(make: Make) -> None:
    watch = Watch()
    async with opened(make) as store:
        store.duties.perform("watch", watch.do)
        await until(lambda: watch.under_way == 1)

    assert watch.under_way == 0


async def test_signals_are_heard_in_order_by_all_who_listen_to_their_topic(store: Store) -> None:
    first, second, other = list[str](), list[str](), list[str]()

    def troubled(message: str) -> None:
        raise RuntimeError(message)

    store.signals.hear("news", first.append)
    store.signals.hear("news", troubled)
    store.signals.hear("news", second.append)
    store.signals.hear("other", other.append)
    said = [f"{number} 'ü\"" for number in range(50)]
    for message in said:
        store.signals.tell("news", message)
    store.signals.tell("unheard", "of")
    await until(lambda: len(second) == len(said))

    assert first == second == said
    assert other == []
