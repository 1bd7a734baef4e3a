"""GET /v1/events on a whole product: one stream of all jobs of the caller's owner."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from support.api_keys import NOW_MS, a_key, adding
from support.asked_app import Asked
from support.jobs import a_job
from support.waits import until
from unstill.domain.job import Change, Failure, Job, State, failed, hidden
from unstill.domain.owner import EVERYONE, Owner
from unstill.product import Product
from unstill.progress import owner_news
from unstill.server.verbs import own_events
from unstill.settings.reader import read_settings

ATLAS, BOREA = Owner("atlas"), Owner("borea")
STREAM = "/v1/events"
NO = failed(Failure("no", "it cannot be done"), NOW_MS)

Told = list[tuple[str, dict[str, object]]]


def told(asked: Asked) -> Told:
    """The events so far, without the comments between them."""
    blocks = asked.body.decode().split("\n\n")
    lines = [block.split("\n") for block in blocks if block and block != ":"]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in lines
    ]


def states(asked: Asked, job: Job) -> list[object]:
    return [data.get("state", name) for name, data in told(asked) if data.get("id") == job.id]


@asynccontextmanager
async def serving(folder: Path, toml: str = "") -> AsyncIterator[Product]:
    """A whole product, with no engine that would do what a test puts there."""
    file = folder / "unstill.toml"
    file.write_text(toml)
    command_line = {"data_dir": str(folder / "data")}
    product = Product(read_settings(file=file, environment={}, command_line=command_line))
    await product.startup()
    try:
        yield product
    finally:
        product.stop_taking()
        await product.shutdown()


async def let_in(product: Product, **owners: Owner) -> None:
    """Make keys, by their ids."""
    for key_id, owner in owners.items():
        await product._store.keys.change(adding(a_key(key_id, owner=owner, expires_ms=None)))
    await product._watch.look()


async def added(product: Product, owner: Owner = EVERYONE) -> Job:
    """A job that nobody works on."""
    return await product._store.jobs.add(a_job(owner=owner, engine="none", state=State.READY))


async def changed(product: Product, job: Job, change: Change) -> None:
    assert await product._store.jobs.change(job.id, change) is not None


async def test_a_stream_begins_at_once_and_says_what_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        asked = Asked(product, STREAM)
        await until(lambda: told(asked) == [("open", {})])
        begin = asked.sent[0]
        head = Asked(product, STREAM, method="HEAD")
        await head.ended()

    headers = dict(begin["headers"])
    assert begin["status"] == head.sent[0]["status"] == 200
    assert headers[b"content-type"] == b"text/event-stream"
    assert headers[b"x-accel-buffering"] == b"no"
    assert headers[b"cache-control"] == b"no-store"
    assert head.body == b""


async def test_each_change_of_any_job_is_told_as_its_own_route_has_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        before = await added(product)
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        after = await added(product)
        await until(lambda: states(asked, after) == ["ready"])
        await changed(product, before, NO)
        await until(lambda: states(asked, before) == ["failed"])

    [(_, new)] = [each for each in told(asked) if each[1].get("id") == after.id]
    [(_, over)] = [each for each in told(asked) if each[1].get("id") == before.id]
    assert new["prompt"] == after.request.prompt
    assert over["error"] == {"code": "no", "message": "it cannot be done", "param": None}


async def test_a_deleted_job_is_gone(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        job = await added(product)
        await changed(product, job, NO)
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        await changed(product, job, hidden(of=State.FAILED))
        await until(lambda: states(asked, job) == ["gone"])


async def test_progress_of_a_job_that_ran_before_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        job, board = await added(product), product._followers.board
        board.expect(job.id)
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        for percent in range(1, 101):
            board.report(job.id, percent / 100)
        await until(lambda: bool(states(asked, job)))

    fractions = [data["progress"] for _, data in told(asked) if data.get("id") == job.id]
    assert len(fractions) < 3  # all that came at once is told once
    assert fractions[-1] == pytest.approx(0.97)


async def test_owners_hear_of_their_own_jobs_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        await let_in(product, key_1=ATLAS, key_2=BOREA)
        atlas, borea = (Asked(product, STREAM, key=f"unstill_{key}") for key in ("key_1", "key_2"))
        stranger = Asked(product, STREAM)
        await stranger.ended()
        await until(lambda: all(told(each) for each in (atlas, borea)))
        mine, others = await added(product, ATLAS), await added(product, BOREA)
        for job in (others, mine):
            product._followers.board.expect(job.id)
            product._followers.board.report(job.id, 0.5)
        await until(lambda: bool(states(atlas, mine) and states(borea, others)))

    assert stranger.sent[0]["status"] == 401
    assert others.id.encode() not in atlas.body
    assert mine.id.encode() not in borea.body


async def test_a_stream_ends_with_its_key_and_another_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        await let_in(product, key_1=ATLAS, key_2=ATLAS)
        lost, kept = (Asked(product, STREAM, key=f"unstill_{key}") for key in ("key_1", "key_2"))
        await until(lambda: all(told(each) for each in (lost, kept)))
        revoked = msgspec.structs.replace(a_key("key_1", owner=ATLAS), revoked_ms=NOW_MS)
        await product._store.keys.change(adding(revoked))
        await product._watch.look()
        await lost.ended()
        job = await added(product, ATLAS)
        await until(lambda: states(kept, job) == ["ready"])

    assert job.id.encode() not in lost.body
    assert lost.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_who_reads_slowly_is_told_the_newest_state_of_each_job(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        asked.takes.clear()
        first = await added(product)
        await until(lambda: bool(states(asked, first)))
        await changed(product, first, NO)
        second = await added(product)
        await changed(product, second, NO)
        assert states(asked, second) == []
        asked.takes.set()
        await until(lambda: bool(states(asked, second)))

    assert states(asked, first) == ["ready", "failed"]
    assert states(asked, second) == ["failed"]


async def test_who_has_missed_more_than_is_remembered_is_told_to_read_the_list_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_news, "MOST_CHANGED", 3)
    async with serving(tmp_path) as product:
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        asked.takes.clear()
        await added(product)
        await until(lambda: len(told(asked)) == 2)
        missed = [await added(product) for _ in range(4)]
        asked.takes.set()
        await until(lambda: told(asked)[-1] == ("reload", {}))
        await changed(product, missed[0], NO)
        await until(lambda: states(asked, missed[0]) == ["failed"])

    assert [name for name, _ in told(asked)] == ["open", "job", "reload", "job"]


async def test_places_in_the_queue_are_told_now_and_then_with_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_events, "BEAT_S", 0.3)
    async with serving(tmp_path) as product:
        first, second = await added(product), await added(product)
        asked = Asked(product, STREAM)
        await until(lambda: b":\n\n" in asked.body)
        assert states(asked, second) == []
        await changed(product, first, NO)
        await until(lambda: bool(states(asked, second)))

    [(_, moved)] = [each for each in told(asked) if each[1].get("id") == second.id]
    assert moved["queue_position"] == 1


@pytest.mark.parametrize("limit", ["waiting_per_address", "waiting_per_owner"])
async def test_no_more_streams_are_open_than_calls_may_wait(tmp_path: Path, limit: str) -> None:
    async with serving(tmp_path, f"[server]\n{limit} = 2\n") as product:
        await let_in(product, key_1=ATLAS)
        streams = [Asked(product, STREAM, key="unstill_key_1") for _ in range(2)]
        await until(lambda: all(told(each) for each in streams))
        one_too_many = Asked(product, STREAM, key="unstill_key_1")
        await one_too_many.ended()
        streams[0].gone.set()
        await streams[0].ended()
        again = Asked(product, STREAM, key="unstill_key_1")
        await until(lambda: bool(told(again)))

    assert one_too_many.sent[0]["status"] == 429
    assert limit.encode() in one_too_many.body


async def test_streams_end_when_the_server_does_and_none_begins_then(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        product.stop_taking()
        await asked.ended()
        late = Asked(product, STREAM)
        await late.ended()

    assert told(late) == [("open", {})]


async def test_nothing_is_kept_of_who_hangs_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as product:
        asked = Asked(product, STREAM)
        await until(lambda: bool(told(asked)))
        asked.gone.set()
        await asked.ended()

        assert product._followers.board.owner_news.followers == {}
        assert product._followers.board.waiting_of(EVERYONE) == 0
