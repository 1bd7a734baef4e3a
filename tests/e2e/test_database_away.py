"""A server whose database goes away: it lives, says so, and goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.in_process import create_body
from support.postgres_servers import postgres, shared
from support.servers import LOOPBACK_ALLOWED, Serving
from unstill.files.last_backup import LastBackup, note_backup

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
            models, metrics = http.get("/v1/models"), http.get("/metrics")
            database.start()
            at_last(lambda: http.get("/ready").status_code == 200)
            ended = server.wait(task_id, within_s=120)
            log = server.log

    assert (ready["status"], ready["reasons"]) == ("not_ready", ["store"])
    assert [each.status_code for each in (health, models, metrics)] == [200, 200, 200]
    assert "unstill_build_info" in metrics.text
    assert "unstill_webhooks_owed 0" not in metrics.text  # nobody knows
    assert [each.status_code for each in (poll, submit)] == [503, 503]
    assert [each.headers["retry-after"] for each in (poll, submit)] == ["1", "1"]
    assert ended["output"]["task_status"] == "Success"
    assert "Traceback" not in log


def test_a_folder_that_was_a_store_before_tells_no_backup_of_the_database(tmp_path: Path) -> None:
    note_backup(tmp_path, LastBackup(at_ms=1, size_bytes=2))
    environment = LOOPBACK_ALLOWED | {"UNSTILL_DATABASE": shared().new_store()}
    told = []
    for variables in (environment, LOOPBACK_ALLOWED):
        with Serving(tmp_path, environment=variables) as server:
            told.append("unstill_backup_last_size_bytes 2" in server.http.get("/metrics").text)

    assert told == [False, True]
