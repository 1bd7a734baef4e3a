"""The versions that constraints.txt pins."""

from __future__ import annotations

from pathlib import Path

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def pins() -> dict[str, str]:
    """By the plain name of each package."""
    pairs = (line.split("==") for line in CONSTRAINTS.read_text().splitlines() if "==" in line)
    return {plain(name): version for name, version in pairs}
