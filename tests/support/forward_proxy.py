"""A real HTTP proxy on loopback: tunnels, whole addresses, names that it alone knows, a password.

Every name leads to a port of loopback, as the test says; what it was asked for is in `asked`.
"""

from __future__ import annotations

import base64
import re
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024
USER, PASSWORD = "unstill", "s3cret-of-the-proxy"


class ForwardProxy(socketserver.ThreadingTCPServer):
    """`hosts`: to which port of loopback each host leads; any other is a 502."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, hosts: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.hosts = hosts
        self.asked: list[str] = []  # "POST upstream.test" or "CONNECT upstream.test", as they came
        self.authorizations: list[str] = []
        self.answer: bytes | None = None  # to everybody, in place of passing anything on
        self.is_silent = False  # it takes what comes, and says nothing
        self.ending = threading.Event()  # lets go of what hangs

    @property
    def url(self) -> str:
        return f"http://{USER}:{PASSWORD}@{self.place}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def count(self, asked: str) -> int:
        return self.asked.count(asked)


class _Passing(socketserver.StreamRequestHandler):
    server: ForwardProxy

    def handle(self) -> None:
        with suppress(OSError):  # either side may hang up
            while head := self._head():
                if not self._pass(head):
                    return

    def _head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (line := self.rfile.readline(PIECE_BYTES)):
                return b""
            head += line
        return head

    def _pass(self, head: bytes) -> bool:
        """Pass one request on; whether another may come on this connection."""
        proxy = self.server
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        given = re.search(rb"(?im)^proxy-authorization: (.*?)\r$", head)
        proxy.authorizations.append("" if given is None else given[1].decode())
        proxy.asked.append(f"{method} {url.hostname}")
        if proxy.is_silent:
            proxy.ending.wait(60)
            return False
        if proxy.answer is not None:
            self.wfile.write(proxy.answer)
            return False
        if proxy.authorizations[-1] != proxy.authorization:
            return self._refuse(b"407 Proxy Authentication Required")
        port = proxy.hosts.get(url.hostname or "")
        if port is None:
            return self._refuse(b"502 Bad Gateway")
        with socket.create_connection(("127.0.0.1", port), 30) as behind:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._join(behind)
            else:
                self._forward(behind, head, f"{url.path or '/'}{url.query and '?' + url.query}")
        return False

    def _refuse(self, status: bytes) -> bool:
        self.wfile.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        return False

    def _forward(self, behind: socket.socket, head: bytes, path: str) -> None:
        line, headers = head.split(b"\r\n", 1)
        method = line.split(b" ")[0]
        headers = re.sub(rb"(?im)^(proxy-authorization|connection):.*\r\n", b"", headers)
        size = re.search(rb"(?im)^content-length: (\d+)", headers)
        body = self.rfile.read(int(size[1])) if size is not None else b""
        target = method + b" " + path.encode() + b" HTTP/1.1\r\nConnection: close\r\n"
        behind.sendall(target + headers + body)
        while piece := behind.recv(PIECE_BYTES):
            self.wfile.write(piece)

    def _join(self, behind: socket.socket) -> None:
        sending = threading.Thread(target=self._pass_on, args=(behind,), daemon=True)
        sending.start()
        while piece := behind.recv(PIECE_BYTES):
            self.wfile.write(piece)
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)
        sending.join()

    def _pass_on(self, behind: socket.socket) -> None:
        with suppress(OSError):
            while piece := self.request.recv(PIECE_BYTES):
                behind.sendall(piece)
            behind.shutdown(socket.SHUT_WR)


@contextmanager
def forward_proxy(**hosts: int) -> Iterator[ForwardProxy]:
    """Names below .test -> the ports that they lead to."""
    with ForwardProxy({f"{name}.test": port for name, port in hosts.items()}) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ending.set()
            proxy.shutdown()
            thread.join()
