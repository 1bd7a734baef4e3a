"""SECURITY.md claims nothing that no test shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs import pages
from docs.foreign_ids import HEADING, foreign_answers
from support.route_tables import routes_served

SECURITY = pages.ROOT / "SECURITY.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
CLAIMS = [row for row in pages.rows(pages.prose(SECURITY)) if "tests/" in row[-1]]


def functions(path: str) -> set[str]:
    tree = ast.parse((pages.ROOT / path).read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[0])
def test_a_claim_names_tests_that_are_there(claim: list[str]) -> None:
    named = NAMED.findall(claim[-1])

    assert NAMED.sub("", claim[-1]).strip(", ") == ""
    assert named
    assert [name for path, name in named if name not in functions(path)] == []


def test_every_row_of_who_may_do_what_is_such_a_claim() -> None:
    text = pages.prose(SECURITY)
    begin, end = text.index("## Who may do what"), text.index(f"## {HEADING}")

    assert pages.rows(text[begin:end]) == CLAIMS
    assert len(CLAIMS) > 40


def test_the_table_of_anothers_ids_names_every_route(tmp_path: Path) -> None:
    """What it says of them, tests/e2e/test_other_tenants.py holds."""
    served = {
        f"{route.method} {route.path.removeprefix('/openai')}" for route in routes_served(tmp_path)
    }

    assert set(foreign_answers()) == served
