"""The metrics of a real server: of jobs on this machine and at an upstream, and for whom."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.emulator_process import Emulator
from support.fork_server import ran
from support.free_ports import free_port
from support.servers import PHOTOS, Serving
from support.settings_files import engine, engine_at, model
from unstill.files.last_backup import last_backup_of

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
KEY = "sk-secret-of-team-a"
KEYS = {"UNSTILL_API_KEYS": f"team-a:{KEY}"}
PROMPT = "a secret plan"
LOCAL = "wan2.7-i2v"
SMALL = {"duration": 2, "size": "320*256"}
KNOWN = '[server]\nmetrics_networks = ["127.0.0.0/8"]\n'


class Watched(NamedTuple):
    server: Serving
    upstream: Emulator

    def text(self) -> str:
        """As a scraper without a key gets it."""
        answer = httpx2.get(f"{self.server.url}/metrics")
        assert answer.status_code == 200, answer.text
        return answer.text

    def total(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def made(self, name: str, *faults: str) -> str:
        """The end of a job by that model's name, whose submit gets these faults."""
        self.upstream.next("submit", *faults)
        body = {
            "model": name,
            "input": {"first_frame_url": CHELSEA, "prompt": PROMPT},
            "parameters": SMALL if name == LOCAL else {"duration": 5},
        }
        return str(self.server.wait(self.server.submit(body))["output"]["task_status"])


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Emulator("modelverse", job_s=0.5) as upstream:
        config = KNOWN + engine("up", upstream) + model("up", "up", like=LOCAL)
        with Serving(tmp_path / "data", environment=KEYS, config=config) as server:
            server.http.headers["authorization"] = KEY
            yield Watched(server, upstream)


@pytest.mark.slow
def test_jobs_here_and_at_an_upstream_are_counted_with_their_doubts_and_charges(
    watched: Watched,
) -> None:
    before = watched.total("unstill_doubts_total", engine="up")
    local, taken = watched.made(LOCAL), watched.made("up")
    watched.upstream.next("poll", "503")
    lost = watched.made("up", "drop_after")
    total, text = watched.total, watched.text()

    assert (local, taken, lost) == ("Success", "Success", "Failure")
    assert (before, total("unstill_doubts_total", engine="up")) == (0, 1)
    assert total("unstill_charges_total", engine="up") == 1
    assert total("unstill_jobs_ended_total", state="succeeded") == 2
    assert total("unstill_jobs_ended_total", state="failed") == 1
    assert total("unstill_upstream_submits_total", engine="up", outcome="accepted") == 1
    assert total("unstill_upstream_submits_total", engine="up", outcome="unknown") == 1
    assert total("unstill_upstream_errors_total", engine="up", code_class="no_answer") == 1
    assert total("unstill_job_state_seconds_count", engine="up", state="submitting") == 2
    assert total("unstill_job_state_seconds_count", engine="camera", state="running") == 1
    assert total("unstill_upstream_refusing", engine="up") == 0
    assert 'owner_class="team-a"' in text
    for hidden in (KEY, PROMPT, watched.upstream.url, CHELSEA[:40]):
        assert hidden not in text


@pytest.mark.slow
def test_the_last_backup_that_came_about_is_told(watched: Watched, tmp_path: Path) -> None:
    name = "unstill_backup_last_timestamp_seconds"
    assert watched.made("up") == "Success"
    began_s, none = time.time(), f"\n{name} " in watched.text()
    made = backup(watched, tmp_path / "copy")
    at_s, size_bytes = watched.total(name), watched.total("unstill_backup_last_size_bytes")
    refused = backup(watched, tmp_path / "copy")  # it is not empty

    assert (made, none) == (0, False), "of that name are only HELP and TYPE"
    assert began_s - 0.001 <= at_s <= time.time()
    assert size_bytes > 10_000
    assert refused != 0
    assert watched.total(name) == at_s
    assert last_backup_of(tmp_path / "copy") is None  # which was backed up nowhere


