"""Characters that PostgreSQL has none of, which callers and upstreams send all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from support.books import ended_in
from support.open_stores import a_row, opened, postgres_stores
from support.requests import a_request
from unstill.domain.job import Failure, failed
from unstill.store.ports.store import Store
from unstill.store.postgres.texts import storable, storable_text

REQUEST = msgspec.structs.replace(a_request(), prompt="a\0b")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(postgres_stores(tmp_path)) as store:
        yield store


async def test_a_prompt_with_a_nul_stops_no_later_start(store: Store) -> None:
    job = await store.jobs.add(a_row("job", request=REQUEST))
    await ended_in(store, job, bill=None)

    [time] = await store.backlog.times(5)
    found = await store.jobs.find("job")

    assert time.model == REQUEST.model
    assert found is not None
    assert found.request.prompt == "a�b"


async def test_a_job_ends_with_the_words_of_an_upstream_that_have_a_nul(store: Store) -> None:
    await store.jobs.add(a_row("job"))

    assert await store.jobs.change("job", failed(Failure("x", "no \0 words"), 9))

    found = await store.jobs.find("job")
    assert found is not None
    assert found.failure == Failure("x", "no � words")


async def test_what_is_asked_for_with_a_nul_is_not_there(store: Store) -> None:
    assert await store.jobs.find("a\0b") is None


def test_an_escape_is_told_from_a_backslash_and_letters() -> None:
    assert storable_text(r'{"a":"\u0000"}') == r'{"a":"\ufffd"}'
    assert storable_text(r'{"a":"\\u0000"}') == r'{"a":"\\u0000"}'
    assert storable_text(r'{"a":"\\\u0000"}') == r'{"a":"\\\ufffd"}'
    assert storable_text("a\0") == "a�"
    assert storable((1, None, ["\0"], "well")) == (1, None, ["�"], "well")
