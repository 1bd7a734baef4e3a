"""What a new kind of upstream costs outside its own files: six lines.

Measured at kinds that are here: every line of another file that has to name the kind. Its own are
its room, its stand-in, its page, its tests and its row in the fault campaign. What docs tell of it
besides, in prose, nobody asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from unstill.settings.engines import CALLBACK_KINDS, HOSTED_KINDS

ROOT = Path(__file__).parents[2]
OWN = (
    "src/unstill/engines/{}/",
    "src/unstill/emulators/{}",
    "docs/engines/{}.md",
    "tests/support/kinds/{}.py",
    "tests/golden/upstreams/{}.json",
    "tests/unit/test_{}_",
    "tests/contract/test_emulator_{}",
    "benchmarks/chaos_kinds/{}.py",
)
# Where others than the room and the stand-in of a kind may be found by its name.
SHARED = ("src", "tests/support", "tests/e2e/test_upstreams.py", "benchmarks")
# They are for one provider's sake in more than what makes it an engine.
WITH_MORE = {"dashscope", "modelverse"}
KINDS = sorted(set(HOSTED_KINDS) - WITH_MORE - set(CALLBACK_KINDS))


def lines_of(kind: str) -> Iterator[str]:
    """FILE: LINE, of code that names the kind outside its own files."""
    named = re.compile(rf'"{kind}"')
    own = tuple(each.format(kind) for each in OWN)
    for name in sorted(str(each.relative_to(ROOT)) for each in _modules()):
        if not name.startswith(own):
            for line in (ROOT / name).read_text("utf-8").splitlines():
                if named.search(line):
                    yield f"{name}: {line.strip()}"


def _modules() -> Iterator[Path]:
    for shared in SHARED:
        yield from [ROOT / shared] if shared.endswith(".py") else (ROOT / shared).rglob("*.py")


def rows_of(kind: str) -> Iterator[str]:
    """FILE: BEGIN OF ROW, of the documents' tables of kinds."""
    begins = {
        "docs/engines/providers.md": f"| [`{kind}`]",
        "docs/engines/emulators.md": f"| `unstill emulate {kind}` |",
        "docs/settings.md": f'| `"{kind}"` |',
    }
    for name, begin in begins.items():
        for line in (ROOT / name).read_text("utf-8").splitlines():
            if line.startswith(begin):
                yield f"{name}: {begin}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_two_words_of_code_and_three_rows_of_documents(kind: str) -> None:
    words, rows = list(lines_of(kind)), list(rows_of(kind))

    assert [each.partition(":")[0] for each in words] == [
        "src/unstill/emulators/__init__.py",
        "src/unstill/settings/engines.py",
    ], words
    assert len(rows) == 3
    # and a line of the changelog: six


@pytest.mark.parametrize("kind", sorted(CALLBACK_KINDS))
def test_one_whose_upstream_calls_back_is_in_one_table_more(kind: str) -> None:
    names = [each.partition(":")[0] for each in lines_of(kind)]

    assert [each for each in names if each.startswith("src")] == [
        "src/unstill/emulators/__init__.py",
        "src/unstill/settings/engines.py",
        "src/unstill/settings/engines.py",
    ]


def test_a_line_elsewhere_is_seen() -> None:
    assert any("chaos_engines" in each for each in lines_of("sora"))
    assert not list(lines_of("no-such-kind"))
