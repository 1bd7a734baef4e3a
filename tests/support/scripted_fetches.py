"""A net that gives what a test tells it to."""

from __future__ import annotations

import asyncio
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8  # what a sniffer takes for a picture


class Fetches:
    """A net where every address leads to a picture, after the `troubles` are used up."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.urls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str, out: Path, *, max_bytes: int, timeout_s: float) -> int:
        del max_bytes, timeout_s
        self.urls.append(url)
        with out.open("wb") as file:
            file.write(PNG[:4])
            await self.gate.wait()
            if self.troubles:
                raise self.troubles.pop(0)
            file.write(PNG[4:])
        return len(PNG)
