"""One owner's many jobs beside another's one, on a real server."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest

from support.hostile import trickster_host
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving

pytestmark = pytest.mark.slow

KEYS = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "ann:sk-ann,bob:sk-bob"}
ONE_SLOT = '[engines.camera]\nkind = "camera"\nslots = 1\n'
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()


def submitted(server: Serving, owner: str, picture: str = CHELSEA) -> str:
    answer = server.http.post(
        "/v1/tasks/submit",
        headers={"authorization": f"Bearer sk-{owner}"},
        json={
            "model": "wan2.7-i2v",
            "input": {"img_url": picture, "prompt": "push in"},
            "parameters": {"size": "320x256", "duration": 2},
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def status(server: Serving, owner: str, job_id: str, *, wait_s: int = 0) -> dict[str, Any]:
    answer = server.http.get(
        "/v1/tasks/status",
        params={"task_id": job_id, "wait": wait_s},
        headers={"authorization": f"Bearer sk-{owner}"},
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["output"]
    return told | {"place": answer.headers.get("x-unstill-queue-position")}


def ended(server: Serving, owner: str, job_id: str) -> str:
    deadline = time.monotonic() + 50
    while (word := status(server, owner, job_id, wait_s=5)["task_status"]) in {
        "Pending",
        "Running",
    }:
        assert time.monotonic() < deadline
    return str(word)


def test_a_job_is_made_while_another_owners_renders_and_slow_pictures_fill_the_line(
    tmp_path: Path,
) -> None:
    with trickster_host() as host, Serving(tmp_path, environment=KEYS, config=ONE_SLOT) as server:
        of_ann = [submitted(server, "ann") for _ in range(30)]
        for _ in range(100):
            submitted(server, "ann", f"{host.url}/drip")
        of_bob = submitted(server, "bob")
        place = status(server, "bob", of_bob)["place"]
        word = ended(server, "bob", of_bob)
        last_of_ann = status(server, "ann", of_ann[-1])

    assert word == "Success"
    assert place in {None, "1", "2"}
    assert last_of_ann["task_status"] == "Pending"
