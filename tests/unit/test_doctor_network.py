"""What the doctor says of proxies, of names that one makes up, and of a server that runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import Any

import pytest

from support.forward_proxy import PASSWORD, forward_proxy
from support.free_ports import free_port
from unstill.cli.doctor_finding import Finding
from unstill.cli.doctor_network import network_findings, running_findings
from unstill.domain.owner import Owner
from unstill.net.addresses import IPAddress
from unstill.settings.engines import HOSTED, RemoteSettings
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings

ENGINE = HOSTED["dashscope"](base_url="https://dashscope.test/api/v1", api_key="sk-1")
BEHIND = HOSTED["dashscope"](base_url="https://gw.test/v1", proxy="http://user:s3cret@proxy:3128")


def settings(*networks: str, **engines: RemoteSettings) -> Settings:
    return Settings(server=ServerSettings(allow_networks=networks), engines=dict(engines))


def at(*addresses: str) -> Any:
    def look_up(host: str) -> list[IPAddress]:
        assert host == "dashscope.test"
        return [ip_address(address) for address in addresses]

    return look_up


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_said_to_be_unused_with_the_setting_to_use(
    variable: str,
) -> None:
    environment = {variable: "http://user:s3cret@proxy:3128"}
    (finding,) = network_findings(settings(up=ENGINE), environment, at("8.8.8.8"))

    assert not finding.is_well
    assert not finding.is_needed
    assert f"{variable.upper()} set, and not used" in finding.detail
    assert "server.proxy" in finding.mend
    assert "engines.NAME.proxy" in finding.mend
    assert "s3cret" not in finding.detail + finding.mend


def test_where_no_variable_is_set_nothing_is_said() -> None:
    assert list(network_findings(settings(up=BEHIND), {}, at())) == []
    assert list(network_findings(settings(up=ENGINE), {"HTTPS_PROXY": ""}, at("8.8.8.8"))) == []
    assert list(network_findings(settings(up=ENGINE), {"NO_PROXY": "a"}, at("8.8.8.8"))) == []


def behind(url: str, environment: dict[str, str] | None = None) -> list[Finding]:
    given = Settings(server=ServerSettings(proxy=url), engines={"up": ENGINE})
    return list(network_findings(given, environment or {}, at(), lambda name: f" (at {name})"))


def test_the_servers_proxy_is_tried_and_names_are_its_to_look_up() -> None:
    with forward_proxy() as proxy:
        (well,) = behind(proxy.url, {"HTTPS_PROXY": "http://proxy:3128"})
        _, ignored = behind(proxy.url, {"no_proxy": "localhost"})
    (away,) = behind(f"http://u:{PASSWORD}@127.0.0.1:{free_port()}")

    assert well.is_well
    assert well.detail == f"{proxy.place} can be reached; it is asked for what is elsewhere"
    assert not away.is_well
    assert away.is_needed
    assert "cannot be reached: Connection refused" in away.detail
    assert "check server.proxy (at server.proxy)" in away.mend
    assert ignored.detail.startswith("NO_PROXY set, and not used")
    assert 'engines.NAME.proxy = "direct"' in ignored.mend
    assert not ignored.is_needed
    for each in (well, away, ignored):
        assert PASSWORD not in each.detail + each.mend


def test_a_name_that_a_fake_ip_proxy_answers_is_told_with_its_mend() -> None:
    (finding,) = network_findings(settings(up=ENGINE), {}, at("198.18.0.40"))

    assert "dashscope.test is 198.18.0.40 here" in finding.detail
    assert "fake-IP" in finding.detail
    assert 'server.allow_networks = ["198.18.0.0/15"]' in finding.mend


def test_a_fake_name_that_is_allowed_is_well() -> None:
    opened = settings("198.18.0.0/15", up=ENGINE)

    assert list(network_findings(opened, {}, at("198.18.0.40"))) == []


def test_a_name_that_cannot_be_looked_up_is_left_to_another_finding() -> None:
    def nowhere(host: str) -> list[IPAddress]:
        raise OSError(host)

    assert list(network_findings(settings(up=ENGINE), {}, nowhere)) == []


@contextmanager
def running(told: object) -> Iterator[tuple[int, list[str]]]:
    """A server that says this at /ready; its port, and the keys that it was shown."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers.get("Authorization", ""))
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1], keys
        server.shutdown()
        thread.join()


def test_a_running_server_is_asked_what_holds_up_its_jobs() -> None:
    stall = {
        "engine": "gpu1",
        "holds_up": "polls",
        "code": "connection_failed",
        "message": "the upstream could not be connected to",
        "since": 1_795_850_000,
    }
    with running({"status": "held_up", "engines": [stall], "jobs_held_up": 2}) as (port, keys):
        server = ServerSettings(host="0.0.0.0", port=port)
        engine, jobs = running_findings(
            Settings(server=server, api_keys={"sk-one": Owner("team-a")})
        )

    assert keys == ["Bearer sk-one"]
    assert engine.what == "jobs of gpu1"
    assert not engine.is_well
    assert "polls held up since 2026-11-28" in engine.detail
    assert "connection_failed, the upstream could not be connected to" in engine.detail
    assert jobs.detail.startswith("2 held up")


def test_a_running_server_that_takes_no_new_job_is_told_with_its_reasons() -> None:
    told = {"status": "not_ready", "reasons": ["disk"], "engines": [], "jobs_held_up": 0}
    with running(told) as (port, _):
        (finding,) = running_findings(Settings(server=ServerSettings(port=port)))

    assert not finding.is_well
    assert finding.detail == "the running server takes none: disk"
    assert "server.least_free_mb" in finding.mend


@pytest.mark.parametrize("told", [{}, [], {"status": "ready", "engines": [], "jobs_held_up": 0}])
def test_a_server_that_is_well_or_is_another_one_says_nothing(told: object) -> None:
    with running(told) as (port, _):
        assert list(running_findings(Settings(server=ServerSettings(port=port)))) == []


def test_where_no_server_runs_nothing_is_said() -> None:
    assert list(running_findings(Settings(server=ServerSettings(port=free_port())))) == []
