"""The server's life: startup, main loop, shutdown, over uvicorn."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from unstill.domain.errors import BadSetting, UnstillError
from unstill.server.connection_guard import GuardedProtocol, sweep
from unstill.server.connection_limit import Crowd
from unstill.server.open_files import most_connections
from unstill.server.proxies import Proxies
from unstill.server.server_limits import ServerLimits
from unstill.system.ports import bound

log = structlog.get_logger()

ANSWERS_WITHIN_S = 5  # a shutdown waits so long: what is being answered then may finish
BACKLOG = 2048
# For how long a busy event loop keeps the interpreter from the threads that write and read the
# store. They ask for it some twenty times in a commit: with Python's 5 ms a submit took 0.2 s
# beside a flood of small requests. (siege, 2026-11-28)
TURN_S = 0.001
# So many new objects, before Python looks for cycles among them: each look walks through all that
# is being answered, and a request that is answered well leaves no cycle. After Python's own 700,
# looking was a twentieth of a submit. (counted in instructions, 2026-11-28)
LOOKED_FOR_CYCLES_AFTER = 10_000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Work(Protocol):
    """What the server runs besides answering.

    `failure` is set once it cannot go on: then the server stops, and ends with it.
    """

    @property
    def failure(self) -> UnstillError | None: ...

    @property
    def proxies(self) -> Proxies:
        """Whose forwarded headers are believed."""

    @property
    def server_limits(self) -> ServerLimits:
        """What callers may have together and each."""

    async def startup(self) -> None: ...

    def stop_taking(self) -> None: ...

    def answer_early(self, address: str, most: int) -> None:
        """Answer as many from there who wait for a change: others need their places."""

    def count_connections(self, count: Callable[[], int]) -> None:
        """Be told who knows how many there are."""

    async def shutdown(self) -> None: ...


class Server(uvicorn.Server):
    """Opens the store before the first answer, and closes it after the last."""

    def __init__(
        self, app: ASGIApp, work: Work, listener: socket.socket, ready: Callable[[str], None]
    ) -> None:
        """`ready` is told the address once calls are answered."""
        limits = work.server_limits
        crowd = Crowd(
            most_connections(limits.connections),
            ease=work.answer_early,
            clock_s=time.monotonic,
            limits=limits,
        )
        guarded = partial(GuardedProtocol, crowd=crowd, proxies=work.proxies)
        work.count_connections(lambda: crowd.count)
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=cast("type[GuardedProtocol]", guarded),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=ANSWERS_WITHIN_S,
            )
        )
        self._work = work
        self._listener = listener
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        sys.setswitchinterval(TURN_S)
        await self._work.startup()
        await super().startup(sockets)
        keep_what_stands()
        self._ready(address_of(self._listener))

    async def on_tick(self, counter: int) -> bool:
        if self._work.failure is not None:
            self.should_exit = True
        if counter % 10 == 0:
            connections = cast("set[GuardedProtocol]", self.server_state.connections)
            sweep(connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._work.stop_taking()
        await super().shutdown(sockets)
        await self._work.shutdown()

    def serve_forever(self) -> None:
        """Run until a signal; the store is closed when this returns. Raises what ended it."""
        # Its warnings tell of broken requests: noise that any stranger can make.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        self.run(sockets=[self._listener])
        if self._work.failure is not None:
            raise self._work.failure


def keep_what_stands() -> None:
    """What stands now stays to the end: no later collection has to walk through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOOKED_FOR_CYCLES_AFTER)


def listen(host: str, port: int, *, has_keys: bool) -> socket.socket:
    """A listening socket; beyond this machine only with keys. Raises BadSetting."""
    if host not in LOOPBACK and not has_keys:
        raise BadSetting(
            "server.host",
            f"{host} can be reached from other machines: make a key first (unstill keys create), "
            "or set UNSTILL_API_KEYS, or keep 127.0.0.1",
        )
    return bound(host, port, setting="server.port")


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
