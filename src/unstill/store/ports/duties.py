"""The port of duties: what one server of all does at a time, such as the polls of one account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Term(Protocol):
    """A server's term in a duty. It is over once another server has the duty."""

    async def goes_on(self) -> bool:
        """Whether it still does; asked before each round of the duty.

        A server that was paused finds out by this that it was replaced meanwhile. Raises
        StorageFailed where that cannot be known now.
        """


Duty = Callable[[Term], Awaitable[None]]


class Duties(Protocol):
    @property
    def is_alone(self) -> bool:
        """No other server can have the data beside this one: a duty is its own once performed.

        Known before the store is open. Then nobody else hears its signals, or can have ended.
        """

    def perform(self, name: str, duty: Duty) -> None:
        """Do it for as long as it is this server's, again and again, while the store is open.

        It is cancelled when its term is over. One that returns or raises is begun again, here or
        at another server. name: the same at every server that can do it.
        """

    async def rest(self) -> None:
        """End all that are under way, and leave them to the other servers at once."""
