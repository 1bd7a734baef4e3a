"""An operator at a real server: beside its command line, with an upstream, and after a restore."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from support.emulator_process import Emulator
from support.fork_server import ran
from support.servers import PHOTOS, Serving
from support.settings_files import engine, engine_at, model
from support.waits import hold_until
from support.webhook_receiver import SECRET

pytestmark = pytest.mark.slow

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
LOCAL = "wan2.7-i2v"
PROMPT = "a plan of nobody else"
SMALL = {"duration": 2, "size": "320*256"}


def unstill(*words: str, data_dir: Path) -> str:
    done = ran(["-m", "unstill", *words, "--data-dir", str(data_dir)], folder=data_dir.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Operator:
    """Asks a server by an admin key."""

    def __init__(self, server: Serving, key: str) -> None:
        self.server = server
        self.headers = {"authorization": f"Bearer {key}"}

    def status(self, path: str) -> int:
        return self.server.http.get(path, headers=self.headers).status_code

    def told(self, path: str, method: str = "GET", body: object = None) -> dict[str, Any]:
        answer = self.server.http.request(
            method, f"/admin/{path}", headers=self.headers, json=body if method != "GET" else None
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def engine(self, name: str) -> dict[str, Any]:
        return next(dict(e) for e in self.told("engines")["data"] if e["name"] == name)


def submitted(server: Serving, key: str, name: str, **fields: object) -> str:
    body = {
        "model": name,
        "input": {"first_frame_url": CHELSEA, "prompt": PROMPT},
        "parameters": SMALL if name == LOCAL else {"duration": 5},
    } | fields
    answer = server.http.post(
        "/v1/tasks/submit", json=body, headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def ended(operator: Operator, job: str) -> dict[str, Any]:
    """The whole life of a job, once it has ended."""
    told = operator.told(f"jobs/{job}")
    deadline = time.monotonic() + 60
    while told["ended_ms"] is None:
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
        told = operator.told(f"jobs/{job}")
    return told


def test_what_is_done_over_http_and_by_commands_is_one_thing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    admin = unstill("keys", "create", "ops", "--scope", "admin", data_dir=folder).split()[0]
    with Serving(folder) as server:
        operator = Operator(server, admin)
        made = operator.told("keys", "POST", {"owner": "team-a", "name": "over-http"})
        owner = operator.told("owners/team-a", "PATCH", {"queue": 7, "weight": 2})
        keys = unstill("keys", "list", data_dir=folder)
        owners = unstill("owners", "list", data_dir=folder)
        user = {"authorization": f"Bearer {made['key']}"}
        refused = server.http.get("/admin/keys", headers=user)

        unstill("keys", "create", "team-b", "--name", "by-command", data_dir=folder)
        unstill("owners", "set", "team-a", "--queue", "none", data_dir=folder)
        names = [each["name"] for each in operator.told("keys")["data"]]
        limits = {each["owner"]: each["limits"] for each in operator.told("owners")["data"]}
        taken = server.http.post(
            "/admin/keys", headers=operator.headers, json={"owner": "a", "name": "by-command"}
        )
        unstill("keys", "revoke", "over-http", data_dir=folder)
        hold_until(lambda: server.http.get("/v1/videos", headers=user).status_code == 401)
        unstill("keys", "revoke", "ops", data_dir=folder)
        hold_until(lambda: operator.status("/admin/keys") == 401)
        log = server.log

    assert "over-http" in keys
    assert "team-a" in owners
    assert owner["limits"]["queue"] == 7
    assert refused.status_code == 403
    assert names == ["ops", "over-http", "by-command"]
    assert (limits["team-a"]["queue"], limits["team-a"]["weight"]) == (None, 2)
    assert (taken.status_code, taken.json()["error"]["param"]) == (400, "name")
    for secret in (admin, made["key"]):
        assert secret.removeprefix("unstill_") not in log
    assert log.count("operator_did") == 2


def test_the_calls_of_a_job_its_webhook_and_an_upstreams_breaker_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    admin = unstill("keys", "create", "ops", "--scope", "admin", data_dir=folder).split()[0]
    user = unstill("keys", "create", "team-a", data_dir=folder).split()[0]
    hook = {"webhook_url": "https://hooks.example.com/a?token=secret-of-a-hook"}
    with Emulator("modelverse", job_s=0.5) as upstream:
        config = engine("up", upstream) + model("up", "up", like=LOCAL)
        environment = {"UNSTILL_WEBHOOK_SECRET": SECRET}
        with Serving(folder, config=config, environment=environment) as server:
            operator = Operator(server, admin)
            taken = ended(operator, submitted(server, user, "up", **hook))
            upstream.next("submit", "drop_after")
            doubted = ended(operator, submitted(server, user, "up"))
            listing = operator.told("doubts")
            word = operator.told(f"jobs/{doubted['id']}/resolve", "POST", {"charged": True})
            resolved = operator.told(f"jobs/{doubted['id']}")
            well = operator.engine("up")
            for _ in range(3):
                upstream.next("submit", "401")
                refused = ended(operator, submitted(server, user, "up"))
            open_ = operator.engine("up")
            now_ms = time.time() * 1000
            listed = server.http.get("/admin/jobs?engine=up&limit=3", headers=operator.headers)
            figures = operator.told("queues")
            log = server.log

    [call] = taken["attempts"]
    assert (taken["state"], call["outcome"]) == ("succeeded", "accepted")
    assert call["ticket"] == taken["ticket"] != ""
    assert call["intent_ms"] <= call["settled_ms"]
    assert taken["request"]["prompt"] == PROMPT
    assert taken["upstream_model"]
    assert (taken["delivery"]["receiver"], taken["delivery"]["type"]) == (
        "hooks.example.com",
        "video.completed",
    )
    assert doubted["failure"]["code"] == doubted["error"] == "submit_unknown"
    assert [each["outcome"] for each in doubted["attempts"]] == ["unknown"]
    assert [(each["id"], each["owner"]) for each in listing["data"]] == [(doubted["id"], "team-a")]
    assert (doubted["resolution"], resolved["resolution"]) == (None, word["resolution"])
    assert word["resolution"]["charged"]
    assert (well["health"], well["breaker"], well["tried_again_ms"]) == ("ok", "closed", None)
    assert [each["outcome"] for each in refused["attempts"]] == ["refused"]
    assert (open_["health"], open_["breaker"]) == ("refusing", "open")
    assert now_ms - 60_000 < open_["tried_again_ms"] < now_ms + 3_600_000
    assert [each["error"] for each in listed.json()["data"]] == [refused["error"]] * 3
    assert {lane["lane"] for lane in figures["lanes"]} >= {"frames", "engine:up", "save:up"}
    for secret in (PROMPT, "secret-of-a-hook", CHELSEA[:40]):
        assert secret not in listed.text
        assert secret not in log
    assert "secret-of-a-hook" not in str(taken)


def test_jobs_that_wait_after_a_restore_are_released_over_http(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    config = engine_at("far", "unified", "http://127.0.0.1:9") + model("far", "far", like=LOCAL)
    with Serving(folder, config=config) as server:
        jobs = [submitted(server, "none", "far") for _ in range(2)]
        hold_until(
            lambda: {server.status(job)["output"]["task_status"] for job in jobs} == {"Pending"}
        )
        unstill("backup", str(copy), data_dir=folder)
    with Serving(copy, config=config) as server:
        operator = Operator(server, "none")
        held = operator.told("held-jobs")
        before = operator.told(f"jobs/{jobs[0]}")
        one = operator.told("held-jobs/release", "POST", {"job_ids": [jobs[0], "nobody"]})
        after = operator.told(f"jobs/{jobs[0]}")
        rest = operator.told("held-jobs/release", "POST", {})
        left = operator.told("held-jobs")
        health = server.http.get("/health").json()

    assert held == {"data": jobs}
    assert (before["is_held"], after["is_held"]) == (True, False)
    assert one == {"released": [jobs[0]], "sent": {}, "not_held": ["nobody"]}
    assert rest["released"] == [jobs[1]]
    assert left == {"data": []}
    assert "held" not in health
