"""Which duties a server offers to do, by its role; and which only where there are other servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from support.fleets import Fleet, FleetServer
from support.in_process import settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from unstill.domain.server_role import ALL_WORK, NO_WORK, ServerRole, WorkKind
from unstill.product import Product
from unstill.store.ports.duties import Duty

TOML = """
[engines.paid]
kind = "modelverse"
base_url = "http://127.0.0.1:9"
api_key = "k"
"""
WATCHES = {"watch:", "watch:paid"}


class Alone(FleetServer):
    """Has all duties by itself, and does none."""

    is_alone = True


class OneOfMany(MemoryStore):
    def __init__(self, parts: FleetServer, clock_ms: Callable[[], int]) -> None:
        super().__init__(Memory(), clock_ms)
        self.duties = cast("Any", parts)
        self.signals = cast("Any", parts)


async def offered(folder: Path, role: ServerRole, parts: FleetServer) -> dict[str, Duty]:
    """The duties that a product of that role offers to do; the account's by its engine's name."""
    settings = settings_of(folder, TOML)
    product = Product(settings, role=role, store_in=lambda _, clock: OneOfMany(parts, clock))
    await product.startup()
    await product.shutdown()
    account = product._remotes["paid"].account.id
    return {name.replace(account, "paid"): duty for name, duty in parts.performed.items()}


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (ALL_WORK, {*WATCHES, "judge", "rounds"}),
        (NO_WORK, set()),
        (ServerRole(frozenset({WorkKind.POLLS})), WATCHES),
        (ServerRole(frozenset({WorkKind.POLLS}), frozenset({"paid"})), {"watch:paid"}),
        (ServerRole(frozenset({WorkKind.UPKEEP})), {"judge", "rounds"}),
        (ServerRole(frozenset({WorkKind.FRAMES})), set()),
    ],
)
async def test_a_server_offers_the_duties_of_its_role(
    tmp_path: Path, role: ServerRole, names: set[str]
) -> None:
    assert set(await offered(tmp_path, role, FleetServer(Fleet()))) == names


async def test_a_server_that_can_have_no_other_beside_it_judges_at_its_start_alone(
    tmp_path: Path,
) -> None:
    assert set(await offered(tmp_path, ALL_WORK, Alone(Fleet()))) == {*WATCHES, "rounds"}
