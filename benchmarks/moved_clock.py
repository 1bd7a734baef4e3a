"""`unstill serve` with a wall clock that others may move, for what takes days.

    python -m benchmarks.moved_clock CLOCK --data-dir DIR --config FILE

CLOCK is a file of eight bytes, made by `MovedClock.make`: by how many milliseconds the wall clock
goes wrong, now. Only the wall's: time that a process measures for itself goes on as ever.
"""

from __future__ import annotations

import argparse
import mmap
import os
import struct
import sys
from pathlib import Path
from typing import Self

import structlog

from unstill.product import Product
from unstill.server.lifecycle import Server, listen
from unstill.settings.reader import read_settings
from unstill.system.clock import clock_ms

OFFSET = struct.Struct("<q")


class MovedClock:
    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), OFFSET.size)

    @classmethod
    def make(cls, file: Path) -> Self:
        file.write_bytes(OFFSET.pack(0))
        return cls(file)

    def move(self, by_ms: int) -> None:
        OFFSET.pack_into(self._map, 0, self.offset_ms + by_ms)

    @property
    def offset_ms(self) -> int:
        return int(OFFSET.unpack_from(self._map)[0])

    def now_ms(self) -> int:
        return clock_ms() + self.offset_ms


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moved_clock")
    parser.add_argument("clock", type=Path)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = read_settings(
        file=asked.config, environment=os.environ, command_line={"data_dir": str(asked.data_dir)}
    )
    listener = listen("127.0.0.1", 0, has_keys=bool(settings.api_keys))
    product = Product(settings, wall_ms=MovedClock(asked.clock).now_ms)
    Server(product.app, product, listener, _say_ready).serve_forever()


def _say_ready(address: str) -> None:
    print(f"unstill is ready at {address} by a moved clock", flush=True)


if __name__ == "__main__":
    main()