def backup(watched: Watched, folder: Path) -> int:
    command = ["-m", "unstill", "backup", str(folder)]
    command += ["--data-dir", str(watched.server.data_dir)]
    return ran(command, folder=folder.parent).returncode


def test_an_account_that_refuses_the_key_is_seen_to_be_let_alone(watched: Watched) -> None:
    for _ in range(3):
        assert watched.made("up", "401") == "Failure"

    assert watched.total("unstill_upstream_refusing", engine="up") == 1
    assert watched.total("unstill_upstream_errors_total", engine="up", code_class="key") == 3
    assert watched.total("unstill_charges_total") == 0


def test_where_no_network_is_named_a_key_of_scope_user_is_not_enough(tmp_path: Path) -> None:
    down = engine_at("down", "modelverse", f"http://127.0.0.1:{free_port()}")
    config = down + model("down", "down", like=LOCAL)
    with Serving(tmp_path / "data", environment=KEYS, config=config) as server:
        none = server.http.get("/metrics")
        wrong = server.http.get("/metrics", headers={"authorization": "sk-other"})
        user = server.http.get("/metrics", headers={"authorization": KEY})
        given = {"first_frame_url": CHELSEA, "prompt": PROMPT}
        sent = server.http.post(
            "/v1/tasks/submit",
            json={"model": "down", "input": given},
            headers={"authorization": KEY},
        )
        wait = {"task_id": sent.json()["output"]["task_id"], "wait": "1"}
        for _ in range(20):
            server.http.get("/v1/tasks/status", params=wait, headers={"authorization": KEY})
            if server.http.get("/ready").json()["status"] == "held_up":
                break
        stranger = server.http.get("/ready")
        known = server.http.get("/ready", headers={"authorization": KEY})

    assert (none.status_code, wrong.status_code, user.status_code) == (401, 401, 403)
    assert user.json()["error"]["code"] == "admin_key_required"
    assert (stranger.status_code, known.status_code) == (200, 200)
    assert stranger.json()["status"] == known.json()["status"] == "held_up"
    assert stranger.json()["engines"] == []
    assert [each["engine"] for each in known.json()["engines"]] == ["down"]


def test_without_keys_a_caller_on_this_machine_is_the_operator(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as server:
        text = server.http.get("/metrics").text
        posted = server.http.post("/metrics")
        head = server.http.head("/metrics")

    assert 'unstill_jobs_ended_total{state="succeeded"} 0.0\n' in text
    assert posted.status_code == 405
    assert (head.status_code, head.text) == (200, "")


def test_a_key_of_scope_admin_is_told_and_one_of_scope_user_made_beside_it_is_not(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    admin, user = (made_key(data_dir, scope) for scope in ("admin", "user"))
    with Serving(data_dir) as server:
        answers = [
            server.http.get("/metrics", headers={"authorization": key})
            for key in (f"Bearer {admin}", admin, user, "")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 403, 401]
    assert "unstill_jobs_ended_total" in answers[0].text
    assert admin not in answers[0].text


def test_behind_a_trusted_proxy_the_network_is_that_of_the_caller_it_tells(tmp_path: Path) -> None:
    config = '[server]\nmetrics_networks = ["10.1.0.0/16"]\ntrusted_proxies = ["127.0.0.0/8"]\n'
    told = {"10.1.2.3": 200, "10.2.0.1": 401, "10.1.2.3, 203.0.113.9": 401, "": 401}
    with Serving(tmp_path / "data", environment=KEYS, config=config) as server:
        answers = {
            hops: server.http.get(
                "/metrics", headers={"x-forwarded-for": hops} if hops else {}
            ).status_code
            for hops in told
        }

    assert answers == told


def made_key(data_dir: Path, scope: str) -> str:
    command = ["-m", "unstill", "keys", "create", "ops", "--name", scope]
    command += ["--scope", scope, "--data-dir", str(data_dir)]
    return ran(command, folder=data_dir).stdout.splitlines()[0]
