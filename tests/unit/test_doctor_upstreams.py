"""What the doctor says of engines on somebody else's server."""

from __future__ import annotations

import socket
from pathlib import Path

from scripted import a_job
from unstill.backend.embedded import EmbeddedBackend
from unstill.doctor import upstream_findings
from unstill.finding import Finding
from unstill.job import Failure as JobFailure
from unstill.job import clock_ms, failed, intended, made_ready
from unstill.ledger import REFUSALS_TO_OPEN, Attempt, Outcome, Settlement
from unstill.net import Fetcher
from unstill.product import remotes_of
from unstill.request import Size
from unstill.settings import RemoteSettings, ServerSettings, Settings


def settings(data_dir: Path, port: int) -> Settings:
    engine = RemoteSettings(base_url=f"http://127.0.0.1:{port}/api/v1", api_key="sk-1")
    server = ServerSettings(data_dir=str(data_dir))
    return Settings(server=server, engines={"bailian": engine})


def found(given: Settings) -> Finding:
    (finding,) = upstream_findings(given)
    return finding


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_an_upstream_that_is_there_is_well(tmp_path: Path) -> None:
    with listening() as upstream:
        finding = found(settings(tmp_path, upstream.getsockname()[1]))

    assert finding.is_well
    assert finding.what == "engine bailian"


def test_an_upstream_that_is_away_names_its_setting(tmp_path: Path) -> None:
    with listening() as upstream:
        port = upstream.getsockname()[1]
    finding = found(settings(tmp_path, port))

    assert not finding.is_well
    assert not finding.is_needed
    assert "engines.bailian.base_url" in finding.mend


async def test_an_account_that_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    with listening() as upstream:
        given = settings(tmp_path, upstream.getsockname()[1])
        await refuse(tmp_path, account=remotes_of(given, Fetcher())["bailian"].account.id)
        finding = found(given)

    assert not finding.is_well
    assert "refuses calls: InvalidApiKey, the key is not known" in finding.detail
    assert "engines.bailian.api_key" in finding.mend


async def refuse(data_dir: Path, account: str) -> None:
    """As many calls as open a breaker, each refused for its key a moment ago."""
    backend = EmbeddedBackend(data_dir)
    await backend.open()
    now_ms = clock_ms()
    for n in range(REFUSALS_TO_OPEN):
        job = a_job(engine="bailian", id=f"job-{n}")
        await backend.add(job)
        await backend.change(job.id, made_ready(Size(1280, 720)))
        attempt = Attempt(
            job_id=job.id,
            n=1,
            engine="bailian",
            account=account,
            upstream_model="wan2.7-i2v",
            intent_ms=now_ms,
            submit_by_ms=now_ms,
        )
        await backend.change(job.id, intended(attempt))
        settlement = Settlement(
            1,
            Outcome.REFUSED,
            now_ms,
            code="InvalidApiKey",
            message="the key is not known",
            of_account=True,
        )
        failure = JobFailure(settlement.code, settlement.message)
        await backend.change(job.id, failed(failure, now_ms, closes=settlement))
    await backend.close()
