"""The rooms: few modules lie outside of them, imports between them go one way, each owns its part.

What may import what is import-linter's; here are the figures, and what it cannot say.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter

from docs.pages import ROOT

PACKAGE = ROOT / "src/unstill"
MOST_FLAT, MOST_ROOMS, MOST_ARROWS = 8, 18, 110
DRIVERS = frozenset({"apsw", "sqlite3", "asyncpg", "psycopg"})
# What the `diffusers` extra brings; safetensors reads a file's header without numpy and torch.
RENDERERS = frozenset({"accelerate", "diffusers", "ftfy", "peft", "torch", "transformers"})
RENDERS = "unstill.engines.diffusers.child"
STORES = ("unstill.store.embedded", "unstill.store.postgres")
CHOOSES_ONE = "unstill.store.stores"
# Of one store in another: a folder moves into a database by what is told of its tables.
MOVES_IN = {("unstill.store.postgres.move_in", "unstill.store.embedded.folder_tables")}


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """Each module's dotted name, and the modules and names that it imports."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = frozenset(
            imported(ast.parse(path.read_text("utf-8")))
        )
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{each.name}" for each in names)
            case _:
                pass


def room_of(name: str) -> str:
    """The package at the top, or the flat module."""
    for part in name.split(".")[1:2]:
        if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists():
            return part
    return "unstill"


def arrows() -> set[tuple[str, str]]:
    return {
        (room_of(name), room_of(other))
        for name, others in imports().items()
        for other in others
        if other.split(".")[0] == "unstill" and room_of(name) != room_of(other)
    }


def rooms() -> set[str]:
    return {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_modules_are_in_rooms_and_the_rooms_are_few() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_FLAT
    assert len(rooms()) <= MOST_ROOMS


def test_no_store_knows_another_nor_what_is_beside_them_one_of_them() -> None:
    found = {
        (name, other.rpartition(".")[0])
        for name, others in imports().items()
        for other in others
        for store in STORES
        if name.startswith("unstill.store.")
        and name != CHOOSES_ONE
        and other.startswith(f"{store}.")
        and not name.startswith(store)
    }

    assert found == MOVES_IN


def test_few_rooms_know_each_other_and_none_in_a_circle() -> None:
    graph = defaultdict(set)
    for room, other in arrows():
        graph[room].add(other)

    assert 50 < len(arrows()) <= MOST_ARROWS
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = imports()
    graph = {
        name: {module_of(other, modules) for other in others} - {name, ""}
        for name, others in modules.items()
    }

    assert sum(map(len, graph.values())) > 2000
    TopologicalSorter(graph).prepare()  # raises CycleError


def module_of(imported_name: str, modules: Mapping[str, object]) -> str:
    """The module, where a name in it is imported; empty where it is none of these."""
    package = imported_name.rpartition(".")[0]
    return next((each for each in (imported_name, package) if each in modules), "")


def test_nothing_outside_the_store_names_the_database_of_a_folder() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "store"
        for number, line in enumerate(path.read_text("utf-8").casefold().splitlines(), 1)
        if "sqlite" in line or "apsw" in line
    ]

    assert found == []


def test_a_database_driver_is_imported_in_the_store_alone() -> None:
    users = {
        room_of(name)
        for name, others in imports().items()
        if not DRIVERS.isdisjoint(other.split(".")[0] for other in others)
    }

    assert users == {"store"}


def test_torch_and_what_stands_on_it_are_imported_in_one_child_program_alone() -> None:
    users = {
        name
        for name, others in imports().items()
        if not RENDERERS.isdisjoint(other.split(".")[0] for other in others)
    }

    assert {name for name in users if not name.startswith(f"{RENDERS}.")} == set()


def test_a_database_is_opened_by_tests_of_its_own_files_alone() -> None:
    tests = ROOT / "tests"
    users = {
        f"{path.relative_to(tests)}"
        for path in tests.rglob("*.py")
        if "node_modules" not in path.parts
        and not DRIVERS.isdisjoint(
            each.split(".")[0] for each in imported(ast.parse(path.read_text("utf-8")))
        )
    }

    assert users <= {
        "contract/stores/make_killed.py",
        "contract/test_book_check.py",
        "contract/test_deliveries.py",
        "contract/test_embedded.py",
        "contract/test_embedded_charges.py",
        "contract/test_embedded_disk.py",
        "contract/test_embedded_schema.py",
        "contract/test_folder_match.py",
        "contract/test_held_jobs.py",
        "contract/test_killed_0_1_0.py",
        "contract/test_owners_lists.py",
        "contract/test_postgres_schema.py",
        "support/stored_files.py",
        "support/tenants.py",
        "unit/test_group_commit.py",
    }


def test_every_room_is_described_where_developers_begin() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8")

    assert set(re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE)) == rooms()
    for room in rooms():
        docstring = ast.get_docstring(
            ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))
        )
        assert docstring, room
