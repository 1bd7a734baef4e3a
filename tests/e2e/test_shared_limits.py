"""What one owner may have of a real server, over all of its keys, and another beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from e2e.test_keys_made import FRAME, HELD
from support.hostile import VIDEOS, job_id, refusal
from support.servers import LOOPBACK_ALLOWED, Serving

# Two keys are one owner's.
KEYS = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "ann:sk-one,ann:sk-two,bob:sk-bob"}
LIMITS = HELD.replace("[server]", "[server]\nwaiting_per_owner = 2\nconnections_per_owner = 4")
ONE, TWO, BOB = ({"authorization": f"Bearer sk-{each}"} for each in ("one", "two", "bob"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data_dir = tmp_path_factory.mktemp("shared") / "data"
    with Serving(data_dir, environment=KEYS, config=LIMITS) as serving:
        yield serving


def submitted(server: Serving, key: dict[str, str]) -> str:
    body = VIDEOS.body("wan2.7-i2v", frame=FRAME, prompt="still")
    return job_id(VIDEOS, server.http.post("/v1/videos", json=body, headers=key))


def test_an_owner_follows_so_many_jobs_at_once_and_its_polls_are_never_refused(
    server: Serving,
) -> None:
    mine, other = submitted(server, ONE), submitted(server, BOB)
    events = f"{server.url}/v1/videos/{mine}/events"
    kept: list[Iterator[bytes]] = []  # one that is let go of closes its stream
    with ExitStack() as streams:
        for key in (ONE, TWO):
            told = streams.enter_context(httpx2.stream("GET", events, headers=key, timeout=60))
            assert told.status_code == 200
            kept.append(told.iter_raw())
            next(kept[-1])  # it waits from here on

        with httpx2.stream("GET", events, headers=TWO, timeout=60) as refused:
            assert refused.status_code == 429
            refused.read()
        assert "limit waiting_per_owner of your account" in refusal(VIDEOS, refused, 429)
        assert int(refused.headers["retry-after"]) >= 1
        # It does not wait: with a minute of waiting the client would give up before.
        for key in (ONE, TWO):
            polled = server.http.get(f"/v1/videos/{mine}?wait=60", headers=key, timeout=30)
            assert polled.status_code == 200
        others = f"{server.url}/v1/videos/{other}/events"
        told = streams.enter_context(httpx2.stream("GET", others, headers=BOB, timeout=60))
        assert told.status_code == 200


def test_an_owners_connections_are_so_many_over_all_of_its_keys(server: Serving) -> None:
    mine, other = submitted(server, ONE), submitted(server, BOB)
    with ExitStack() as opened:
        clients = [opened.enter_context(httpx2.Client(base_url=server.url)) for _ in range(12)]
        # Each keeps its connection; the longest idle one goes for the next.
        for number, client in enumerate(clients):
            key = ONE if number % 2 else TWO
            assert client.get(f"/v1/videos/{mine}", headers=key).status_code == 200
        assert clients[0].get(f"/v1/videos/{other}", headers=BOB).status_code == 200
