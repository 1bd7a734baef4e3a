"""Ports of loopback that nothing listens on, and that nothing else takes before who asked does."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

# What asks for any port, and what calls out, is given one of these (ip(7)): tests beside this one
# among them.
_HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 20_000


def free_port() -> int:
    """One that the system hands out to nobody."""
    handed_out_from = int(_HANDED_OUT.read_text().split()[0])
    below = range(min(_FIRST, handed_out_from // 2), handed_out_from)
    for port in random.sample(below, k=100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
