"""Kling: what a lost reply comes to, and how its tasks are asked for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from support.engine_benches import Bench, only
from support.requests import KLING
from support.upstream_requests import request
from unstill.engines.kling.answers import SHOWN_AFTER_S
from unstill.engines.kling.engine import ASKED_AT_ONCE, KlingEngine
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import (
    Accepted,
    Doubt,
    Prepared,
    Refused,
    SettlingRemote,
    Submission,
    Ticket,
    Unclear,
    Waiting,
)


def remote_of(bench: Bench) -> KlingEngine:
    assert isinstance(bench.remote, KlingEngine)
    assert isinstance(bench.remote, SettlingRemote)
    return bench.remote


async def lost(bench: Bench, fault: str) -> tuple[Prepared, Submission]:
    prepared = await bench.prepared()
    bench.emulator.next("submit", fault)
    return prepared, await bench.remote.submit(prepared)


@only("kling")
@pytest.mark.parametrize("fault", ["drop_after", "500_after", "html", "garbage"])
async def test_a_task_that_was_taken_is_found_by_our_id_and_not_sent_again(
    bench: Bench, fault: str
) -> None:
    prepared, submission = await lost(bench, fault)
    before = bench.emulator.charges()
    settled = await remote_of(bench).settle(prepared, age_s=1.0)

    assert isinstance(submission, Doubt)
    assert isinstance(settled, Accepted)
    assert await bench.look(Ticket("job-1", settled.ticket, "kling-3.0", 0)) == [Waiting()]
    assert bench.emulator.charges() == before


@only("kling")
@pytest.mark.parametrize("fault", ["drop_before", "500", "503"])
async def test_a_task_that_is_not_shown_was_not_taken_only_after_minutes(
    bench: Bench, fault: str
) -> None:
    prepared, submission = await lost(bench, fault)
    before = bench.emulator.charges()["submits"]
    early = await remote_of(bench).settle(prepared, age_s=SHOWN_AFTER_S - 1)
    late = await remote_of(bench).settle(prepared, age_s=SHOWN_AFTER_S)

    assert isinstance(submission, Doubt)
    assert isinstance(early, Doubt)
    assert isinstance(late, Refused)
    assert (late.code, late.of_account) == ("not_taken", False)
    assert bench.emulator.charges()["submits"] == before


@only("kling")
@pytest.mark.parametrize("fault", ["500", "401", "404", "html", "drop_before", "429"])
async def test_a_query_that_fails_says_nothing_of_the_call(bench: Bench, fault: str) -> None:
    prepared, _ = await lost(bench, "drop_before")
    bench.emulator.next("poll", fault)
    try:
        settled: object = await remote_of(bench).settle(prepared, age_s=SHOWN_AFTER_S)
    except Trouble as trouble:
        settled = trouble

    assert isinstance(settled, Doubt | Trouble)


@only("kling")
async def test_an_engine_prepares_under_the_key_that_it_is_given(bench: Bench) -> None:
    prepared = await bench.prepared()

    assert msgspec.json.decode(prepared.body)["options"]["external_task_id"] == prepared.key


@only("kling")
async def test_many_tickets_are_asked_for_by_one_call(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(3)]
    unknown = [Ticket("job", str(n), "kling-3.0", 0) for n in range(ASKED_AT_ONCE - 3)]
    before = len(bench.requests("poll"))
    seen = await bench.look(*tickets, *unknown)
    after_one = len(bench.requests("poll"))
    await bench.look(*tickets, *unknown, Ticket("job", "one more", "kling-3.0", 0))

    assert [type(verdict) for verdict in seen] == [Waiting] * 3 + [Unclear] * len(unknown)
    assert after_one == before + 1
    assert len(bench.requests("poll")) == after_one + 2


@only("kling")
async def test_each_is_asked_for_alone_where_one_may_have_spoilt_the_call(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(3)]
    before = len(bench.requests("poll"))
    bench.emulator.next("poll", "404")
    seen = await bench.look(*tickets)

    assert seen == [Waiting()] * 3
    assert len(bench.requests("poll")) == before + 4


@only("kling")
async def test_what_it_charges_comes_with_the_video(bench: Bench) -> None:
    silent = await bench.done(await bench.ticket())
    loud = await bench.done(
        await bench.ticket(request(KLING, tier="1080P", duration_s=3, generate_audio=True))
    )

    assert (silent.usage, loud.usage) == ({"cost_usd": 0.42}, {"cost_usd": 0.504})


@only("kling")
async def test_a_marked_video_is_fetched_where_a_mark_was_asked_for(
    bench: Bench, tmp_path: Path
) -> None:
    ticket = await bench.ticket(request(KLING, watermark=True))
    done = await bench.done(ticket)
    await bench.remote.fetch(ticket, done, tmp_path / "video")
    [sent] = [each for each in bench.requests("submit") if each["job_id"] == ticket.id]

    assert sent["body"]["options"]["watermark_info"] == {"enabled": True}
    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"


@only("kling")
async def test_the_key_is_let_in_or_not(bench: Bench) -> None:
    assert (await bench.remote.standing()).is_let_in is True
    bench.emulator.next("poll", "401")
    assert (await bench.remote.standing()).is_let_in is False
