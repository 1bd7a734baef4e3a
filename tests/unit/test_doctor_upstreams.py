"""What the doctor says of engines on somebody else's server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from support.emulator_process import KEY, Emulator
from support.engine_benches import settings_of
from support.forward_proxy import PASSWORD, forward_proxy
from support.jobs import a_job
from support.leases import ENDED
from unstill.assembly import remotes_of
from unstill.cli.doctor_finding import Finding
from unstill.cli.doctor_upstreams import route_findings, upstream_findings
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.breaker import REFUSALS_TO_OPEN
from unstill.domain.job import Failure as JobFailure
from unstill.domain.job import failed, intended, made_ready
from unstill.domain.request import Size
from unstill.emulators import KINDS
from unstill.models.catalogue import CARDS
from unstill.net.fetcher import Fetcher
from unstill.settings.models import ModelSettings
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms


def settings(data_dir: Path, url: str, kind: str = "dashscope", key: str = "sk-1") -> Settings:
    engine = settings_of(kind, url, api_key=key)
    server = ServerSettings(data_dir=str(data_dir))
    return Settings(server=server, engines={"bailian": engine})


def found(given: Settings) -> Finding:
    (finding,) = upstream_findings(given, lambda setting: f" (at {setting})")
    return finding


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_tried_by_a_call_that_costs_nothing(tmp_path: Path, kind: str) -> None:
    with Emulator(kind) as emulator:
        right = found(settings(tmp_path, emulator.url, kind, KEY))
        wrong = found(settings(tmp_path, emulator.url, kind, "sk-wr0ng"))
        places = {each["place"] for each in emulator.log()}
        charges = emulator.charges()

    assert (right.what, right.is_well) == ("engine bailian", True), right
    assert right.detail.endswith("can be reached and lets the key in")
    assert (wrong.is_well, wrong.is_needed) == (False, True)
    assert "key refused (401 " in wrong.detail
    assert wrong.mend.startswith("check engines.bailian.api_key (at engines.bailian.api_key)")
    assert "wr0ng" not in str(wrong)
    assert places
    assert "submit" not in places
    assert not charges.get("charged")


def test_an_upstream_that_is_away_names_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        port = upstream.getsockname()[1]
    finding = found(settings(tmp_path, f"http://127.0.0.1:{port}"))

    assert (finding.is_well, finding.is_needed) == (False, True)
    assert "check engines.bailian.base_url (at engines.bailian.base_url)" in finding.mend


def behind(given: Settings, url: str, **engine: str) -> Settings:
    """The same server behind a proxy of its own."""
    server = msgspec.structs.replace(given.server, proxy=url)
    ((name, made),) = given.engines.items()
    engines = {name: msgspec.structs.replace(made, **engine)}
    return msgspec.structs.replace(given, server=server, engines=engines)


def test_an_upstream_is_asked_as_the_server_would_ask_it(tmp_path: Path) -> None:
    with Emulator("dashscope") as emulator:
        port = urlsplit(emulator.url).port or 0
        far = settings(tmp_path, "http://upstream.test", key=KEY)
        near = settings(tmp_path, emulator.url, key=KEY)
        with forward_proxy(upstream=port) as proxy:
            through = found(behind(far, proxy.url))
            asked = list(proxy.asked)
            here = found(behind(near, proxy.url))
            direct = found(behind(near, "http://127.0.0.1:9", proxy="direct"))
            own = found(behind(far, "http://127.0.0.1:9", proxy=proxy.url))
            proxy.answer = b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n"
            wrong = found(behind(far, proxy.url))
    away = found(behind(far, proxy.url))

    assert asked == ["GET upstream.test"]
    assert len(proxy.asked) == 3  # `own` and `wrong` too, and neither `here` nor `direct`
    for each in (through, own):  # the key goes over `http`, which is said of it
        assert each.detail.startswith(f"{proxy.place} lets the key in")
    for each in (here, direct):
        assert each.detail.startswith(f"127.0.0.1:{port} can be reached and lets the key in")
    assert "the proxy wants a user and a password that it knows" in wrong.detail
    assert f"{proxy.place} cannot be reached" in away.detail
    assert "check server.proxy (at server.proxy)" in away.mend
    assert PASSWORD not in str([through, own, wrong, away])


@pytest.mark.parametrize(
    ("answer", "is_well", "is_needed", "said"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", True, True, "lets the key in"),
        (b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", False, True, "key refused (403"),
        (b"HTTP/1.1 402 No\r\ncontent-length: 0\r\n\r\n", False, True, "key refused (402"),
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", False, False, "it does not say"),
        (b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n", False, False, "it does not say"),
        (b"HTTP/1.1 301 No\r\ncontent-length: 0\r\n\r\n", False, False, "301, a redirect"),
        (b"HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n", False, False, "too busy to be asked"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", False, False, "a web page"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", False, False, "200 with nothing"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, True, "is there, but the connection"),
    ],
)
def test_what_an_upstream_answers_is_told(
    tmp_path: Path, answer: bytes, *, is_well: bool, is_needed: bool, said: str
) -> None:
    with answering(answer) as url:
        finding = found(settings(tmp_path, url))

    assert (finding.is_well, finding.is_needed) == (is_well, is_needed)
    assert said in finding.detail


def test_a_key_that_is_refused_inside_a_200_is_refused(tmp_path: Path) -> None:
    body = b'{"code":401,"message":"invalid api key"}'
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)) as url:
        finding = found(settings(tmp_path, url))

    assert (finding.is_well, finding.is_needed) == (False, True)
    assert "key refused (200 401 invalid api key)" in finding.detail


def test_an_account_that_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n") as url:
        given = settings(tmp_path, url)
        asyncio.run(refuse(tmp_path, account=remotes_of(given, Fetcher())["bailian"].account.id))
        finding = found(given)

    assert (finding.is_well, finding.is_needed) == (False, True)
    assert "refuses calls: InvalidApiKey, the key is not known" in finding.detail
    assert "engines.bailian.api_key" in finding.mend


def test_a_store_that_cannot_be_read_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "unstill.sqlite3").write_bytes(b"no database, and long enough to be read" * 200)
    with answering(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n") as url:
        assert "it does not say" in found(settings(tmp_path, url)).detail


def test_models_that_no_engine_does_are_told(tmp_path: Path) -> None:
    gateway = settings(tmp_path, "http://127.0.0.1:9", "openai")
    server = ServerSettings(data_dir=str(tmp_path), default_engine="bailian")
    (vain,) = route_findings(msgspec.structs.replace(gateway, server=server))
    routed = ModelSettings(engines=("bailian",))
    broken = msgspec.structs.replace(gateway, models={"wan2.7-i2v": routed})
    (never,) = route_findings(broken, lambda setting: f" (at {setting})")
    (well,) = route_findings(gateway)

    assert (vain.is_well, vain.is_needed) == (False, False)
    assert vain.detail.endswith(", ".join(card.id for card in CARDS if "sora" not in card.id))
    assert (never.is_well, never.is_needed) == (False, True)
    assert never.detail.endswith('(at models."wan2.7-i2v".engines)')
    assert well.is_well


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server on loopback that answers everything so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        if connection.recv(65_536):
                            connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


async def refuse(data_dir: Path, account: str) -> None:
    """As many calls as open a breaker, each refused for its key a moment ago."""
    store = EmbeddedStore(data_dir)
    await store.open()
    now_ms = clock_ms()
    for n in range(REFUSALS_TO_OPEN):
        job = a_job(engine="bailian", id=f"job-{n}")
        await store.jobs.add(job)
        await store.jobs.change(job.id, made_ready(Size(1280, 720)))
        attempt = Attempt(
            job_id=job.id,
            n=1,
            engine="bailian",
            account=account,
            upstream_model="wan2.7-i2v",
            intent_ms=now_ms,
            submit_by_ms=now_ms,
        )
        await store.jobs.change(job.id, intended(attempt, ENDED))
        settlement = Settlement(
            1,
            Outcome.REFUSED,
            now_ms,
            code="InvalidApiKey",
            message="the key is not known",
            of_account=True,
        )
        failure = JobFailure(settlement.code, settlement.message)
        await store.jobs.change(job.id, failed(failure, now_ms, closes=settlement))
    await store.close()
