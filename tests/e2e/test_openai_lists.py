"""A list of 5,000 jobs, read page after page by OpenAI's SDK as its users read it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import httpx2
import pytest

from support.openai_clients import openai, sdk
from support.servers import LOOPBACK_ALLOWED, Serving

pytestmark = pytest.mark.slow

JOBS = 5_000
LANES = 4  # so many connections make them
# Its picture is on no public address: the job ends at once, and costs no render.
BODY = {"model": "sora-2", "prompt": "push in", "input_reference": "http://127.0.0.1:1/cat.jpg"}


def make(server: Serving, count: int) -> list[str]:
    """Make jobs over one connection; their ids, oldest first."""
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        return [str(http.post("/v1/videos", json=BODY).json()["id"]) for _ in range(count)]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, list[str]]]:
    """A server that has many jobs, and their ids, oldest first."""
    folder = tmp_path_factory.mktemp("full")
    with Serving(folder, environment=LOOPBACK_ALLOWED) as server, ThreadPoolExecutor(LANES) as pool:
        made = pool.map(make, [server] * LANES, [JOBS // LANES] * LANES)
        ids = sorted(job_id for some in made for job_id in some)
        assert len(set(ids)) == JOBS
        yield server, ids


@pytest.fixture
def client(full: tuple[Serving, list[str]]) -> Iterator[openai.OpenAI]:
    with sdk(full[0].url) as client:
        yield client


@pytest.mark.parametrize("limit", [None, 1, 7, 100])
def test_every_job_comes_once_and_the_newest_first(
    client: openai.OpenAI, full: tuple[Serving, list[str]], limit: int | None
) -> None:
    listed = client.videos.list() if limit is None else client.videos.list(limit=limit)

    assert [video.id for video in listed] == full[1][::-1]


def test_every_job_comes_once_and_the_oldest_first_if_asked_for(
    client: openai.OpenAI, full: tuple[Serving, list[str]]
) -> None:
    assert [video.id for video in client.videos.list(order="asc", limit=100)] == full[1]


def test_a_reader_goes_on_where_another_one_stopped(
    client: openai.OpenAI, full: tuple[Serving, list[str]]
) -> None:
    newest_first = full[1][::-1]
    first = client.videos.list(limit=100)
    rest = client.videos.list(limit=100, after=first.last_id or "")

    assert [video.id for video in first.data] == newest_first[:100]
    assert first.has_next_page()
    assert [video.id for video in rest] == newest_first[100:]


def test_the_order_of_their_times_is_the_order_of_the_list(client: openai.OpenAI) -> None:
    times = [video.created_at for video in client.videos.list(limit=100)]

    assert times == sorted(times, reverse=True)


# These two come last: they change what the list has.


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_jobs_made_while_somebody_reads_push_none_out_and_double_none(
    client: openai.OpenAI, full: tuple[Serving, list[str]], order: str
) -> None:
    server, ids = full
    before = list(ids)
    reading = iter(client.videos.list(limit=100, extra_query={"order": order}))
    read = [video.id for video in islice(reading, 250)]
    late = make(server, 20)
    ids.extend(late)
    read += [video.id for video in reading]

    # Who reads from the oldest meets the new ones at the end; the other has passed their place.
    assert read == (before + late if order == "asc" else before[::-1])


def test_jobs_deleted_while_somebody_reads_lose_the_reader_no_other_job(
    client: openai.OpenAI, full: tuple[Serving, list[str]]
) -> None:
    newest_first = full[1][::-1]
    reading = iter(client.videos.list(limit=100))
    read = [video.id for video in islice(reading, 100)]
    # The one that the next page is asked for by, and one that is still to come.
    gone = [newest_first[99], newest_first[2_000]]
    for job_id in gone:
        client.videos.delete(job_id)
        full[1].remove(job_id)
    read += [video.id for video in reading]

    assert read == [job_id for job_id in newest_first if job_id != gone[1]]
