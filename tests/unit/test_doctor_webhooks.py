"""What the doctor says of webhooks."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import msgspec

from support.forward_proxy import PASSWORD, forward_proxy
from support.free_ports import free_port
from support.jobs import a_job
from support.webhook_receiver import SECRET
from unstill.cli.doctor_finding import Finding
from unstill.cli.doctor_upstreams import webhook_findings
from unstill.domain.delivery import DAY_MS
from unstill.domain.job import Failure, failed
from unstill.domain.owner import Owner
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.webhooks.retry import after_failure


def settings(data_dir: Path, webhooks: dict[str, str], *secrets: str) -> Settings:
    server = ServerSettings(data_dir=str(data_dir))
    return Settings(
        server=server,
        webhooks={Owner(name): url for name, url in webhooks.items()},
        webhook_secrets=secrets,
    )


def test_without_a_secret_webhooks_are_off_and_nothing_is_broken(tmp_path: Path) -> None:
    (finding,) = webhook_findings(settings(tmp_path, {}))

    assert not finding.is_well
    assert not finding.is_needed
    assert 'export UNSTILL_WEBHOOK_SECRET="whsec_$(' in finding.mend


def test_a_receiver_without_a_secret_is_what_keeps_the_server_from_starting(
    tmp_path: Path,
) -> None:
    (finding,) = webhook_findings(settings(tmp_path, {"everyone": "https://example.com/"}))

    assert finding.is_needed
    assert finding.detail.startswith("UNSTILL_WEBHOOK_SECRET: is needed by [webhooks]")


def test_receivers_are_tried_and_no_secret_is_shown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook?token=t0ken"
        well = list(webhook_findings(settings(tmp_path, {"everyone": url}, SECRET)))
    away = f"http://127.0.0.1:{free_port()}/"
    signed, gone = webhook_findings(settings(tmp_path, {"everyone": away}, SECRET))

    assert [finding.is_well for finding in well] == [True, True]
    assert "1 secret" in signed.detail
    assert not gone.is_well
    assert gone.is_needed
    assert "check webhooks.everyone" in gone.mend
    assert "t0ken" not in str(well)
    assert SECRET not in str([*well, signed, gone])


def test_a_receiver_behind_the_proxy_is_tried_by_a_tunnel_where_https_needs_one(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with forward_proxy(hooks=port) as proxy:
            there = receiver(tmp_path, "https://hooks.test/", proxy.url)
            plain = receiver(tmp_path, "http://hooks.test/", proxy.url)
            here = receiver(tmp_path, f"http://127.0.0.1:{port}/", proxy.url)
            nowhere = receiver(tmp_path, "https://nobody.test/", proxy.url)
            stranger = receiver(tmp_path, "https://hooks.test/", f"http://u:no@{proxy.place}")
    gone = receiver(tmp_path, "https://hooks.test/", proxy.url)

    assert proxy.asked == ["CONNECT hooks.test", "CONNECT nobody.test", "CONNECT hooks.test"]
    assert (there.is_well, there.detail) == (
        True,
        "hooks.test:443 can be reached through the proxy",
    )
    assert (plain.is_well, here.is_well) == (True, True)
    assert "the first event shows" in plain.detail
    assert here.detail == f"127.0.0.1:{port} can be reached"
    assert "cannot be reached through the proxy: Tunnel connection failed: 502" in nowhere.detail
    assert "Tunnel connection failed: 407" in stranger.detail
    assert "cannot be reached through the proxy: Connection refused" in gone.detail
    assert PASSWORD not in str([there, plain, nowhere, stranger, gone])


def receiver(data_dir: Path, url: str, proxy: str) -> Finding:
    given = settings(data_dir, {"everyone": url}, SECRET)
    server = msgspec.structs.replace(given.server, proxy=proxy)
    _, finding = webhook_findings(msgspec.structs.replace(given, server=server))
    return finding


def test_what_was_given_up_is_counted(tmp_path: Path) -> None:
    asyncio.run(give_up(tmp_path))
    _, lost = webhook_findings(settings(tmp_path, {}, SECRET))

    assert lost.detail == "given up: 1"
    assert "unstill webhooks replay" in lost.mend


def test_what_is_owed_without_a_secret_is_counted(tmp_path: Path) -> None:
    asyncio.run(owe(tmp_path))
    (finding,) = webhook_findings(settings(tmp_path, {}))

    assert finding.detail.endswith("what is owed is not sent: 1")


async def owe(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    await store.open()
    job = await store.jobs.add(a_job(webhook_url="https://example.com/"))
    await store.jobs.change(job.id, failed(Failure("x", "y"), clock_ms()))
    await store.close()


async def give_up(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    await store.open()
    job = await store.jobs.add(a_job(webhook_url="https://example.com/"))
    await store.jobs.change(job.id, failed(Failure("x", "y"), clock_ms() - 2 * DAY_MS))
    (owed,) = await store.outbox.due(clock_ms(), limit=1)
    await store.outbox.settle(after_failure(owed, "answered 500", clock_ms(), chance=0))
    await store.close()
