"""A server whose database goes away: it lives, says so, and goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.in_process import create_body
from support.postgres_servers import postgres
from support.servers import LOOPBACK_ALLOWED, Serving

pytestmark = pytest.mark.slow


def at_last(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.1)


def test_a_server_outlives_its_database_and_tells_callers_to_come_again(tmp_path: Path) -> None:
    with postgres() as database:
        environment = LOOPBACK_ALLOWED | {"UNSTILL_DATABASE": database.new_store()}
        with Serving(tmp_path / "data", environment=environment) as server:
            http = server.http
            task_id = server.submit(create_body())
            database.stop()
            at_last(lambda: http.get("/ready").status_code == 503)
            ready, health = http.get("/ready").json(), http.get("/health")
            poll = http.get("/v1/tasks/status", params={"task_id": task_id})
            submit = http.post("/v1/tasks/submit", json=create_body())
            models = http.get("/v1/models")
            database.start()
            at_last(lambda: http.get("/ready").status_code == 200)
            ended = server.wait(task_id, within_s=120)
            log = server.log

    assert (ready["status"], ready["reasons"]) == ("not_ready", ["store"])
    assert (health.status_code, models.status_code) == (200, 200)
    assert [each.status_code for each in (poll, submit)] == [503, 503]
    assert [each.headers["retry-after"] for each in (poll, submit)] == ["1", "1"]
    assert ended["output"]["task_status"] == "Success"
    assert "Traceback" not in log
