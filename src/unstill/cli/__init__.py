"""The command line; it may touch every room."""

from __future__ import annotations


def main() -> None:
    from unstill.cli.commands import main as run  # noqa: PLC0415  - a client needs none of them

    run()
