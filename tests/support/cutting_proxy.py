"""A TCP proxy on loopback that hangs up on replies: the server has done its work, nobody hears."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE_BYTES = 64 * 1024


class CuttingProxy(socketserver.ThreadingTCPServer):
    """Passes bytes on to `port`; the next `cuts` replies end before their first byte."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.port = port  # the server behind has it; a restart may change it
        self.cuts = 0
        self.silence_s = 0.0  # before it hangs up
        self.was_cut = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def is_cut(self) -> bool:
        """Whether the reply that has begun is to be lost."""
        with self.lock:
            if not self.cuts:
                return False
            self.cuts -= 1
            self.was_cut += 1
            return True


class _Relay(socketserver.BaseRequestHandler):
    server: CuttingProxy
    request: socket.socket

    def handle(self) -> None:
        # Ended by either side, or by a cut: whatever is read or written then fails, and ends here.
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server.port), 30) as behind,
        ):
            sending = threading.Thread(target=self._pass_on, args=(behind,), daemon=True)
            sending.start()
            while piece := behind.recv(PIECE_BYTES):
                if self.server.is_cut():
                    time.sleep(self.server.silence_s)
                    break
                self.request.sendall(piece)
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, behind: socket.socket) -> None:
        with suppress(OSError):
            while piece := self.request.recv(PIECE_BYTES):
                behind.sendall(piece)
            behind.shutdown(socket.SHUT_WR)


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    with CuttingProxy(port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
