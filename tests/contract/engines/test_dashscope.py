"""What DashScope has and the others have not: pages of tasks, uploads, a shared rate."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PIL import Image

from support.engine_benches import ROWS, Bench, engine, only
from support.requests import WAN27
from support.upstream_requests import LAST, request, upstream_request
from unstill.domain.errors import UpstreamError
from unstill.engines.dashscope.engine import SMALL_BYTES
from unstill.engines.dashscope.list_walk import LIST_FROM
from unstill.net.fetcher import Fetcher
from unstill.upstreams.port import Accepted, Done, PrepareRefused, TooLate


@only("dashscope")
async def test_dashscope_cancels_no_task_that_has_begun(bench: Bench) -> None:
    ticket = await bench.ticket()
    await bench.done(ticket)

    assert await bench.remote.cancel(ticket) == TooLate()


@only("dashscope")
async def test_many_tickets_are_polled_by_the_page_and_ends_by_the_piece(bench: Bench) -> None:
    ended = [await bench.ticket() for _ in range(2)]
    bench.emulator.finish()
    going = [await bench.ticket() for _ in range(LIST_FROM)]
    polls = len(bench.requests("poll"))
    lists = len(bench.requests("list"))

    verdicts = await bench.look(*ended, *going)

    assert [type(each) for each in verdicts].count(Done) == 2
    assert len(verdicts) == LIST_FROM + 2
    assert len(bench.requests("poll")) == polls + 2
    assert len(bench.requests("list")) == lists + 1


@only("dashscope")
@pytest.mark.parametrize("fault", ["500", "403", "garbage", "drop_after"])
async def test_a_list_that_does_not_answer_is_replaced_by_queries(bench: Bench, fault: str) -> None:
    tickets = [await bench.ticket() for _ in range(LIST_FROM)]
    bench.emulator.next("list", fault)

    assert len(await bench.look(*tickets)) == LIST_FROM


@only("dashscope")
async def test_polls_keep_to_the_accounts_rate(bench: Bench) -> None:
    """The emulator refuses more than 20 calls in any second, as DashScope does."""
    tickets = [await bench.ticket() for _ in range(LIST_FROM - 1)]
    began_s = time.monotonic()

    for _ in range(4):  # 28 queries
        assert len(await bench.look(*tickets)) == len(tickets)

    assert time.monotonic() - began_s > 27 / 20


@pytest.fixture(scope="module")
def large_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PNG that two of make more than is sent as data URLs, and one alone."""
    path = tmp_path_factory.mktemp("large") / "frame"
    noise = Image.effect_noise((1700, 1500), 90).convert("RGB")
    noise.save(path, "PNG", compress_level=0)
    assert SMALL_BYTES < path.stat().st_size < 8 * 2**20
    return path


@only("dashscope")
async def test_large_frames_are_uploaded_first(bench: Bench, large_photo: Path) -> None:
    asked = upstream_request(request(WAN27, duration_s=2, last_frame=LAST), photo=large_photo)

    submission = await bench.remote.submit(await bench.remote.prepare(asked))

    assert isinstance(submission, Accepted), submission
    sent = bench.requests("submit")[-1]
    assert sent["headers"]["x-dashscope-ossresourceresolve"] == "enable"
    assert [each["url"][:6] for each in sent["body"]["input"]["media"]] == ["oss://"] * 2


@only("dashscope")
@pytest.mark.parametrize(("fault", "is_of_account"), [("401", True), ("403", True), ("404", False)])
async def test_an_upload_policy_that_is_refused_is_as_good_as_a_refused_submit(
    bench: Bench, large_photo: Path, fault: str, *, is_of_account: bool
) -> None:
    before = bench.emulator.charges()["submits"]
    bench.emulator.next("upload", fault)

    with pytest.raises(PrepareRefused) as refused:
        await bench.remote.prepare(upstream_request(ROWS["dashscope"].asked, photo=large_photo))

    assert (refused.value.refusal.of_account, refused.value.refusal.unreached) == (
        is_of_account,
        False,
    )
    assert bench.emulator.charges()["submits"] == before


@only("dashscope")
@pytest.mark.parametrize("fault", ["429", "500", "503", "drop_before", "garbage"])
async def test_an_upload_policy_that_is_not_answered_may_be_asked_for_again(
    bench: Bench, large_photo: Path, fault: str
) -> None:
    bench.emulator.next("upload", fault)

    with pytest.raises(UpstreamError) as raised:
        await bench.remote.prepare(upstream_request(ROWS["dashscope"].asked, photo=large_photo))

    assert not isinstance(raised.value, PrepareRefused)


async def test_an_upload_policy_of_a_host_that_is_away_is_as_good_as_a_refused_connection(
    fetcher: Fetcher, large_photo: Path
) -> None:
    remote = engine("dashscope", "http://127.0.0.1:9", fetcher)

    with pytest.raises(PrepareRefused) as refused:
        await remote.prepare(upstream_request(ROWS["dashscope"].asked, photo=large_photo))
    await remote.close()

    assert refused.value.refusal.unreached
    assert refused.value.refusal.of_account


@only("dashscope")
async def test_an_upload_that_fails_is_before_anything_is_paid(
    bench: Bench, large_photo: Path
) -> None:
    before = bench.emulator.charges()["submits"]
    bench.emulator.next("upload", "ok", "500")

    with pytest.raises(UpstreamError):
        await bench.remote.prepare(upstream_request(ROWS["dashscope"].asked, photo=large_photo))

    assert bench.emulator.charges()["submits"] == before
