"""Ark and MiniMax: a list by ids, a delete that is no cancel, and bodies for every model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import av
import msgspec
import pytest

from support.emulator_process import Emulator
from support.engine_benches import Bench, engine, only
from support.requests import SORA
from support.upstream_requests import LAST, request
from unstill.engines.minimax import models as minimax
from unstill.media.tasks import VideoCheck
from unstill.media.video_check import check_video
from unstill.net.fetcher import Fetcher
from unstill.upstreams import ark_models as ark
from unstill.upstreams.client import Trouble
from unstill.upstreams.listed_tasks import LIST_FROM
from unstill.upstreams.port import Accepted, Cancelled, Done, Failed, TooLate, Waiting
from unstill.upstreams.usage import billed_seconds

LISTING = ("ark", "minimax")  # whose tasks are listed by their ids


async def lists_again(bench: Bench) -> None:
    """Waits out the second in which Ark answers no other list."""
    last_ms = max((each["at_ms"] for each in bench.requests("list")), default=0)
    await asyncio.sleep(max(last_ms / 1000 + 1.1 - time.time(), 0))


@only(*LISTING)
async def test_many_tickets_are_one_call_with_their_links(bench: Bench, tmp_path: Path) -> None:
    ended = [await bench.ticket() for _ in range(2)]
    bench.emulator.finish()
    going = [await bench.ticket() for _ in range(LIST_FROM - 2)]
    polls, lists = len(bench.requests("poll")), len(bench.requests("list"))
    await lists_again(bench)

    seen = {ticket: verdict async for ticket, verdict in bench.remote.poll([*ended, *going])}
    done = [seen[ticket] for ticket in ended]

    assert all(isinstance(each, Done) and each.url for each in done)
    assert all(isinstance(seen[ticket], Waiting) for ticket in going)
    assert (len(bench.requests("poll")), len(bench.requests("list"))) == (polls, lists + 1)
    assert isinstance(done[0], Done)
    await bench.remote.fetch(ended[0], done[0], tmp_path / "video")
    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"


@only(*LISTING)
async def test_few_tickets_are_asked_for_singly(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(LIST_FROM - 1)]
    polls, lists = len(bench.requests("poll")), len(bench.requests("list"))

    assert len(await bench.look(*tickets)) == LIST_FROM - 1
    assert len(bench.requests("poll")) == polls + LIST_FROM - 1
    assert len(bench.requests("list")) == lists


@only(*LISTING)
@pytest.mark.parametrize("fault", ["500", "403", "429", "garbage", "drop_after", "unknown_state"])
async def test_a_list_that_does_not_answer_is_replaced_by_queries(bench: Bench, fault: str) -> None:
    tickets = [await bench.ticket() for _ in range(LIST_FROM)]
    bench.emulator.next("list", fault)

    assert [type(each) for each in await bench.look(*tickets)] == [Waiting] * LIST_FROM


@only(*LISTING)
async def test_what_the_list_does_not_show_is_asked_for_singly(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(LIST_FROM)]
    bench.emulator.next("poll", "lose")
    await bench.look(tickets[0])
    polls = len(bench.requests("poll"))
    await lists_again(bench)

    assert len(await bench.look(*tickets)) == LIST_FROM
    assert len(bench.requests("poll")) == polls + 1


@only(*LISTING)
async def test_a_task_that_has_ended_is_never_deleted(bench: Bench) -> None:
    ticket = await bench.ticket()
    await bench.done(ticket)
    before = len(bench.requests("cancel"))

    assert await bench.remote.cancel(ticket) == TooLate()
    assert len(bench.requests("cancel")) == before
    assert isinstance(await bench.done(ticket), Done)


@only(*LISTING)
async def test_a_cancel_whose_answer_was_lost_is_found_done(bench: Bench) -> None:
    ticket = await bench.ticket()

    assert await bench.remote.cancel(ticket) == Cancelled()
    (verdict,) = await bench.look(ticket)
    assert isinstance(verdict, Failed)
    assert await bench.remote.cancel(ticket) == Cancelled()
    assert bench.emulator.charges()["accepted"] > bench.emulator.charges()["charged"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("ark", name) for name in ark.MODELS), *(("minimax", name) for name in minimax.MODELS)],
)
async def test_each_model_takes_a_full_request(
    kind: str, name: str, emulator_of: Callable[[str], Emulator], fetcher: Fetcher, photo: Path
) -> None:
    model = ark.MODELS[name] if kind == "ark" else minimax.MODELS[name]
    upstream = emulator_of(kind)
    remote = engine(kind, upstream.url, fetcher, models={SORA: name})
    full = request(
        SORA,
        tier=model.tiers[-1],
        duration_s=model.durations_s[-1],
        last_frame=LAST,
        watermark=True,
        generate_audio=True,
    )
    plain = msgspec.structs.replace(full, last_frame=None, generate_audio=False)
    asked = full if remote.misfit(full) is None else plain
    bench = Bench(kind, upstream, remote, photo, asked)

    assert remote.misfit(asked) is None
    submission = await bench.submit()
    await remote.close()

    assert isinstance(submission, Accepted), submission
    assert bench.requests("submit")[-1]["body"]["model"] == name


@only("minimax")
async def test_a_refused_delete_of_a_task_that_still_waits_is_trouble(bench: Bench) -> None:
    ticket = await bench.ticket()
    bench.emulator.next("cancel", "500")

    with pytest.raises(Trouble):
        await bench.remote.cancel(ticket)
    assert await bench.remote.cancel(ticket) == Cancelled()


@only("minimax")
async def test_the_seconds_that_minimax_bills_are_told(bench: Bench) -> None:
    done = await bench.done(await bench.ticket())

    assert billed_seconds(done.usage) == bench.asked.duration_s


async def test_a_video_in_h265_with_ten_bits_and_one_channel_comes_home(
    emulator_of: Callable[[str], Emulator], fetcher: Fetcher, photo: Path, tmp_path: Path
) -> None:
    upstream = emulator_of("ark")
    remote = engine("ark", upstream.url, fetcher, models={SORA: "doubao-seedance-2-5-260628"})
    bench = Bench("ark", upstream, remote, photo, request(SORA, tier="1080P"))
    ticket = await bench.ticket()

    await remote.fetch(ticket, await bench.done(ticket), tmp_path / "video")
    await remote.close()

    facts = check_video(VideoCheck(str(tmp_path / "video"), 4))
    with av.open(str(tmp_path / "video")) as container:
        pictures, sound = container.streams.video[0], container.streams.audio[0]
        assert pictures.codec_context.name == "hevc"
        assert pictures.pix_fmt == "yuv420p10le"
        assert sound.layout.name == "mono"
    assert facts.has_audio
