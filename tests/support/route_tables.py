"""Route tables: one whose verbs do nothing, for tests of where a path leads, and a server's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.in_process import settings_of
from unstill.dialects.port import Described
from unstill.dialects.route import Route, Verb
from unstill.product import Product
from unstill.server.exchange import Exchange, Handler
from unstill.server.router import RouteTable


def table_of(*dialects: Described) -> RouteTable:
    return RouteTable(dialects, _nothing_for)


def routes_served(folder: Path) -> list[Route[Any]]:
    """All that a server answers, in the order of its table."""
    table = Product(settings_of(folder)).app._routes
    return [
        served.route
        for _, path_routes in table._patterns
        for method, served in path_routes.by_method.items()
        if method == served.route.method
    ]


def _nothing_for(_verb: Verb[Any]) -> Handler:
    return _nothing


async def _nothing(_exchange: Exchange[Any]) -> None:
    """No verb is done here."""
