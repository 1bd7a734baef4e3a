"""What `usage check` proves of a folder, and that nothing can be changed without its notice."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from support.books import a_book_in, changed_in, resolved_in
from unstill.domain.errors import OperatorError, StoreRefused
from unstill.store.embedded.book_check import prove
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.usage_beside import proof_of

Value = str | int | float | bytes | None
GONE = " that were written: one is gone, or has another number"


@pytest.fixture
async def book(tmp_path: Path) -> Path:
    return await a_book_in(tmp_path / "data")


def wrongs(folder: Path) -> list[str]:
    proof = proof_of(folder)
    assert proof is not None
    return proof.wrongs


def test_a_book_as_a_server_left_it_is_right(book: Path) -> None:
    proof = proof_of(book)

    assert proof is not None
    assert proof.wrongs == []
    assert (proof.sums.entries, proof.sums.jobs) == (15, 7)
    assert proof.sums.settled.total() == 990_000
    assert proof.sums.reserved.total() == 900_000
    assert proof.sums.cost == 1_350_000


def test_where_there_is_no_store_nothing_is_proved(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"there is no job store in .*: nothing is proved"):
        proof_of(tmp_path / "nowhere")


def test_of_a_folder_whose_store_is_gone_nothing_is_said_to_be_right(book: Path) -> None:
    (book / FILE).unlink()

    with pytest.raises(StoreRefused, match=r"is missing, but .* had a store before"):
        proof_of(book)


@pytest.mark.parametrize("is_charged", [True, False])
def test_a_job_whose_doubt_an_operator_has_resolved_is_right(book: Path, is_charged: bool) -> None:  # noqa: FBT001
    resolved_in(book, "lost", is_charged=is_charged)

    assert wrongs(book) == []


def test_a_job_that_goes_on_with_the_reserve_of_an_earlier_one_is_right(book: Path) -> None:
    resolved_in(book, "lost", is_charged=True, ticket="task-1")
    proof = proof_of(book)

    assert proof is not None
    assert proof.wrongs == []
    assert (proof.sums.entries, proof.sums.jobs) == (17, 8)
    assert proof.sums.reserved.total() == 900_000
    assert proof.sums.cost == 1_350_000


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "UPDATE charges SET rate = 45000 WHERE job_id = 'next'",
            "its reserve is not what the earlier job gave up",
        ),
        (
            "UPDATE charges SET job_id = 'lost' WHERE job_id = 'billed' AND kind = 'cost'",
            "both have a cost of the one call",
        ),
        ("DELETE FROM resolutions", "nobody has said that its call was billed"),
        ("UPDATE resolutions SET is_charged = 0", "nobody has said that its call was billed"),
    ],
)
def test_what_would_charge_both_jobs_of_one_call_is_told(book: Path, sql: str, told: str) -> None:
    resolved_in(book, "lost", is_charged=True, ticket="task-1")
    changed_in(book, sql)

    assert f"job next, which goes on from lost: {told}" in wrongs(book)


def test_a_continuation_that_is_gone_is_missed(book: Path) -> None:
    resolved_in(book, "lost", is_charged=True, ticket="task-1")
    changed_in(book, "DELETE FROM continuations")

    assert wrongs(book) == ["continuations has 0 rows, numbered to 0, of 1: one is gone"]


@pytest.mark.parametrize("table", ["charges", "spent", "resolutions", "continuations"])
def test_any_one_value_that_is_changed_by_hand_in_any_row_is_found(book: Path, table: str) -> None:
    resolved_in(book, "lost", is_charged=True, ticket="task-1")
    unseen, tried = [], 0
    with closing(in_memory(book)) as connection:
        names = [f"{row[1]}" for row in connection.execute(f"PRAGMA table_info({table})")]
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        for row in rows:
            for place, other in changes_of(row):
                changed = (*row[:place], other, *row[place + 1 :])
                if not put(connection, table, names, before=row, after=changed):
                    continue
                tried += 1
                if not prove(connection).wrongs:
                    unseen.append((names[place], changed))
                put(connection, table, names, before=changed, after=row)
        after = prove(connection).wrongs

    assert unseen == []
    assert after == []
    assert tried > len(rows) * len(names)


def changes_of(row: tuple[Value, ...]) -> list[tuple[int, Value]]:
    """Where something else may stand in a row, and what."""
    numbers = [(place, value) for place, value in enumerate(row) if isinstance(value, int)]
    texts = [(place, value) for place, value in enumerate(row) if isinstance(value, str)]
    return [
        *((place, value + by) for place, value in numbers for by in (1, -1, 1_000)),
        *((place, f"{value}x") for place, value in texts),
        *((place, "release") for place, value in texts if value == "settle"),
    ]


def put(
    connection: apsw.Connection,
    table: str,
    names: list[str],
    *,
    before: tuple[Value, ...],
    after: tuple[Value, ...],
) -> bool:
    """Put one row in another's place; False where the database itself would not have it."""
    sets = ", ".join(f"{name} = ?" for name in names)
    where = " AND ".join(f"{name} = ?" for name in names)
    try:
        connection.execute(f"UPDATE {table} SET {sets} WHERE {where}", (*after, *before))  # noqa: S608
    except apsw.ConstraintError:
        return False
    return True


