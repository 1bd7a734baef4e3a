"""The port of signals: what servers tell each other without writing it down.

A signal may be lost, and says nothing that a row would have to say: how far a render is, that an
upstream is busy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

MOST_CHARS = 500  # in one message


class Signals(Protocol):
    def tell(self, topic: str, message: str) -> None:
        """Tell every server that is up, this one included, soon and in order. Never raises.

        Asked on the event loop; nothing is waited for. A store of one process tells at once.
        """

    def hear(self, topic: str, listener: Callable[[str], None]) -> None:
        """Let the listener have each message of the topic, on the event loop."""
