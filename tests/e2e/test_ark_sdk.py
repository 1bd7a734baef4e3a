"""Ark's emulator is checked by Volcengine's official SDK, unchanged."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from support.emulator_process import KEY, Emulator
from support.older_clients import needs_older_clients, steps_of
from support.servers import PHOTOS

pytestmark = [pytest.mark.slow, needs_older_clients]


def test_the_ark_sdk_makes_polls_lists_and_cancels_tasks(tmp_path: Path) -> None:
    with Emulator("ark", job_s=5) as emulator:
        photo = str(PHOTOS / "chelsea.jpg")
        steps = steps_of("ark_calls", f"{emulator.url}/api/v3", KEY, photo, home=tmp_path)
        ended = steps.got("ended")
        video = httpx2.get(ended["url"])
        submits = [each["body"] for each in emulator.log() if each["place"] == "submit"]

        assert (ended["status"], ended["resolution"], ended["duration"]) == ("succeeded", "720p", 4)
        assert ended["tokens"] == 1280 * 720 * 24 * 4 // 1024
        assert video.content[4:8] == b"ftyp"
        assert steps.got("cancelled") == "cancelled"
        assert sorted(steps.got("listed")) == [[False, "cancelled"], [True, "succeeded"]]
        assert steps.error("too long") == {"status": 400, "code": "InvalidParameter"}
        assert steps.error("nobody's") == {"status": 404, "code": "ResourceNotFound"}
        assert steps.error("cancelled twice")["code"] == "TaskRunningCannotCancel"
        assert [part.get("role") for part in submits[0]["content"]] == [
            None,
            "first_frame",
            "last_frame",
        ]
        assert emulator.charges()["charged"] == 1


def test_the_ark_sdk_sends_a_create_again_by_itself_and_both_are_billed(tmp_path: Path) -> None:
    """Why a doubt is one: no key tells Ark that the second call is the first."""
    with Emulator("ark", job_s=5) as emulator:
        emulator.next("submit", "500_after")
        photo = str(PHOTOS / "chelsea.jpg")
        steps_of("ark_calls", f"{emulator.url}/api/v3", KEY, photo, home=tmp_path)

        assert emulator.charges()["charged"] == 2
        assert [len(each) for each in emulator.charges()["doubles"].values()] == [2]