def in_memory(folder: Path) -> apsw.Connection:
    """A copy of the folder's database."""
    copy = apsw.Connection(":memory:")
    with (
        closing(apsw.Connection(str(folder / FILE))) as stored,
        copy.backup("main", stored, "main") as backup,
    ):
        backup.step()
    return copy


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "UPDATE charges SET amount = amount + 1 WHERE job_id = 'costly' AND kind = 'cost'",
            "row 11 (cost of job costly): its amounts are not what its rate and its length give",
        ),
        (
            "UPDATE spent SET settled = settled - 1 WHERE owner = 'ann' AND day = 20412",
            "owner ann on 2025-11-20: settled is 0.54 by charges, 0.539999 in spent",
        ),
        (
            "UPDATE spent SET reserved = 0 WHERE owner = 'ann' AND day = 20413",
            "owner ann on 2025-11-21: reserved is 0.45 by charges, 0 in spent",
        ),
        (
            "DELETE FROM charges WHERE id = 3",
            f"charges has 14 rows, numbered 1 to 15, of 15{GONE}",
        ),
        (
            "DELETE FROM charges WHERE id = 15",
            f"charges has 14 rows, numbered 1 to 14, of 15{GONE}",
        ),
        (
            "DELETE FROM charges; DELETE FROM spent",
            f"charges has 0 rows, numbered 1 to 0, of 15{GONE}",
        ),
        (
            "UPDATE jobs SET state = 'succeeded' WHERE id = 'unfinished'",
            "job unfinished: it has succeeded, and its reserve has no end in place of a settle",
        ),
        (
            "UPDATE jobs SET state = 'running' WHERE id = 'settled'",
            "job settled: it is unfinished, and its reserve has a settle",
        ),
        (
            "UPDATE jobs SET failure = NULL WHERE id = 'lost'",
            "job lost: it has failed, and its reserve has no end in place of a release",
        ),
        (
            "UPDATE jobs SET attempt = 0 WHERE id = 'billed'",
            "row 14 (cost of job billed): the job has no call or render 1",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_row(book: Path, sql: str, told: str) -> None:
    changed_in(book, sql)

    assert told in wrongs(book)


def test_a_word_on_a_job_that_was_never_in_doubt_and_a_free_call_with_a_cost_are_wrong(
    book: Path,
) -> None:
    resolved_in(book, "lost", is_charged=True)
    changed_in(book, "UPDATE resolutions SET is_charged = 0")
    assert "job lost: call 1 was resolved as free, and has a cost" in wrongs(book)

    changed_in(book, "UPDATE resolutions SET job_id = 'billed'")
    assert "job billed: it was resolved, and was never in doubt" in wrongs(book)


def test_an_end_by_a_clock_that_was_set_back_is_right(book: Path) -> None:
    resolved_in(book, "lost", is_charged=True, at_ms=5)

    assert wrongs(book) == []


def test_the_entries_of_jobs_that_have_gone_stay_right(book: Path) -> None:
    changed_in(book, "DELETE FROM jobs; DELETE FROM attempts")

    assert wrongs(book) == []
