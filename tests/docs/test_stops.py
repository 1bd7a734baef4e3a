"""The page of every stop is true: a real server comes through these functions, in this order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from docs.pages import ROOT
from support.emulator_process import Emulator

PAGE = ROOT / "docs/how-it-works/13-every-stop.md"
PROGRAM = Path(__file__).with_name("traced.py")
ROW = re.compile(
    r"^\| \[[^\]]+\]\(\.\./\.\./src/unstill/([\w/.]+)\) \| `([\w.]+)` \|", re.MULTILINE
)

# Rooms in which a request is worked on. What hears of every commit, and what is done beside all
# requests, is no stop of one.
ROOMS = ("service/", "steps/")
BESIDE = {
    "service/owner_limits.py": "the limits that stops go by",
    "service/stored_bytes.py": "hears of commits",
    "steps/cancel_upstream.py": "hears of commits",
    "steps/cleanup.py": "goes through all files, now and then",
    "steps/expiry.py": "goes through what has ended, now and then",
    "steps/job_log.py": "hears of commits",
    "steps/learning.py": "asks upstreams what they can do, now and then",
    "steps/uptime.py": "the clock that stops go by",
}

Stop = tuple[str, str]


def journeys() -> dict[str, list[Stop]]:
    """The stops of each journey, as the page has them."""
    _, *sections = PAGE.read_text("utf-8").split("\n## ")
    return {
        section.partition("\n")[0].lower(): [(file, name) for file, name in ROW.findall(section)]
        for section in sections
    }


def first_missing(stops: list[Stop], calls: list[Stop]) -> Stop | None:
    """The first stop that was not come through behind the one before it."""
    left = iter(calls)
    return next((stop for stop in stops if stop not in left), None)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Stop]]:
    """The calls that a server made on each journey."""
    with Emulator("modelverse", job_s=0.5) as upstream:
        command = [
            sys.executable,
            str(PROGRAM),
            str(tmp_path_factory.mktemp("stops")),
            upstream.url,
        ]
        made = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert made.returncode == 0, made.stderr
    return msgspec.json.decode(made.stdout, type=dict[str, list[Stop]])


@pytest.mark.parametrize("journey", journeys())
def test_a_request_comes_through_every_stop_in_this_order(
    traced: dict[str, list[Stop]], journey: str
) -> None:
    stops = journeys()[journey]

    assert len(stops) > 5
    assert first_missing(stops, traced[journey]) is None


def test_a_stop_at_another_place_or_of_another_name_is_found(traced: dict[str, list[Stop]]) -> None:
    stops = journeys()["fetched"]

    assert first_missing([stops[1], stops[0], *stops[1:]], traced["fetched"]) is not None
    assert first_missing([*stops, ("server/app.py", "App.gone")], traced["fetched"]) == (
        "server/app.py",
        "App.gone",
    )


def test_no_module_that_a_request_comes_through_lacks_a_stop(
    traced: dict[str, list[Stop]],
) -> None:
    on_page = {file for stops in journeys().values() for file, _ in stops}
    come_through = {
        file for calls in traced.values() for file, _ in calls if file.startswith(ROOMS)
    }

    assert sorted(come_through - on_page - set(BESIDE)) == []
    assert {file for file in on_page if file.startswith(ROOMS)} <= come_through
    assert not on_page & set(BESIDE)
    assert all((ROOT / "src/unstill" / file).exists() for file in BESIDE)


def test_the_page_has_every_journey(traced: dict[str, list[Stop]]) -> None:
    assert set(journeys()) == set(traced)
