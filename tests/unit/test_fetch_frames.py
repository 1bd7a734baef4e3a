"""Callers' pictures on their way here: a moment's trouble is asked again, nothing else is."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from support.jobs import a_job
from support.requests import a_request
from support.scripted_fetches import PNG
from support.scripted_media import Checks
from unstill.domain.backoff import FETCH_FRAME
from unstill.domain.errors import BadImage
from unstill.domain.request import Frame
from unstill.files.local import LocalFiles
from unstill.models.catalogue import Catalogue
from unstill.net.fetcher import Fetcher
from unstill.steps.fetch_frames import FETCH_TIMEOUT_S, Frames


class Host:
    """Answers each connection with the next of `answers`, written byte by byte; then the picture.

    An answer of None is a connection that is cut without a word.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else answered("200 OK", PNG)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        writer.close()


class Clock:
    """Time that passes by being slept, and by nothing else."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    async def sleep(self, pause_s: float) -> None:
        self.slept.append(pause_s)
        self.now_s += pause_s


def answered(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"))
    return head.encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def hosting(*answers: bytes | None) -> AsyncIterator[Host]:
    host = Host(*answers)
    listening = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    async with listening:
        host.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/cat.png"
        yield host


async def taken(folder: Path, url: str, clock: Clock) -> bytes:
    """The picture as it lies in the job's folder; raises BadImage."""
    files = LocalFiles(folder)
    fetcher = Fetcher([ip_network("127.0.0.0/8")])
    frames = Frames(
        files=files,
        media=Checks(),
        fetcher=fetcher,
        cards=Catalogue().by_id,
        sleep=clock.sleep,
        now_s=lambda: clock.now_s,
    )
    job = a_job(request=a_request(first_frame=Frame("first", "img_url", url=url)))
    try:
        await frames.take(job)
    finally:
        await fetcher.close()
    return files.path(job.id, "first-frame").read_bytes()


async def refusal(folder: Path, url: str, clock: Clock) -> str:
    with pytest.raises(BadImage) as refused:
        await taken(folder, url, clock)
    assert refused.value.param == "img_url"
    return refused.value.allowed


CUT = answered("200 OK", PNG)[:-3]


@pytest.mark.parametrize(
    "trouble",
    [
        *(answered(f"{status} Sorry") for status in (408, 425, 429, 500, 502, 503, 504, 522)),
        None,
        CUT,
        b"no HTTP at all\r\n\r\n",
    ],
)
async def test_a_moments_trouble_is_asked_again(tmp_path: Path, trouble: bytes | None) -> None:
    clock = Clock()
    async with hosting(trouble) as host:
        assert await taken(tmp_path, host.url, clock) == PNG

        assert host.asked == 2
        assert clock.slept == [FETCH_FRAME.first_ms / 1000]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501])
async def test_what_will_be_the_same_in_a_second_is_asked_once(tmp_path: Path, status: int) -> None:
    clock = Clock()
    async with hosting(answered(f"{status} No"), answered("200 OK", PNG)) as host:
        said = await refusal(tmp_path, host.url, clock)

        assert said == f"answered {status}"
        assert (host.asked, clock.slept) == (1, [])


async def test_where_nobody_listens_is_asked_once(tmp_path: Path) -> None:
    async with hosting() as host:
        url = host.url
    clock = Clock()

    assert await refusal(tmp_path, url, clock) == "could not be connected to"
    assert clock.slept == []


async def test_a_retry_after_is_heeded(tmp_path: Path) -> None:
    clock = Clock()
    async with hosting(answered("503 Busy", b"", "Retry-After: 3")) as host:
        assert await taken(tmp_path, host.url, clock) == PNG

    assert clock.slept == [3.0]


@pytest.mark.parametrize(("asked_for_s", "tries"), [(14, 2), (15, 1), (3600, 1)])
async def test_a_retry_after_the_deadline_ends_it_at_once(
    tmp_path: Path, asked_for_s: int, tries: int
) -> None:
    assert FETCH_TIMEOUT_S == 15.0
    clock = Clock()
    busy = answered("429 Busy", b"", f"Retry-After: {asked_for_s}")
    async with hosting(busy, busy, busy) as host:
        said = await refusal(tmp_path, host.url, clock)

        assert host.asked == tries
    assert said == ("answered 429" if tries == 1 else "answered 429 (tried 2 times)")
    assert sum(clock.slept) < FETCH_TIMEOUT_S


async def test_a_trouble_that_stays_ends_after_a_few_tries_within_the_time(tmp_path: Path) -> None:
    clock = Clock()
    async with hosting(*[answered("503 Busy")] * 9) as host:
        said = await refusal(tmp_path, host.url, clock)

        assert said == "answered 503 (tried 5 times)"
        assert host.asked == 5
    assert clock.slept == [pause_ms / 1000 for pause_ms in FETCH_FRAME.pauses_ms]
    assert sum(clock.slept) < FETCH_TIMEOUT_S


async def test_a_picture_that_its_storage_keeps_gzipped_is_unpacked(tmp_path: Path) -> None:
    packed = answered("200 OK", gzip.compress(PNG), "Content-Encoding: gzip")
    async with hosting(packed) as host:
        assert await taken(tmp_path, host.url, Clock()) == PNG


async def test_what_a_failed_try_has_left_is_not_a_part_of_the_picture(tmp_path: Path) -> None:
    longer = answered("200 OK", PNG + b"and much more than in the second try")[:-3]
    async with hosting(longer) as host:
        assert await taken(tmp_path, host.url, Clock()) == PNG
