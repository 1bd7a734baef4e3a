"""The contract of all remote engines, each against its upstream's emulator over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from support.engine_benches import DAY_MS, ROWS, Bench, engine, of_any_remote, only
from support.upstream_requests import request, upstream_request
from unstill.domain.errors import UpstreamError
from unstill.domain.request import Size
from unstill.emulators import KINDS, KINDS_IN_MEMORY
from unstill.engines.openai_videos.engine import OpenAiVideosEngine
from unstill.net.fetcher import Fetcher
from unstill.upstreams.client import Trouble, Unreachable
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Cancelled,
    Done,
    Doubt,
    Failed,
    Gone,
    Refused,
    Rejected,
    Running,
    Submission,
    TooLarge,
    Unclear,
    Unsupported,
    Waiting,
)


@of_any_remote
async def test_a_job_is_taken_once_watched_and_brought_home(bench: Bench, tmp_path: Path) -> None:
    before = bench.emulator.charges()["submits"]
    ticket = await bench.ticket()
    (early,) = await bench.look(ticket)
    done = await bench.done(ticket)
    await bench.remote.fetch(ticket, done, tmp_path / "video")

    assert isinstance(early, Waiting | Running)
    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"
    assert bench.emulator.charges()["submits"] == before + 1
    expected_s = bench.asked.duration_s
    assert done.usage.get("duration", expected_s) == expected_s


@of_any_remote
async def test_an_end_without_a_clear_answer_is_a_doubt_and_not_sent_again(bench: Bench) -> None:
    faults = ["drop_before", "drop_after", "500", "500_after", "garbage", "html"]
    before = bench.emulator.charges()["submits"]
    bench.emulator.next("submit", *faults)

    submissions = [await bench.submit() for _ in faults]

    assert [type(each) for each in submissions] == [Doubt] * len(faults)
    assert bench.emulator.charges()["submits"] == before + len(faults)


@of_any_remote
async def test_the_upstreams_model_is_known_before_anything_is_prepared(bench: Bench) -> None:
    prepared = await bench.prepared()

    assert bench.remote.upstream_model(bench.asked) == prepared.upstream_model


@of_any_remote
async def test_a_429_is_busy_and_carries_its_retry_after(bench: Bench) -> None:
    bench.emulator.next("submit", "429", "429_bare")

    told, bare = await bench.submit(), await bench.submit()

    assert isinstance(told, Busy)
    assert told.retry_after_s == 1
    assert isinstance(bare, Busy)
    assert bare.retry_after_s is None


@of_any_remote
async def test_a_refused_key_is_the_accounts_trouble(bench: Bench) -> None:
    bench.emulator.next("submit", "401", "403")

    for _ in range(2):
        submission = await bench.submit()

        assert isinstance(submission, Refused)
        assert submission.of_account
        assert not submission.unreached


@of_any_remote
async def test_what_the_upstream_does_not_allow_is_the_requests_fault(bench: Bench) -> None:
    bench.emulator.next("submit", "400")

    submission = await bench.submit()

    assert isinstance(submission, Rejected)
    assert submission.message


@of_any_remote
async def test_a_missing_route_or_model_is_refused_for_this_engine(bench: Bench) -> None:
    bench.emulator.next("submit", "404")

    submission = await bench.submit()

    assert isinstance(submission, Refused)
    assert not submission.of_account


@of_any_remote
async def test_only_dashscopes_503_promises_that_nothing_was_taken(bench: Bench) -> None:
    bench.emulator.next("submit", "503")

    submission = await bench.submit()

    assert isinstance(submission, Busy if bench.kind == "dashscope" else Doubt)


@of_any_remote
async def test_a_frame_that_is_no_picture_is_rejected_or_fails_later(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "frame").write_bytes(b"not a picture at all")
    asked = upstream_request(bench.asked, photo=tmp_path / "frame")

    submission = await bench.remote.submit(await bench.remote.prepare(asked))

    # Others look at the frame only when they render.
    looks_at_frames = bench.kind not in ROWS or ROWS[bench.kind].looks_at_frames
    assert isinstance(submission, Rejected if looks_at_frames else Accepted)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_connection_is_surely_not_sent(
    kind: str, fetcher: Fetcher, photo: Path
) -> None:
    remote = engine(kind, "http://127.0.0.1:9", fetcher)
    submission: Submission
    try:
        prepared = await remote.prepare(upstream_request(ROWS[kind].asked, photo=photo))
        submission = await remote.submit(prepared)
    except Unreachable as error:  # where frames are uploaded first
        submission = error.refusal
    await remote.close()

    assert isinstance(submission, Refused)
    assert submission.unreached
    assert submission.of_account


@of_any_remote
async def test_a_polls_trouble_is_no_verdict(bench: Bench) -> None:
    ticket = await bench.ticket()
    faults = ["500", "503", "drop_before", "garbage", "html"]
    bench.emulator.next("poll", *faults)

    for _ in faults:
        (verdict,) = await bench.look(ticket)
        assert isinstance(verdict, Unclear)

    assert isinstance(await bench.done(ticket), Done)


@only("dashscope", "sglang")
async def test_a_429_on_a_poll_holds_the_whole_account(bench: Bench) -> None:
    ticket = await bench.ticket()
    bench.emulator.next("poll", "429")  # with Retry-After: 1

    with pytest.raises(Trouble) as caught:
        await bench.look(ticket)
    began_s = time.monotonic()
    await bench.look(ticket)

    assert caught.value.retry_after_s == 1
    assert time.monotonic() - began_s > 0.9


@of_any_remote
async def test_one_tickets_trouble_leaves_the_others_their_verdicts(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(4)]
    bench.emulator.next("poll", "500")
    seen = await bench.look(*tickets)

    asks_together = bench.kind in ROWS and ROWS[bench.kind].asks_together
    met = len(tickets) if asks_together else 1
    assert sum(isinstance(verdict, Unclear) for verdict in seen) == met


@of_any_remote
async def test_an_unknown_state_word_is_neither_an_end_nor_a_success(bench: Bench) -> None:
    ticket = await bench.ticket()
    bench.emulator.next("poll", "unknown_state")

    (verdict,) = await bench.look(ticket)

    assert isinstance(verdict, Unclear)
    assert verdict.code == "odd_answer"


@of_any_remote
async def test_a_failed_job_says_why_and_names_no_address(bench: Bench) -> None:
    bench.emulator.next("submit", "fail")
    ticket = await bench.ticket()
    bench.emulator.finish()

    (verdict,) = await bench.look(ticket)

    assert isinstance(verdict, Failed)
    assert verdict.code
    assert verdict.message
    assert "127.0.0.1" not in verdict.message


@only(*(kind for kind, row in ROWS.items() if row.has_links))
async def test_a_dead_link_is_refreshed_once(bench: Bench, tmp_path: Path) -> None:
    ticket = await bench.ticket()
    done = await bench.done(ticket)
    bench.emulator.next("fetch", "dead_link")

    await bench.remote.fetch(ticket, done, tmp_path / "video")

    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"


@of_any_remote
async def test_a_video_that_is_gone_for_good_says_so_without_an_address(
    bench: Bench, tmp_path: Path
) -> None:
    ticket = await bench.ticket()
    done = await bench.done(ticket)
    bench.emulator.next("fetch", "404", "403")

    with pytest.raises(UpstreamError) as caught:
        await bench.remote.fetch(ticket, done, tmp_path / "video")

    assert not isinstance(caught.value, Trouble)
    assert "died" in caught.value.message
    assert "127.0.0.1" not in caught.value.message


@of_any_remote
async def test_a_download_that_breaks_may_be_tried_again(bench: Bench, tmp_path: Path) -> None:
    ticket = await bench.ticket()
    done = await bench.done(ticket)
    bench.emulator.next("fetch", "drop_after", "ok")

    with pytest.raises(Trouble):
        await bench.remote.fetch(ticket, done, tmp_path / "video")
    await bench.remote.fetch(ticket, done, tmp_path / "video")

    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"


@of_any_remote
async def test_a_download_that_is_too_large_is_told_from_one_that_broke(
    bench: Bench, tmp_path: Path
) -> None:
    ticket = await bench.ticket()
    done = await bench.done(ticket)
    bench.emulator.next("fetch", "huge", "ok")

    with pytest.raises(TooLarge) as caught:
        await bench.remote.fetch(ticket, done, tmp_path / "video")
    await bench.remote.fetch(ticket, done, tmp_path / "video")

    assert "127.0.0.1" not in caught.value.message
    assert (tmp_path / "video").read_bytes()[4:8] == b"ftyp"


@of_any_remote
async def test_a_lost_job_is_gone_only_where_that_is_sure(bench: Bench) -> None:
    ticket = await bench.ticket()
    bench.emulator.lose_jobs()

    if bench.kind in KINDS_IN_MEMORY:
        (verdict,) = await bench.look(ticket)
        assert isinstance(verdict, Gone)
    elif bench.kind == "dashscope":
        assert [type(verdict) for verdict in await bench.look(ticket)] == [Unclear]
        old = msgspec.structs.replace(ticket, submitted_ms=ticket.submitted_ms - DAY_MS - 1)
        assert [type(verdict) for verdict in await bench.look(old)] == [Gone]
    elif bench.kind == "runware":  # it says the same of one that has not begun
        assert await bench.look(ticket) == [Waiting()]
    else:
        (verdict,) = await bench.look(ticket)
        assert isinstance(verdict, Unclear)


@only(*(kind for kind, row in ROWS.items() if row.cancels))
async def test_a_job_is_cancelled_where_the_upstream_can(bench: Bench) -> None:
    ticket = await bench.ticket()

    assert await bench.remote.cancel(ticket) == Cancelled()


@only(*(kind for kind, row in ROWS.items() if not row.cancels))
async def test_where_nothing_can_be_cancelled_nothing_is_asked(bench: Bench) -> None:
    ticket = await bench.ticket()
    before = len(bench.requests("cancel"))

    assert await bench.remote.cancel(ticket) == Unsupported()
    assert len(bench.requests("cancel")) == before


@of_any_remote
async def test_a_request_that_no_upstream_model_serves_is_a_misfit(bench: Bench) -> None:
    foreign = request("nobody's-model")

    found = bench.remote.misfit(foreign)

    if bench.kind in ROWS and ROWS[bench.kind].takes_any_model:
        assert found is None
    else:
        assert found is not None
        assert found.param == "model"


# The whole bodies, of every kind: tests/e2e/test_upstreams.py.
@only("dashscope", "modelverse", "runware", "openai", "unified", "sglang", "vllm-omni")
async def test_the_upstream_gets_what_its_documents_name(bench: Bench) -> None:
    await bench.ticket()
    sent = bench.requests("submit")[-1]
    body = sent["body"]

    match bench.kind:
        case "dashscope":
            assert sent["path"] == "/api/v1/services/aigc/video-generation/video-synthesis"
            assert sent["headers"]["x-dashscope-async"] == "enable"
            assert set(body["parameters"]) == {
                "resolution",
                "duration",
                "watermark",
                "seed",
                "prompt_extend",
            }
        case "modelverse":
            assert set(body["input"]) == {"first_frame_url", "prompt"}
            assert body["parameters"] == {"resolution": "720P", "duration": 5, "seed": 7}
        case "runware":
            [task] = body
            assert sent["path"] == "/v1"
            assert (task["model"], task["duration"]) == ("alibaba:wan@2.7", 2)
            assert not {"width", "height"} & task.keys()
        case "unified":
            assert body["seconds"] == "2"
            assert body["input_reference"]["content"][0]["role"] == "first_frame"
        case _:
            assert sent["headers"]["content-type"].startswith("multipart/form-data")
            assert body["size"] == "1280x720"
            assert body["input_reference"]["content_type"] == "image/jpeg"
            assert ("seed" in body) is (bench.kind != "openai")


@only("openai")
async def test_a_frame_of_another_size_than_the_frame_form_says_is_rejected(bench: Bench) -> None:
    upright = Size(720, 1280)
    asked = upstream_request(ROWS["openai"].asked, size=upright, photo=bench.photo)
    assert isinstance(bench.remote, OpenAiVideosEngine)

    assert bench.remote.frame_form(asked).size == upright
    submission = await bench.remote.submit(await bench.remote.prepare(asked))
    assert isinstance(submission, Rejected)


@of_any_remote
async def test_a_poll_that_is_given_up_leaves_nothing_behind(bench: Bench) -> None:
    tickets = [await bench.ticket() for _ in range(4)]
    before = asyncio.all_tasks()

    rounds = bench.remote.poll(tickets)
    assert isinstance(rounds, AsyncGenerator)
    await anext(rounds)
    await rounds.aclose()

    assert asyncio.all_tasks() == before
