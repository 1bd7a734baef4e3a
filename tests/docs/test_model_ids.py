"""A model's names stand in its card, and in the engines that have it: nothing else knows one.

What a vendor calls its models, where several engines speak its words, is with what these share.
"""

from __future__ import annotations

from docs.pages import ROOT
from unstill.models.catalogue import CARDS

PACKAGE = ROOT / "src/unstill"
# The cards; who speaks to upstreams in their own names; what stands in for those upstreams.
KNOW_MODELS = (
    "models/cards",
    "engines",
    "emulators",
    "upstreams/ark_models.py",
    "upstreams/dashscope_models.py",
    "upstreams/minimax_models.py",
)
TEXTS = frozenset({".py", ".sql", ".html", ".js", ".css"})
NAMES = sorted({name.casefold() for card in CARDS for name in card.names})


def test_a_models_id_and_aliases_stand_in_cards_and_engines_only() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {name}"
        for path in sorted(PACKAGE.rglob("*.*"))
        if path.suffix in TEXTS and not path.relative_to(PACKAGE).as_posix().startswith(KNOW_MODELS)
        for number, line in enumerate(path.read_text("utf-8").casefold().splitlines(), 1)
        for name in NAMES
        if name in line
    ]

    assert len(NAMES) > len(CARDS)
    assert found == []
