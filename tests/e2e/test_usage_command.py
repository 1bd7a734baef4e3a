"""`unstill usage` on a stopped server's folder, and beside a store that is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.books import a_book_in, changed_in, fill
from support.fork_server import ran
from support.open_stores import opened
from unstill.store.embedded.store import EmbeddedStore

CSV = """\
owner,settled_price,reserved_price,settled_cost,currency,jobs,videos,billed_seconds
ann,0.54,0.9,0.9,EUR,4,1,6
bob,0.45,0,0.45,EUR,3,2,11
"""
BY_TWO = """\
key,day,settled_price,reserved_price,settled_cost,currency,jobs,videos,billed_seconds
,2025-11-21,0,0.45,0,EUR,1,0,0
"""


def usage(folder: Path, *words: str) -> tuple[int, str, str]:
    command = ["-m", "unstill", "usage", *words, "--data-dir", str(folder)]
    done = ran(command, folder=folder.parent)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
async def test_usage_of_a_stopped_servers_folder_is_a_table_or_rows_for_a_program(
    tmp_path: Path,
) -> None:
    folder = await a_book_in(tmp_path / "data")
    by_two = usage(folder, "--csv", "--by", "key,day", "--since", "2025-11-21")
    wrong = usage(folder, "--csv", "--by", "colour")
    none = usage(folder, "--since", "2025-11-22")

    assert usage(folder, "--by", "owner", "--csv") == (0, CSV, "")
    assert by_two == (0, BY_TWO, "")
    total = usage(folder)[1].splitlines()[-1]
    assert " ".join(total.split()) == "total 0.99 0.9 1.35 EUR 7 3 17"
    assert none == (0, f"nothing was charged on these days in {folder}\n", "")
    assert (wrong[0], wrong[1]) == (1, "")
    assert "--by must be owner, key, model, engine, day" in wrong[2]


async def test_a_check_ends_with_0_and_what_was_proved_or_with_1_and_a_line_for_each_wrong(
    tmp_path: Path,
) -> None:
    folder = await a_book_in(tmp_path / "data")
    right = usage(folder, "check")
    changed_in(folder, "UPDATE charges SET amount = amount + 1 WHERE id IN (1, 3)")
    code, told, _ = usage(folder, "check")

    assert right == (
        0,
        f"proved: 15 rows of 7 jobs, 0.99 settled, 0.9 reserved, 1.35 cost; in {folder}\n",
        "",
    )
    assert code == 1
    assert told.splitlines() == [
        "row 1 (reserve of job settled): its amounts are not what its rate and its length give",
        "row 3 (reserve of job unfinished): its amounts are not what its rate and its length give",
        "owner ann on 2025-11-20: reserved is 0.450001 by charges, 0.45 in spent",
    ]


@pytest.mark.slow
async def test_beside_an_open_store_usage_is_what_it_has_just_written(tmp_path: Path) -> None:
    async with opened(lambda: EmbeddedStore(tmp_path / "data")) as store:
        await fill(store)
        figures = usage(tmp_path / "data", "--csv")
        check = usage(tmp_path / "data", "check")

    assert figures == (0, CSV, "")
    assert check[0] == 0


async def test_where_nothing_was_charged_so_far_that_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    assert usage(folder) == (0, f"nothing was charged so far in {folder}\n", "")
    async with opened(lambda: EmbeddedStore(folder)):
        pass
    assert usage(folder, "check")[0] == 0


def test_a_folder_without_a_store_is_not_proved(tmp_path: Path) -> None:
    code, told, said = usage(tmp_path / "mistyped", "check")

    assert (code, told) == (1, "")
    assert f"there is no job store in {tmp_path / 'mistyped'}: nothing is proved" in said
    assert not (tmp_path / "mistyped").exists()
