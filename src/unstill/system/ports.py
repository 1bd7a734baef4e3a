"""Listening on a port; and where it is in use, who has it, and which one near it is free."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from unstill.domain.errors import BadSetting

PROC = Path("/proc")
_LISTENING = "0A"  # linux/include/net/tcp_states.h
_NEAR = 50  # ports above it that are tried


def bound(host: str, port: int, *, setting: str) -> socket.socket:
    """A socket on the port; raises BadSetting, with who has it and which one is free."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = f"cannot listen on {host} port {port}: {error.strerror or error}"
        if error.errno == errno.EADDRINUSE:
            holder, free = holder_of(port), free_near(host, port)
            by = f" by {holder}" if holder else ""
            reason += (
                f"{by}; end that, or take another{'' if free is None else f', such as {free}'}"
            )
        raise BadSetting(setting, reason) from error
    return listener


def holder_of(port: int, proc: Path = PROC) -> str | None:
    """`nginx, process 12`; None where the system does not say, as anywhere but on Linux.

    Other users' processes are not shown to us.
    """
    inodes = set(_listening(port, proc))
    for process in proc.glob("[0-9]*"):
        with suppress(OSError):  # it is another user's, or has ended
            if not inodes.isdisjoint(_sockets(process)):
                return f"{_name_of(process)}, process {process.name}"
    return None


def _sockets(process: Path) -> Iterator[str]:
    for link in (process / "fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            target = str(link.readlink())
            if target.startswith("socket:["):
                yield target.removeprefix("socket:[").removesuffix("]")


def free_near(host: str, port: int) -> int | None:
    """The next port above that can be had now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for other in range(port + 1, min(port + 1 + _NEAR, 65_536)):
        with socket.socket(family, socket.SOCK_STREAM) as trial, suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, other))
            return other
    return None


def _listening(port: int, proc: Path) -> Iterator[str]:
    """The inodes of sockets that listen on the port (proc(5), /proc/net/tcp)."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _name_of(process: Path) -> str:
    """The program's name; of Python the module or script. No other argument: it may be a secret."""
    name = (process / "comm").read_text().strip()
    words = (process / "cmdline").read_text(errors="replace").split("\0")
    if not re.match(r"python|pypy", Path(words[0]).name):
        return name
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    script = next((word for word in words[1:] if word and not word.startswith("-")), name)
    return Path(script).name
