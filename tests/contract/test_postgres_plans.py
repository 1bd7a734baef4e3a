"""What a large database is asked for lists, webhooks and sweeps is found by an index."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.postgres_servers import shared
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.store.ports.job_lists import Among, Where
from unstill.store.ports.retention import Kept
from unstill.store.postgres import activities, deliveries, job_lists, owners, retention

ROWS = 40_000
_JOBS = f"""
INSERT INTO jobs (id, owner, dialect, words, model, request, engine, created_ms, state, attempt,
  deaths, due_ms, ended_ms, is_hidden)
SELECT lpad(n::text, 10, '0'), 'team-' || n % 50, 'openai', 'openai', 'm' || n % 3,
  repeat('x', 300), 'camera', n,
  CASE WHEN n % 100 = 0 THEN 'queued' WHEN n % 7 = 0 THEN 'failed' ELSE 'succeeded' END,
  1, 0, 0, CASE WHEN n % 100 = 0 THEN NULL ELSE n END, CASE WHEN n % 90 = 0 THEN 1 ELSE 0 END
FROM generate_series(1, {ROWS}) AS n
"""  # noqa: S608  - a number
_DELIVERIES = """
INSERT INTO deliveries (job_id, owner, url, receiver, type, created_ms, due_ms, until_ms, tries,
  state)
SELECT id, owner, 'u', 'r', 'video.failed', 1, created_ms, 2, 0,
  CASE WHEN created_ms % 50 = 0 THEN 'owed' ELSE 'delivered' END FROM jobs
"""
_CHARGES = """
INSERT INTO charges (job_id, kind, n, at_ms, day, owner, key_id, model, engine, upstream_model,
  basis, unit, rate, billed_ns, currency, own_amount, worth, amount, seal)
SELECT id, kind, 0, 1, 1, owner, '', 'm', 'e', 'u', 'b', 'u', 1, 1, 'EUR', 1, 1, 1, ''
FROM jobs, (VALUES ('reserve'), ('settle')) AS kinds (kind)
"""
_ATTEMPTS = """
INSERT INTO attempts SELECT id, 1, 'e', 'a', 'm', 1, 2, 'accepted', id, '', '', 0, 0, 3 FROM jobs
"""
_MARKS = "INSERT INTO marks SELECT id, owner, NULL, id, created_ms FROM jobs"
_RESOLUTIONS = "INSERT INTO resolutions SELECT id, 1, 1, 1, '' FROM jobs"

ANN = Owner("team-3")
SOME = Where(0, 2**40, frozenset({State.FAILED}), "m1")
MANY = Where(0, 2**40, frozenset({State.FAILED, State.SUCCEEDED}))
MIDDLE = f"{30_000:010}"
MOST, LIMIT = job_lists.MOST_LOOKED_AT, 21
UNFINISHED = frozenset({State.QUEUED, State.READY})
ENDED = (30_000, 20_000, "", 100)
Statement = tuple[str, Sequence[object]]


def found(among: Among, after: str | None = None, *, by_owner: bool = False) -> Statement:
    return job_lists.found_sql(among, after, MOST, LIMIT, by_owner=by_owner)


@pytest.fixture(scope="module")
def large() -> str:
    """The name of a database with a good many jobs and deliveries."""
    name = shared().new_store().rpartition("/")[2]
    for each in (_JOBS, _DELIVERIES, _CHARGES, _ATTEMPTS, _MARKS, _RESOLUTIONS):
        shared().sql(f"SET synchronous_commit = on; {each}", name)  # or pages are not yet marked
    shared().sql("VACUUM ANALYZE", name)
    return name


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (job_lists.page_sql(ANN, MIDDLE, LIMIT, newest_first=True), "jobs_of_owner"),
        (job_lists.page_sql(ANN, None, LIMIT, newest_first=False), "jobs_of_owner"),
        (job_lists.by_offset_sql(ANN, SOME, 20, 20), "jobs_of_owner"),
        (found(Among(engine="far"), MIDDLE), "jobs_pkey"),
        (found(Among(owner=ANN), by_owner=True), "jobs_of_owner"),
        (found(Among(states=UNFINISHED)), "jobs_unfinished"),
        (
            found(Among(owner=ANN, prompt="x", since_ms=0, until_ms=2**47), by_owner=True),
            "jobs_of_owner",
        ),
        (found(Among(owner=ANN, states=UNFINISHED), MIDDLE, by_owner=True), "jobs_of_owner"),
        ((owners.with_files_sql(by_key=False), (ANN,)), "jobs_of_owner"),
        ((owners.with_files_sql(by_key=True), (ANN, "key_1")), "jobs_of_owner"),
        ((deliveries.DUE, (30_000, ["a"], ["b"], 100)), "deliveries_owed"),
        ((deliveries.OWE_AT_ONCE, (5, 5)), "deliveries_owed"),
        ((deliveries.COUNT_OWED, ()), "deliveries_owed"),
        ((deliveries.NEWEST, (10,)), "deliveries_pkey"),
        ((deliveries.STANDING, ()), "deliveries_owed"),
        ((deliveries.GIVEN_UP, (5,)), "deliveries_given_up"),
        ((activities.ENDED_JOBS, (30_000, MIDDLE, 20_000, 500)), "jobs_ended"),
        ((activities.MADE_JOBS, (MIDDLE, "9")), "jobs_pkey"),
        ((retention.LONG_DELETED, ("", "9", 1000)), "jobs_hidden"),
        ((retention.ended_sql(Kept.VIDEO), ENDED), "jobs_with_video"),
        ((retention.ended_sql(Kept.PICTURES), ENDED), "jobs_with_pictures"),
        ((retention.ended_sql(Kept.FAILED_PICTURES), ENDED), "jobs_with_pictures"),
        ((retention.ended_sql(Kept.ROW), (*ENDED, 1, 1)), "jobs_ended"),
    ],
)
def test_each_read_of_many_rows_has_its_index(
    large: str, statement: Statement, index: str, mode: str
) -> None:
    plan = plan_of(large, statement, mode)

    assert any(f"{index} on" in line or line.endswith(f"on {index}") for line in plan)
    assert not any(f"Seq Scan on {each}" in line for line in plan for each in ("jobs", "deliver"))


@pytest.mark.parametrize("mode", ["custom", "generic"])
def test_a_count_reads_no_row(large: str, mode: str) -> None:
    plan = plan_of(large, job_lists.count_sql(ANN, MANY, None), mode)

    assert any("Index Only Scan using jobs_of_owner" in line for line in plan)


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize("kept", [Kept.VIDEO, Kept.PICTURES, Kept.ROW])
def test_a_piece_of_what_has_ended_is_read_without_the_rest_of_any_table(
    large: str, kept: Kept, mode: str
) -> None:
    bounds = (*ENDED, 1, 1) if kept is Kept.ROW else ENDED
    plan = plan_of(large, (retention.ended_sql(kept), bounds), mode)

    assert not any(word in line for line in plan for word in ("Sort", "Hash", "Seq Scan"))


def plan_of(database: str, statement: Statement, mode: str) -> list[str]:
    """Its lines. generic: that which a server comes to use for whatever parameters."""
    sql, bounds = statement
    given = f"({', '.join(map(literal, bounds))})" if bounds else ""
    said = shared().sql(
        f"SET plan_cache_mode = force_{mode}_plan; PREPARE asked AS {sql}; "
        f"EXPLAIN (COSTS OFF) EXECUTE asked{given}",
        database,
    )
    return [line.strip() for line in said.splitlines()]


def literal(value: object) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]::text[]"
    return f"{value}" if isinstance(value, int) else f"'{value}'"
