"""The child programs of a server under test, as the machine lists them."""

from __future__ import annotations

from pathlib import Path


def children(server_pid: int, program: str = "unstill.") -> list[int]:
    """Process ids of the server's children: each is told the id of the server it serves."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        is_program = len(words) > 2 and words[-2].startswith(program.encode())
        if is_program and words[-1] == str(server_pid).encode():
            found.append(int(process.name))
    return found
