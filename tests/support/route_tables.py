"""A route table whose verbs do nothing, for tests of where a path leads."""

from __future__ import annotations

from typing import Any

from unstill.dialects.port import Described
from unstill.dialects.route import Verb
from unstill.server.exchange import Exchange, Handler
from unstill.server.router import RouteTable


def table_of(*dialects: Described) -> RouteTable:
    return RouteTable(dialects, _nothing_for)


def _nothing_for(_verb: Verb[Any]) -> Handler:
    return _nothing


async def _nothing(_exchange: Exchange[Any]) -> None:
    """No verb is done here."""
