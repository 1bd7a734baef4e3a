"""A folder's book of money, read beside the server that holds it, or without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unstill.domain.book_check import Proof
from unstill.domain.errors import OperatorError
from unstill.domain.usage import UsageAsked, UsageSum
from unstill.store.embedded.beside import opened_beside
from unstill.store.embedded.book_check import prove
from unstill.store.embedded.charges import TABLE
from unstill.store.embedded.folder_match import FILE, check_file
from unstill.store.embedded.usage import usage_in


def usage_of(data_dir: Path, asked: UsageAsked) -> Sequence[UsageSum]:
    """The sums; none where there is no book yet. Raises OwnError."""
    with opened_beside(data_dir, having=TABLE) as connection:
        return [] if connection is None else usage_in(connection, asked)


def proof_of(data_dir: Path) -> Proof | None:
    """Prove the whole book; None where the store has none yet.

    Raises OwnError, and OperatorError where there is no store, or one that is gone: a folder that
    was mistyped is not proved.
    """
    if not (data_dir / FILE).exists():
        check_file(data_dir, data_dir / FILE)
        raise OperatorError(f"there is no job store in {data_dir}: nothing is proved")
    with opened_beside(data_dir, having=TABLE) as connection:
        return None if connection is None else prove(connection)
