"""Limits as the command line takes and shows them: of an owner, or of one of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from unstill.domain.limits import SETTABLE, Limits, Settable
from unstill.domain.owner_turns import MOST_WEIGHT

NO_LIMIT = "none"
_LONGEST = 20  # digits; longer ones are no amount of anything
_N = f"N|{NO_LIMIT}"
_AMOUNT = f"AMOUNT|{NO_LIMIT}"
_BY_NAME = {each.name: each for each in SETTABLE}


def _about(name: str) -> str:
    return _BY_NAME[name].about


InFlightOption = Annotated[str | None, typer.Option(metavar=_N, help=_about("in-flight"))]
SubmitsOption = Annotated[str | None, typer.Option(metavar=_N, help=_about("submits-per-minute"))]
RequestsOption = Annotated[str | None, typer.Option(metavar=_N, help=_about("requests-per-minute"))]
QueueOption = Annotated[str | None, typer.Option(metavar=_N, help=_about("queue"))]
BytesOption = Annotated[str | None, typer.Option("--bytes", metavar=_N, help=_about("bytes"))]
BudgetDayOption = Annotated[str | None, typer.Option(metavar=_AMOUNT, help=_about("budget-day"))]
BudgetMonthOption = Annotated[
    str | None, typer.Option(metavar=_AMOUNT, help=_about("budget-month"))
]
WeightOption = Annotated[
    str | None, typer.Option(metavar=f"1-{MOST_WEIGHT}", help=_about("weight"))
]


def changes_of(**given: str | None) -> dict[str, int | None]:
    """The limits that options name, by their fields of `Limits`. Raises BadField.

    given: by the options' names.
    """
    named = ((_BY_NAME[name.replace("_", "-")], text) for name, text in given.items())
    return {limit.field: _taken(limit, text) for limit, text in named if text is not None}


def told(limits: Limits) -> Iterator[str]:
    """The limits that there are, in words."""
    for each in SETTABLE:
        most = each.of(limits)
        if most is not None and each.field != "weight":
            yield f"{each.heading} {most}"


def _taken(limit: Settable, text: str) -> int | None:
    return limit.taken(f"--{limit.name}", _number(text), nothing=NO_LIMIT)


def _number(text: str) -> int | str | None:
    """The number that is written there; other words as they are."""
    if text == NO_LIMIT:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) < _LONGEST
    return int(text) if is_number else text
