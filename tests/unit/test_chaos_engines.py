"""The fault campaign has an engine of each kind, and knows which of them settle."""

from __future__ import annotations

import pytest
from benchmarks.chaos_engines import ENGINES, FEW, FREE, MODELS, SETTLES, models_at, some_engines
from benchmarks.chaos_prices import COSTS
from benchmarks.chaos_report import CALLS_WITH_A_FAULT, JOBS_OF_EACH, shows_nothing
from benchmarks.chaos_upstreams import Call, Upstream

from support.engine_benches import engine
from unstill.emulators import KINDS
from unstill.net.fetcher import Fetcher
from unstill.settings.engines import HOSTED_KINDS
from unstill.upstreams.port import SettlingRemote

OWN_SERVERS = {FREE, "lx", "graph"}  # where nobody sends a bill
POLL = Call("ark", 1, "poll", "/tasks/cgt-1", None, "", None)
TAKEN = Call("ark", 2, "submit", "/tasks", None, "push in, number 1", "cgt-1")


def test_every_kind_takes_part_under_a_name_that_callers_use_and_charges_for_it() -> None:
    asked = {engine for behind in MODELS.values() for engine in behind.engines}

    assert sorted(row.kind for row in ENGINES.values()) == sorted(KINDS)
    assert set(HOSTED_KINDS) <= {row.kind for row in ENGINES.values() if row.has_room}
    assert asked == set(ENGINES)
    assert set(COSTS) == set(ENGINES) - OWN_SERVERS


async def test_those_that_settle_are_known_by_their_port() -> None:
    fetcher = Fetcher()
    remotes = {
        name: engine(row.kind, "http://127.0.0.1:9", fetcher) for name, row in ENGINES.items()
    }

    assert {name for name, each in remotes.items() if isinstance(each, SettlingRemote)} == SETTLES

    for each in remotes.values():
        await each.close()
    await fetcher.close()


def test_a_part_of_the_engines_has_what_a_campaign_needs_and_all_come_up_over_some_seeds() -> None:
    parts = [some_engines(6, seed) for seed in range(60)]

    assert all(len(part) == 6 and {"bailian", FREE} <= set(part) for part in parts)
    assert all(set(part) & SETTLES for part in parts)
    assert {engine for part in parts for engine in part} == set(ENGINES)
    assert some_engines(len(ENGINES), seed=1) == tuple(ENGINES)
    assert parts[3] == some_engines(6, seed=3)


def test_a_name_is_only_behind_engines_that_take_part() -> None:
    assert set(models_at(ENGINES)) == set(MODELS)
    assert models_at(("ope",))["wan-anywhere"].engines == ("ope",)
    assert "seedance" not in models_at(FEW)


@pytest.mark.parametrize(
    ("calls", "jobs", "found"),
    [
        ([TAKEN], JOBS_OF_EACH, 0),
        ([], JOBS_OF_EACH, 1),
        ([], JOBS_OF_EACH - 1, 0),
        ([TAKEN, *[POLL] * CALLS_WITH_A_FAULT], JOBS_OF_EACH, 1),
        ([TAKEN, *[POLL] * (CALLS_WITH_A_FAULT - 1)], JOBS_OF_EACH, 0),
        ([TAKEN, *[POLL] * CALLS_WITH_A_FAULT, POLL._replace(fault="500")], JOBS_OF_EACH, 0),
    ],
)
def test_a_campaign_that_shows_nothing_of_an_upstream_says_so(
    calls: list[Call], jobs: int, found: int
) -> None:
    ark = Upstream("ark", "http://127.0.0.1:9", pid=0)

    assert len(list(shows_nothing([ark], calls, jobs=jobs))) == found
