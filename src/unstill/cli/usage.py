"""The command line's part for usage: what was charged, and the proof that the book is right.

Each command works beside a running server, and without one.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.command_stores import store_at
from unstill.cli.settings_options import ConfigOption, DataDirOption
from unstill.domain.book_check import SpentSums
from unstill.domain.money import shown_amount
from unstill.domain.usage import FIGURES, UsageSum, figures_of, total_of, usage_asked

app = typer.Typer(invoke_without_command=True, help="What was charged, and to whom.")
out = Console(highlight=False)

_HEADS = ("settled price", "reserved price", "settled cost", "", "jobs", "videos", "seconds")
_RIGHT = frozenset(_HEADS) - {""}


@app.callback()
def show(
    context: typer.Context,
    *,
    by: Annotated[
        str | None, typer.Option(help="owner, key, model, engine or day; several with commas.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="The first day, UTC.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day, UTC.")] = None,
    is_csv: Annotated[bool, typer.Option("--csv", help="A header and rows for a program.")] = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Sum up prices and costs: by owner, or by what is named; or prove them (check)."""
    if context.invoked_subcommand is not None:
        return
    asked = usage_asked(by, since, until, dashes="--")
    store = store_at(data_dir, config)
    found = store.usage(asked)
    if is_csv:
        _write_csv([part.value for part in asked.by], found)
    elif found:
        for line in lines_of([part.value for part in asked.by], found):
            _say(line)
    elif since is None and until is None:
        _say(f"nothing was charged so far in {store.place}")
    else:
        _say(f"nothing was charged on these days in {store.place}")


@app.command()
def check(
    context: typer.Context, *, data_dir: DataDirOption = None, config: ConfigOption = None
) -> None:
    """Prove every row and sum of the book; a line for each that is wrong, and 1 as the end."""
    above = {} if context.parent is None else context.parent.params
    store = store_at(data_dir or above.get("data_dir"), config or above.get("config"))
    proof = store.proof()
    if proof is None:
        _say(f"nothing was charged so far in {store.place}")
        return
    for wrong in proof.wrongs:
        _say(wrong)
    if proof.wrongs:
        raise typer.Exit(1)
    _say(_told(proof.sums, store.place))


def _told(sums: SpentSums, place: str) -> str:
    return (
        f"proved: {sums.entries} rows of {sums.jobs} jobs, "
        f"{shown_amount(sums.settled.total())} settled, "
        f"{shown_amount(sums.reserved.total())} reserved, {shown_amount(sums.cost)} cost; "
        f"in {place}"
    )


def _write_csv(parts: Sequence[str], found: Sequence[UsageSum]) -> None:
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow((*parts, *FIGURES))
    lines.writerows((*each.parts, *figures_of(each)) for each in found)
    sys.stdout.flush()


def lines_of(parts: Sequence[str], found: Sequence[UsageSum]) -> list[str]:
    """A table for people; below several rows, a total for each currency."""
    heads = (*parts, *_HEADS)
    table = [heads, *((*(part or "-" for part in each.parts), *figures_of(each)) for each in found)]
    if len(found) > 1:
        told = ("total", *("" for _ in parts[1:]))
        table += [(*told, *figures_of(total)) for total in total_of(found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [
            text.rjust(width) if head in _RIGHT else text.ljust(width)
            for head, text, width in zip(heads, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
