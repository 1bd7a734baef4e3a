"""An upstream's callback, over HTTP: it ends a wait, and nothing else comes of any."""

from __future__ import annotations

import asyncio
import hmac
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from support.emulator_process import KEY, Emulator
from support.engine_benches import ROWS
from support.free_ports import free_port
from support.in_process import create_body, created, ended, served, settings_of
from support.requests import WAN27
from unstill.product import Product
from unstill.server.verbs.callbacks import MOST_BODY_BYTES
from unstill.service.callbacks import MOST_OF_ADDRESS

SECRET = "their-own-secret"
JOB = "01a1f8a9-41a0-79f5-a68a-01cbc101ce6d"
AT = f"/v1/callbacks/far/{JOB}"
NOWHERE = "http://127.0.0.1:9"
WHSEC = "whsec_" + b64encode(b"24 bytes or more of them").decode()
KINDS = {"fal": "", "openrouter": SECRET, "kling": WHSEC}
MODELS = {"fal": WAN27, "openrouter": WAN27, "kling": "kling-v3"}


def table(kind: str, base_url: str, secret: str) -> str:
    by_secret = f'callback_secret = "{secret}"\n' if secret else ""
    return (
        f'[engines.far]\nkind = "{kind}"\nbase_url = "{base_url}"\napi_key = "{KEY}"\n'
        f'poll_interval_s = 600\ncallbacks = true\n{by_secret}[models."{MODELS[kind]}"]\n'
        'engines = ["far"]\n'
    )


@asynccontextmanager
async def called_back(
    folder: Path, kind: str, url: str = NOWHERE, *, secret: str | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A server whose engine asks for callbacks, and knows this secret; None: the right one."""
    port = free_port()
    config = f'public_url = "http://127.0.0.1:{port}"\n'
    config += table(kind, url + ROWS[kind].base, KINDS[kind] if secret is None else secret)
    async with served(Product(settings_of(folder, config)), port) as http:
        yield http


def tries_of(emulator: Emulator) -> list[dict[str, Any]]:
    return list(emulator.http.get("/_emulator/callbacks").json()["callbacks"])


async def running(http: httpx2.AsyncClient, emulator: Emulator) -> str:
    """A job that its upstream has, and that was looked at for the first time."""
    job_id = await created(http, create_body(MODELS[emulator.kind], duration=3))
    async with asyncio.timeout(30):
        while not any(each["place"] == "poll" for each in emulator.log()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return job_id


async def saving_ms(http: httpx2.AsyncClient, job_id: str) -> int:
    """When it was known that the video is there."""
    moves = (await http.get(f"/v1/jobs/{job_id}")).json()["moves"]
    return next(int(each["at_ms"]) for each in moves if each["state"] == "saving")


def signed(body: bytes = b"{}", *, away_s: int = 0, secret: str = SECRET) -> dict[str, str]:
    """The headers of OpenRouter's callback with this body."""
    stamp = int(time.time()) + away_s
    digest = hmac.digest(secret.encode(), b"%d," % stamp + body, "sha256").hex()
    return {"x-openrouter-signature": f"t={stamp},v1={digest}"}


# --- with what stands in for the upstream ------------------------------------------------------


@pytest.mark.slow  # the first look at a ticket is after two seconds
@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_ends_with_its_upstreams_callback_long_before_the_next_poll(
    tmp_path: Path, kind: str
) -> None:
    with Emulator(kind, job_s=600.0, callback_secret=KINDS[kind]) as emulator:
        async with called_back(tmp_path, kind, emulator.url) as http:
            job_id = await running(http, emulator)
            emulator.finish()
            status = await ended(http, job_id)
            learnt_ms = await saving_ms(http, job_id)
        (told,) = tries_of(emulator)

    assert status["output"]["task_status"] == "Success", status
    assert told["status"] == 204
    assert told["url"].endswith(f"/v1/callbacks/far/{job_id}")
    assert learnt_ms - told["at_ms"] < 1000


@pytest.mark.slow
async def test_a_callback_by_another_secret_is_sent_again_and_changes_nothing(
    tmp_path: Path,
) -> None:
    with Emulator("openrouter", job_s=600.0, callback_secret=SECRET) as emulator:
        async with called_back(tmp_path, "openrouter", emulator.url, secret="another") as http:
            job_id = await running(http, emulator)
            emulator.finish()
            async with asyncio.timeout(20):
                while len(tries := tries_of(emulator)) < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            job = (await http.get(f"/v1/jobs/{job_id}")).json()

    assert {each["status"] for each in tries} == {403}
    assert job["state"] == "running"


# --- by hand ------------------------------------------------------------------------------------


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with called_back(tmp_path, "openrouter") as http:
        yield http


@pytest.mark.parametrize("body", [b"{}", b"", b"\xff not JSON", b" " * MOST_BODY_BYTES])
async def test_what_is_signed_is_taken_whatever_it_says_and_as_often_as_it_comes(
    http: httpx2.AsyncClient, body: bytes
) -> None:
    headers = signed(body)

    answers = [await http.post(AT, content=body, headers=headers) for _ in range(2)]

    assert [(each.status_code, each.content) for each in answers] == [(204, b"")] * 2


@pytest.mark.parametrize(
    "headers_now",
    [
        dict[str, str],
        lambda: signed(b"{ }"),
        lambda: signed(away_s=-301),
        lambda: signed(away_s=310),
        lambda: signed(secret="another"),
        lambda: {"x-openrouter-signature": "t=1,v1=00"},
    ],
)
async def test_what_is_not_signed_so_is_refused(
    http: httpx2.AsyncClient, headers_now: Callable[[], dict[str, str]]
) -> None:
    answer = await http.post(AT, content=b"{}", headers=headers_now())

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "invalid_signature"


@pytest.mark.parametrize(
    "at", [AT.replace("far", "camera"), AT.replace("far", "nobody"), AT[:-1], f"{AT}x"]
)
async def test_no_other_address_takes_any(http: httpx2.AsyncClient, at: str) -> None:
    answer = await http.post(at, content=b"{}", headers=signed())

    assert answer.status_code == 404


async def test_one_that_is_too_large_is_not_read(http: httpx2.AsyncClient) -> None:
    body = b" " * (MOST_BODY_BYTES + 1)

    async def pieces() -> AsyncIterator[bytes]:
        yield body  # without a length ahead

    for content in (body, pieces()):
        answer = await http.post(AT, content=content, headers=signed(body))
        assert answer.status_code == 413


async def test_a_flood_is_told_to_wait_and_the_log_has_no_body(http: httpx2.AsyncClient) -> None:
    with capture_logs() as lines:
        assert (await http.post(AT, content=b"{}", headers=signed())).status_code == 204
        answers = [await http.post(AT, content=b"spam") for _ in range(MOST_OF_ADDRESS)]

    assert {each.status_code for each in answers[:-1]} == {403}
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert [each for each in lines if each["event"] == "callback"] == [
        {"event": "callback", "log_level": "info", "engine": "far", "job_id": JOB}
    ]
    assert "spam" not in str(lines)
