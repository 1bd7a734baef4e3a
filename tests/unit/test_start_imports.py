"""What a program's start imports: what costs a tenth of a second and more, and is not needed yet.

As modules, not as seconds, which depend on the machine.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

DECODERS = {"PIL", "av", "cv2", "numpy", "pillow_heif"}
EXTRAS = {"asyncpg", "obstore", "opentelemetry", "pgqueuer", "torch"}
OF_SERVERS = {"asyncio", "email", "httpx2", "rich", "ssl", "starlette", "structlog", "typer"}


def top_modules(*imported: str) -> set[str]:
    """What is loaded once these are imported, by the first part of its name."""
    code = f"import {', '.join(imported)}, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ran.stdout.split()}


def test_a_server_starts_without_decoders_and_extras() -> None:
    loaded = top_modules(
        "unstill.cli.commands", "unstill.product", "unstill.server.lifecycle", "uvloop"
    )

    assert loaded & (DECODERS | EXTRAS) == set()
    assert loaded >= OF_SERVERS  # it knows these by the names that they are imported by


def test_a_child_that_decodes_starts_without_what_servers_need() -> None:
    loaded = top_modules("unstill.media.__main__")

    assert loaded & (OF_SERVERS | EXTRAS) == set()
    assert loaded >= {"PIL", "av", "numpy"}


@pytest.mark.parametrize("module", ["unstill", "unstill.cli", "unstill.media", "unstill.emulators"])
def test_a_room_that_children_and_clients_pass_through_imports_little(module: str) -> None:
    assert top_modules(module) & (OF_SERVERS | DECODERS | EXTRAS) == set()
