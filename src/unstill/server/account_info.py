"""What a caller is told of itself: whose it is, what its key is good for, what is left to it."""

from __future__ import annotations

from typing import Literal

import msgspec

from unstill.domain.api_key import ApiKey
from unstill.domain.book import BudgetLeft
from unstill.domain.caller import Scope
from unstill.domain.limits import OF_KEYS, UNLIMITED, Limits
from unstill.domain.money import shown_amount
from unstill.models.catalogue import USUAL
from unstill.server.admin.limits import Told, limits_told
from unstill.service.charging import OwnMoney


class KeyInfo(msgspec.Struct, frozen=True):
    """The key that the call came with. models, expires_ms: null for any, and for no end."""

    id: str
    name: str
    scope: Scope
    models: list[str] | None
    expires_ms: int | None


class BudgetInfo(msgspec.Struct, frozen=True):
    """A budget in plain decimals of the house currency. used: settled and reserved."""

    span: Literal["day", "month"]
    budget: str
    used: str
    left: str
    resets_ms: int  # when the next day or month begins, by UTC


class MoneyInfo(msgspec.Struct, frozen=True):
    currency: str
    budgets: list[BudgetInfo]  # empty: any amount


class AccountInfo(msgspec.Struct, frozen=True):
    """Who calls, and what it may.

    key: null without one, and for one from the settings.
    is_operator: whether `/admin` answers this caller. asks_for_key: whether callers need a key.
    limits: null for none; the stricter one of the owner's and the key's.
    money: null where the server charges nothing.
    """

    owner: str
    key: KeyInfo | None
    is_operator: bool
    asks_for_key: bool
    limits: dict[str, Told]
    money: MoneyInfo | None


def key_info(key: ApiKey) -> KeyInfo:
    models = None if key.models is None else list(key.models)
    return KeyInfo(key.id, key.name, key.scope, models, key.expires_ms)


def limits_info(limits: Limits) -> dict[str, Told]:
    return limits_told(limits, OF_KEYS)


def money_info(money: OwnMoney) -> MoneyInfo:
    return MoneyInfo(money.currency, budgets_info(money))


def budgets_info(money: OwnMoney) -> list[BudgetInfo]:
    return [
        BudgetInfo(
            span=each.span,
            budget=shown_amount(each.budget),
            used=shown_amount(each.used),
            left=shown_amount(each.left),
            resets_ms=each.resets_ms,
        )
        for each in money.budgets
    ]


SHOWN_MONEY = OwnMoney("EUR", (BudgetLeft("day", 12_500_000, 450_000, until_day=20_778),))
SHOWN = AccountInfo(
    owner="team-a",
    key=KeyInfo("key_0f1e2d3c4b5a", "laptop", Scope.USER, [USUAL.id], None),
    is_operator=False,
    asks_for_key=True,
    limits=limits_info(UNLIMITED) | {"queue": 100},
    money=money_info(SHOWN_MONEY),
)
