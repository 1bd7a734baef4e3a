"""Owners as rows and back, in whichever store.

The columns of the table are an owner and the fields of `Limits`, by the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from unstill.domain.limits import Limits
from unstill.domain.owner import Owner

COLUMNS = ("owner", *Limits.__struct_fields__)
NAMES = ", ".join(COLUMNS)
ALL = f"SELECT {NAMES} FROM owners ORDER BY owner"  # noqa: S608  - field names


def limits_of(found: Iterable[Sequence[Any]]) -> dict[Owner, Limits]:
    """What rows in the order of `COLUMNS` say, by owner."""
    return {
        Owner(f"{owner}"): msgspec.convert(dict(zip(COLUMNS[1:], values, strict=True)), Limits)
        for owner, *values in found
    }


def row_of(owner: Owner, limits: Limits) -> tuple[str | int | None, ...]:
    return (owner, *msgspec.structs.astuple(limits))
