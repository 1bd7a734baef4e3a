"""A line in the log for each call that is refused: who sent what, never what was in it.

Strangers and flooded owners write no more than some lines a minute each kind; the rest is counted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import structlog

from unstill.domain.owner import Owner

log = structlog.get_logger()

WINDOW_S = 60.0
MOST_OF_OWNERS = 120  # lines in a window; each has some 200 bytes
MOST_OF_STRANGERS = 30  # who have shown no key, where one is needed: anybody on the network
_PLAIN = re.compile(r"[\w.,\[\]\- ]{1,80}")  # a field's name may be the caller's own words


class RefusedLines:
    """Writes them. Without a loop around it nothing is counted late."""

    def __init__(self, later: Callable[[float, Callable[[], None]], object] | None = None) -> None:
        """`later` calls something after so many seconds; None: the running loop does."""
        self._later = later
        self._left: dict[bool, int] = {}  # by whether an owner is known; empty between windows
        self._unwritten: dict[bool, int] = {}

    def note(
        self,
        *,
        status: int,
        code: str,
        param: object,
        method: str,
        route: str,
        owner: Owner,
        client: str,
        request_id: str,
    ) -> None:
        """`route` is the route's own path, so that no id and no signature is in the line."""
        is_known = bool(owner)
        if not self._left:
            self._left = {True: MOST_OF_OWNERS, False: MOST_OF_STRANGERS}
            later = self._later or asyncio.get_running_loop().call_later
            later(WINDOW_S, self._end_window)
        if self._left[is_known] == 0:
            self._unwritten[is_known] = self._unwritten.get(is_known, 0) + 1
            return
        self._left[is_known] -= 1
        log.info(
            "refused",
            status=status,
            code=code,
            param=param if isinstance(param, str) and _PLAIN.fullmatch(param) else None,
            method=method if method.isalpha() and len(method) < 20 else None,
            route=route,
            owner=owner or None,
            client=client,
            request_id=request_id,
        )

    def _end_window(self) -> None:
        for is_known, count in self._unwritten.items():
            of = "owners" if is_known else "strangers"
            log.warning("refused_unwritten", count=count, of=of, within_s=WINDOW_S)
        self._left = {}
        self._unwritten = {}
