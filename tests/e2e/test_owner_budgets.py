"""A budget that is set beside a running server: it holds there, and over a restart."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from support.fork_server import ran
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving

pytestmark = pytest.mark.slow

KEYS = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "ann:sk-ann,bob:sk-bob"}
PRICES = '[models."wan2.7-i2v".prices]\n"720P" = { per_video = "0.45" }\n'
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()


def unstill(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return ran(["-m", "unstill", *words, "--data-dir", str(data_dir)])


def set_budget(server: Serving, amount: str) -> str:
    """What the command says, once the server has taken it up."""
    changes = server.log.count("limits_changed")
    said = unstill(server.data_dir, "owners", "set", "ann", "--budget-day", amount).stdout
    deadline = time.monotonic() + 30
    while server.log.count("limits_changed") == changes:
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    return said


def submit(server: Serving, owner: str = "ann", key: str = "") -> httpx2.Response:
    return server.http.post(
        "/v1/tasks/submit",
        headers={"authorization": f"Bearer sk-{owner}"} | ({"idempotency-key": key} if key else {}),
        json={
            "model": "wan2.7-i2v",
            "input": {"img_url": CHELSEA, "prompt": "push in"},
            "parameters": {"size": "320x256", "duration": 2},
        },
    )


def test_a_budget_holds_beside_a_running_server_and_over_a_restart_until_it_is_taken_away(
    tmp_path: Path,
) -> None:
    with Serving(tmp_path, environment=KEYS, config=PRICES) as server:
        before = submit(server, key="first")
        said = set_budget(server, "0.9")
        within, over, again, other = (
            submit(server),
            submit(server),
            submit(server, key="first"),
            submit(server, "bob"),
        )
        data_dir = server.data_dir
    listed = unstill(data_dir, "owners", "list").stdout
    with Serving(tmp_path, environment=KEYS, config=PRICES) as server:
        after = submit(server)
        set_budget(server, "1.35")
        raised, spent = submit(server), submit(server)
        set_budget(server, "none")
        freed = submit(server)
    proved = unstill(data_dir, "usage", "check")

    assert said == "ann: budget a day 0.9, weight 1\n"
    assert [each.status_code for each in (before, within, over)] == [200, 200, 402]
    assert "0.9 of 0.9 EUR are spent or reserved, 0 EUR are left" in over.text
    assert again.json()["output"]["task_id"] == before.json()["output"]["task_id"]
    assert other.status_code == 200
    assert "0.9" in listed
    assert [each.status_code for each in (after, raised, spent, freed)] == [402, 200, 402, 200]
    assert proved.returncode == 0, proved.stdout
