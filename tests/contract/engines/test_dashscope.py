"""What DashScope has and the others have not: pages of tasks, uploads, a shared rate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from PIL import Image

from support.engine_benches import ROWS, Bench, engine, only
from support.heard_upstream import serving
from support.requests import KLING, WAN27
from support.upstream_requests import LAST, request, upstream_request
from unstill.domain.errors import UpstreamError
from unstill.engines.dashscope.engine import SMALL_BYTES
from unstill.engines.dashscope.list_walk import LIST_FROM
from unstill.net.fetcher import Fetcher
from unstill.upstreams.port import Accepted, Done, PrepareRefused, Ticket, TooLate


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
async def test_a_small_frame_of_a_model_that_takes_addresses_alone_is_uploaded_too(
    bench: Bench, fetcher: Fetcher
) -> None:
    remote = engine("dashscope", bench.emulator.url, fetcher)
    asked = upstream_request(request(KLING), photo=bench.photo)

    submission = await remote.submit(await remote.prepare(asked))
    await remote.close()

    assert isinstance(submission, Accepted), submission
    sent = bench.requests("submit")[-1]
    assert sent["headers"]["x-dashscope-ossresourceresolve"] == "enable"
    (medium,) = sent["body"]["input"]["media"]
    assert (medium["type"], medium["url"][:6]) == ("first_frame", "oss://")


# Kling, video generation, video_url; Vidu, the same.
@pytest.mark.parametrize(
    "host", ["v4-fdl.kechuangai.com", "prod-ss-vidu.s3.cn-northwest-1.amazonaws.com.cn"]
)
async def test_a_video_is_fetched_from_whatever_host_its_link_names_and_without_the_key(
    host: str, tmp_path: Path
) -> None:
    async def here(name: str) -> Sequence[IPv4Address]:
        assert name == host
        return [IPv4Address("127.0.0.1")]

    fetcher = Fetcher([IPv4Network("127.0.0.0/8")], resolve=here)
    remote = engine("dashscope", "http://127.0.0.1:9", fetcher)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\0video"

    async with serving(answer) as storage:
        link = f"http://{host}:{storage.port}/ksc2/v.mp4?signed"
        await remote.fetch(
            Ticket("job", "task", "kling/kling-v3-video-generation", 0),
            Done(link),
            tmp_path / "video",
        )
    await remote.close()
    await fetcher.close()

    assert (tmp_path / "video").read_bytes() == b"\0video"
    assert [head.split(" ")[1] for head in storage.heads] == ["/ksc2/v.mp4?signed"]
    assert "authorization" not in storage.heads[0].lower()


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
