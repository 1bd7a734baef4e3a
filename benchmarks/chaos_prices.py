"""What the fault campaign's upstreams charge, what callers are charged, and what they may spend.

Figures in three currencies that do not divide evenly. `gpu`, `lx`, `graph` and the names that they
alone are behind are free. Upstreams that tell no seconds charge by the video: what they deliver,
and unstill measures, is by one of the faults longer than what their books say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from benchmarks.chaos_engines import ENGINES
from benchmarks.chaos_kinds import Charges

HOUSE = "EUR"
WORTH: Mapping[str, str] = {HOUSE: "1", "CNY": "0.125", "USD": "0.923077"}


COSTS: Mapping[str, Charges] = {
    name: row.charges for name, row in ENGINES.items() if row.charges is not None
}
# It makes whatever it is asked for, and calls all of it by the name of its own weights.
NAMELESS = "omni"
# By the name that callers use; the others cost callers what the engine costs.
PRICES: Mapping[str, str] = {
    "wan-alone": '"720P" = { per_second = "0.06" }, "1080P" = { per_second = 0.09 }',
    "sora": '"720P" = { per_video = "1.5" }, "1080P" = { per_video = 2 }',
    "wan-old": '"720P" = { per_second = "0.05" }',
}


class Budget(NamedTuple):
    option: Literal["--budget-day", "--budget-month"]
    per_job: int  # of the campaign, in millionths


# None: an owner without a budget, whose jobs most of them are.
OWNERS: Mapping[str, Budget | None] = {
    "ann": None,
    "bo": Budget("--budget-day", 4_000),
    "cy": Budget("--budget-month", 6_000),
}


def owner_of(number: int) -> str:
    """Whose the campaign's job of that number is."""
    return {3: "bo", 5: "cy"}.get(number % 7, "ann")


def key_of(owner: str) -> str:
    return f"sk-of-{owner}"


def keys() -> str:
    """For the environment of a server."""
    return ",".join(f"{owner}:{key_of(owner)}" for owner in OWNERS)


def budget_of(owner: str, jobs: int) -> int | None:
    """In millionths, in a campaign of so many jobs."""
    budget = OWNERS[owner]
    return None if budget is None else budget.per_job * jobs


def house_lines() -> Iterator[str]:
    """Of unstill.toml."""
    yield "[money]"
    yield f'currency = "{HOUSE}"'
    yield "[money.rates]"
    for currency, worth in WORTH.items():
        if currency != HOUSE:
            yield f'{currency} = "{worth}"'


def cost_lines(engine: str) -> Iterator[str]:
    """Of unstill.toml, inside the engine's table; further tables follow."""
    if engine not in COSTS:
        return
    charges = COSTS[engine]
    if charges.currency != HOUSE:
        yield f'currency = "{charges.currency}"'
    for model, cost in charges.by_model.items():
        yield f'[engines.{engine}.costs."{model}"]'
        yield f'{cost.unit} = "{cost.amount}"'


def price_lines(name: str) -> Iterator[str]:
    """Of unstill.toml, inside the table of a model's name."""
    if name in PRICES:
        yield f"prices = {{ {PRICES[name]} }}"
