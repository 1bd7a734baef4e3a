"""An emulator's life: listen, say so, answer until told to stop."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from importlib import import_module

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from unstill.emulators import Options
from unstill.emulators.app import ABORT, build_app
from unstill.emulators.desk import Desk
from unstill.emulators.port import EmulatedUpstream
from unstill.system.ports import bound

BACKLOG = 2048
ANSWERS_WITHIN_S = 1  # a shutdown waits no longer: slow bodies would take their time


class Protocol(HttpToolsProtocol):
    """Lets the application drop its connection, as a broken network does."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort


class EmulatorServer(uvicorn.Server):
    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        ready: Callable[[str], None],
        certificate: tuple[str, str] | None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=ANSWERS_WITHIN_S,
                ssl_certfile=None if certificate is None else certificate[0],
                ssl_keyfile=None if certificate is None else certificate[1],
            )
        )
        self._listener = listener
        self._ready = ready
        self._scheme = "http" if certificate is None else "https"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self._listener.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        self._ready(f"{self._scheme}://{name}:{port}")


def run(kind: str, options: Options, ready: Callable[[str], None]) -> None:
    """Raises BadSetting."""
    desk = Desk(kind, options)
    app = build_app(desk, emulated(kind, desk))
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with desk.jobs, _listen(options) as listener:
        EmulatorServer(app, listener, ready, options.certificate).run(sockets=[listener])


def emulated(kind: str, desk: Desk) -> EmulatedUpstream:
    upstream: EmulatedUpstream = import_module(room_of(kind)).EMULATOR(desk)
    return upstream


def room_of(kind: str) -> str:
    """The name of the module of a kind."""
    return f"unstill.emulators.{kind.replace('-', '_')}"


def _listen(options: Options) -> socket.socket:
    return bound(options.host, options.port, setting="--port")
