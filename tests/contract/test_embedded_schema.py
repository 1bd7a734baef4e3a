"""Files of the embedded store: those of other releases, and what each read of them costs."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from support.leases import ENDED
from support.stored_files import STORES, made_with, names_in
from unstill.domain.attempts import Attempt
from unstill.domain.errors import OperatorError
from unstill.domain.job import Job, State, intended, put_back
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.store import job_rows
from unstill.store.embedded import deliveries, doubts, migrations, rows
from unstill.store.embedded.job_lists import page_sql
from unstill.store.embedded.retention import ended_sql
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.retention import Kept

OLD_IDS = [f"0199f000-0000-7000-8000-00000000000{number}" for number in range(1, 6)]


NEWEST = migrations.read_versions(migrations.FOLDER)[-1].number
OLD_STATES = ["queued", "ready", "running", "succeeded", "failed"]


async def test_a_file_of_a_newer_release_is_refused_and_let_alone(tmp_path: Path) -> None:
    made_with(tmp_path, "CREATE TABLE later (x); PRAGMA user_version = 99").close()
    before = (tmp_path / "unstill.sqlite3").read_bytes()

    with pytest.raises(
        OperatorError, match=rf"unstill\.sqlite3 .*newer.* is 99, .* reads up to {NEWEST}"
    ):
        await EmbeddedStore(tmp_path).open()
    assert (tmp_path / "unstill.sqlite3").read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "unstill.sqlite3").write_text("my shopping list " * 100)

    for _ in range(2):  # and the lock is given back
        with pytest.raises(OperatorError, match=r"unstill\.sqlite3 cannot be opened"):
            await EmbeddedStore(tmp_path, lock_wait_s=0).open()


def test_each_version_of_the_schema_has_a_number_of_its_own_and_none_is_left_out() -> None:
    numbers = [version.number for version in migrations.read_versions(migrations.FOLDER)]

    assert numbers == list(range(1, NEWEST + 1))


def test_the_newest_schema_has_a_column_for_each_field_of_a_job_and_for_its_server(
    tmp_path: Path,
) -> None:
    connection = made_with(tmp_path, "")
    migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", migrations.FOLDER)

    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(jobs)")]
    connection.close()

    assert sorted(columns) == sorted([*job_rows.COLUMNS, "leased_by", "removed", "moves"])


@pytest.mark.parametrize(
    ("sql", "parameters", "index"),
    [
        (page_sql(has_after=True, newest_first=True), ("a", "b", 5), "jobs_of_owner"),
        (page_sql(has_after=False, newest_first=False), ("a", 5), "jobs_of_owner"),
        (rows.LONG_DELETED, ("", "b", 5), "jobs_hidden"),
        (rows.PLACES, ("", 5), "jobs_unfinished"),
        (rows.INTERRUPTED, (), "jobs_unfinished"),
        (rows.TICKETS, ("", 5), "jobs_at_upstreams"),
        (rows.RECENT_ATTEMPTS, ("account", 5), "attempts_of_account"),
        (rows.ATTEMPTS, ("job",), "PRIMARY KEY"),
        (rows.MARKED_BY_KEY, ("a", "k"), "marks_by_key"),
        (rows.MARKED_BY_FINGERPRINT, ("a", "f", 5), "marks_by_fingerprint"),
        (deliveries.due_sql(("a", "b"), (Owner("c"),)), (5, "a", "b", "c", 5), "deliveries_owed"),
    ],
    ids=[
        "page",
        "first page",
        "long deleted",
        "places",
        "interrupted",
        "tickets",
        "recent attempts",
        "attempts",
        "marked by key",
        "marked by fingerprint",
        "due deliveries",
    ],
)
def test_each_list_reads_its_index_and_sorts_nothing(
    tmp_path: Path, sql: str, parameters: tuple[str | int, ...], index: str
) -> None:
    connection = made_with(tmp_path, "")
    migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", migrations.FOLDER)

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    connection.close()

    beside = (" EXISTS ", "LEFT-JOIN")  # by a row's id, for each that was found
    assert len([step for step in plan if not any(each in step for each in beside)]) == 1
    assert f"USING INDEX {index}" in plan[0] or f"USING {index}" in plan[0]


@pytest.mark.parametrize(("sql", "bounds"), [(doubts.DOUBTS, (5,)), (doubts.ENGINES, ())])
def test_calls_in_doubt_are_found_among_themselves_alone(
    tmp_path: Path, sql: str, bounds: tuple[int, ...]
) -> None:
    connection = made_with(tmp_path, "")
    migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", migrations.FOLDER)

    first, *each = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bounds)]
    connection.close()

    assert first == "SCAN jobs USING INDEX jobs_in_doubt"
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in each)


@pytest.mark.parametrize("kept", list(Kept))
def test_what_is_kept_for_a_while_is_found_by_its_end_and_sorts_nothing(
    tmp_path: Path, kept: Kept
) -> None:
    connection = made_with(tmp_path, "")
    migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", migrations.FOLDER)

    sql = ended_sql(kept)
    bounds = (5, 0, "", 5, 1, 1) if kept is Kept.ROW else (5, 0, "", 5)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bounds)]
    connection.close()

    assert "USING INDEX jobs_ended" in plan[0]
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in plan)


def test_what_was_measured_is_read_from_the_newest_row_on(tmp_path: Path) -> None:
    connection = made_with(tmp_path, "")
    migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", migrations.FOLDER)

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {rows.TIMES}", (5,))]
    connection.close()

    assert [step.split(" USING ")[0] for step in plan] == [
        "CO-ROUTINE (subquery-1)",  # given row by row, and no more rows than are needed
        "SCAN jobs",
        "SCAN (subquery-1)",
    ]


async def test_a_store_of_the_first_release_is_read_whole_and_goes_on(tmp_path: Path) -> None:
    made_with(tmp_path, (STORES / "v1.sql").read_text("utf-8")).close()
    store = EmbeddedStore(tmp_path)
    await store.open()
    found = [await store.jobs.find(job_id) for job_id in OLD_IDS]
    tickets = [row async for rows in store.backlog.tickets() for row in rows]
    ready, running = found[1], found[2]
    assert ready is not None
    assert running is not None
    sent = await store.jobs.change(ready.id, intended(an_attempt(ready), ENDED), attempt=0)
    put = await store.jobs.change(running.id, put_back(9, died=False), attempt=2)
    await store.close()

    assert [job.state.value for job in found if job] == OLD_STATES
    assert ready == Job(
        id=OLD_IDS[1],
        owner=Owner("team-a"),
        dialect="tasks",
        words="unified",
        model="wan2.7-i2v",
        request=VideoRequest(
            model="wan2.7-i2v",
            prompt="一只猫 wakes up",
            first_frame=Frame("first", "input.media[0].url", url="https://example.com/cat.jpg"),
            duration_s=5,
            frame_rate=30,
            seed=42,
        ),
        engine="camera",
        created_ms=1_763_600_000_002,
        state=State.READY,
        due_ms=1_763_600_009_000,
        size=Size(1280, 720),
    )
    assert tickets == []
    assert sent is not None
    assert sent.state is State.SUBMITTING
    assert put is not None
    assert put.state is State.READY
    assert (tmp_path / f"unstill.sqlite3.before-{NEWEST}").exists()


def an_attempt(job: Job) -> Attempt:
    return Attempt(
        job_id=job.id,
        n=job.attempt + 1,
        engine="bailian",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=1,
        submit_by_ms=2,
    )


def an_older_file(folder: Path) -> tuple[apsw.Connection, Path]:
    """A database of version 1 with one row, and the versions of a release that has three."""
    versions = folder / "sql"
    versions.mkdir()
    (versions / "0001_cats.sql").write_text("CREATE TABLE cats (name TEXT)")
    (versions / "0002_age.sql").write_text("ALTER TABLE cats ADD COLUMN age INTEGER")
    (versions / "0003_dogs.sql").write_text("CREATE TABLE dogs (name TEXT); DELETE FROM cats")
    sql = "CREATE TABLE cats (name TEXT); INSERT INTO cats VALUES ('Tom'); PRAGMA user_version = 1"
    return made_with(folder, sql), versions


def test_an_older_file_is_brought_up_to_date_after_a_copy(tmp_path: Path) -> None:
    connection, versions = an_older_file(tmp_path)
    with capture_logs() as logs:
        migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", versions)
    (told,) = logs
    copy = apsw.Connection(told["copy"])

    found = connection.pragma("user_version"), copy.pragma("user_version")
    cats = connection.execute("SELECT name, age FROM cats").fetchall()
    cats_before = copy.execute("SELECT * FROM cats").fetchall()
    connection.close()
    copy.close()

    assert found == (told["now"], told["before"]) == (3, 1)
    assert (cats, cats_before) == ([], [("Tom",)])
    assert told["copy"] == str(tmp_path / "unstill.sqlite3.before-3")


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    connection, versions = an_older_file(tmp_path)
    (versions / "0003_dogs.sql").write_text("DELETE FROM cats; NONSENSE")

    for _ in range(2):  # and can be tried again, over the copy of the first time
        with pytest.raises(apsw.SQLError):
            migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", versions)
    found = connection.pragma("user_version"), connection.execute("SELECT * FROM cats").fetchall()
    connection.close()

    assert found == (1, [("Tom",)])


def test_a_new_file_is_not_copied(tmp_path: Path) -> None:
    connection = made_with(tmp_path, "")
    migrations.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", migrations.FOLDER)
    connection.close()

    assert names_in(tmp_path) == ["unstill.sqlite3"]
