"""Providers' own clients, unchanged, against the emulators: a second reading of their protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.emulator_process import KEY, Emulator
from support.front_proxies import certified
from support.older_clients import needs_older_clients, steps_of
from unstill.emulators.openrouter_models import LISTED

pytestmark = [needs_older_clients, pytest.mark.slow]


def test_fals_client_finds_fal(tmp_path: Path) -> None:
    certificate, key = map(str, certified(tmp_path))  # it speaks https only
    with Emulator("fal", job_s=1.0, certificate=(certificate, key)) as emulator:
        environment = {
            "FAL_QUEUE_RUN_HOST": emulator.url.removeprefix("https://"),
            "SSL_CERT_FILE": certificate,
        }
        steps = steps_of("fal_calls", KEY, home=tmp_path, environment=environment)
        charges = emulator.charges()

    assert steps.got("submitted")
    assert steps.got("waits") == "Queued"
    assert steps.got("result")["video"]["content_type"] == "video/mp4"
    assert steps.got("status") == "Completed"
    assert steps.got("video") > 1000
    assert steps.got("after a cancel") == "Completed"
    assert steps.error("result of a cancelled")["status"] == 499
    assert steps.error("duration as a text")["status"] == 422
    assert steps.error("no endpoint")["status"] == 404
    assert steps.error("wrong key")["status"] == 401
    assert (charges["accepted"], charges["charged"]) == (2, 1)


def test_openrouters_client_finds_openrouter(tmp_path: Path) -> None:
    with Emulator("openrouter", job_s=1.0) as emulator:
        server = f"{emulator.url}/api/v1"
        steps = steps_of("openrouter_calls", server, KEY, home=tmp_path)
        charges = emulator.charges()

    assert steps.got("models").keys() == LISTED.keys()
    assert steps.got("models")["alibaba/wan-2.7"] == list(range(2, 11))
    assert steps.got("generated")["status"] == "pending"
    assert steps.got("found")["usage"] == {"cost": 0.5, "is_byok": False}
    assert steps.got("found")["unsigned_urls"]
    assert steps.got("video") > 1000
    assert steps.error("too long")["status"] == 400
    assert steps.error("no job")["status"] == 404
    assert steps.error("wrong key")["status"] == 401
    assert charges["accepted"] == 1
