"""Twenty clients of OpenAI's SDK in a network that loses replies: each call is one job."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from support.cutting_proxy import CuttingProxy, cutting_proxy
from support.openai_clients import openai, sdk
from support.servers import LOOPBACK_ALLOWED, Serving

pytestmark = pytest.mark.slow

CLIENTS = 20
CALLS = 2  # each client makes them, one after the other
CUTS = 40  # replies that are lost: as many as there are calls
PATIENCE = 12  # tries; one client may meet many of the cuts
NOWHERE = "http://127.0.0.1:1/cat.jpg"  # nobody listens there: no render is begun


@pytest.fixture
def stormy(tmp_path: Path) -> Iterator[tuple[Serving, CuttingProxy]]:
    """A server, and the way to it that loses replies."""
    with Serving(tmp_path, environment=LOOPBACK_ALLOWED) as server:
        port = int(server.url.rpartition(":")[2])
        with cutting_proxy(port) as proxy:
            proxy.cuts = CUTS
            yield server, proxy


def create(client: openai.OpenAI, prompt: str, key: str | None = None) -> openai.types.Video:
    return client.videos.create(
        prompt=prompt,
        extra_body={"input_reference": {"image_url": NOWHERE}},
        extra_headers={} if key is None else {"Idempotency-Key": key},
    )


def listed(server: Serving) -> dict[str, str]:
    """The prompts of all jobs by their ids."""
    with sdk(server.url) as client:
        return {video.id: video.prompt or "" for video in client.videos.list(limit=100)}


def test_every_call_is_one_job_however_many_replies_are_lost(
    stormy: tuple[Serving, CuttingProxy],
) -> None:
    server, proxy = stormy
    together = Barrier(CLIENTS)

    def call(n: int) -> dict[str, str]:
        with openai.OpenAI(
            base_url=f"{proxy.url}/v1", api_key="sk-any", max_retries=PATIENCE
        ) as client:
            together.wait(30)
            prompts = [f"client {n}, call {m}" for m in range(CALLS)]
            return {create(client, prompt).id: prompt for prompt in prompts}

    with sdk(server.url), ThreadPoolExecutor(CLIENTS) as pool:
        heard = list(pool.map(call, range(CLIENTS)))

    assert proxy.was_cut == CUTS
    assert listed(server) == {job_id: text for each in heard for job_id, text in each.items()}
    assert len(listed(server)) == CLIENTS * CALLS


def test_equal_calls_with_a_key_each_are_a_job_each_however_many_replies_are_lost(
    stormy: tuple[Serving, CuttingProxy],
) -> None:
    server, proxy = stormy
    together = Barrier(CLIENTS)

    def call(n: int) -> list[str]:
        with openai.OpenAI(
            base_url=f"{proxy.url}/v1", api_key="sk-any", max_retries=PATIENCE
        ) as client:
            together.wait(30)
            return [create(client, "equal", key=f"{n}-{m}").id for m in range(CALLS)]

    with sdk(server.url), ThreadPoolExecutor(CLIENTS) as pool:
        heard = [job_id for each in pool.map(call, range(CLIENTS)) for job_id in each]

    assert proxy.was_cut == CUTS
    assert sorted(heard) == sorted(listed(server))
    assert len(set(heard)) == CLIENTS * CALLS


def test_a_create_whose_reply_does_not_come_in_time_is_one_job(
    stormy: tuple[Serving, CuttingProxy],
) -> None:
    server, proxy = stormy
    proxy.cuts, proxy.silence_s = 2, 2.0
    with sdk(proxy.url, max_retries=PATIENCE) as client:
        video = create(client.with_options(timeout=0.5), "a slow reply")

    assert proxy.was_cut == 2
    assert list(listed(server)) == [video.id]
