"""A receiver of webhooks on loopback that answers as a test tells it, and both known verifiers."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of Standard Webhooks
OLD_SECRET = "whsec_" + "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xk"


class Got(NamedTuple):
    """One request that came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float  # monotonic


class Receiver(ThreadingHTTPServer):
    """Does the next of `acts` with each request, and answers 204 after the last."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.acts: list[Act] = []
        self.got: list[Got] = []
        self.ending = threading.Event()  # lets go of what hangs

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def wait(self, count: int, *, within_s: float = 20.0) -> list[Got]:
        """The requests, once there are that many."""
        deadline = time.monotonic() + within_s
        while len(self.got) < count:
            assert time.monotonic() < deadline, f"{len(self.got)} of {count} came: {self.got}"
            time.sleep(0.02)
        return list(self.got)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a server that is killed breaks its connections."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        body = self.rfile.read(size)
        if len(body) < size:  # whose sender was killed: nothing was told
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        act = self.server.acts.pop(0) if self.server.acts else answers(204)
        self.server.got.append(Got(self.path, headers, body, time.monotonic()))
        act(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
        """Say nothing."""


Act = Callable[[_Handler], None]


def answers(status: int, **headers: str) -> Act:
    def act(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return act


def hangs(handler: _Handler) -> None:
    """Take the request and say nothing."""
    handler.server.ending.wait(60)
    handler.close_connection = True


def resets(handler: _Handler) -> None:
    """Break the connection off."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def answers_late(after_s: float) -> Act:
    def act(handler: _Handler) -> None:
        handler.server.ending.wait(after_s)
        answers(200)(handler)

    return act


@contextmanager
def receiving(*acts: Act, port: int = 0) -> Iterator[Receiver]:
    """A receiver, on a port of its own or on that of one that has died."""
    with Receiver(port) as receiver:
        receiver.acts = list(acts)
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.ending.set()
            receiver.shutdown()
            thread.join()


def is_verified(got: Got, secret: str) -> bool:
    """Whether both verifiers believe the request; they must not differ."""
    found = {_by_standardwebhooks(got, secret), _by_openai(got, secret)}
    assert len(found) == 1
    return found.pop()


def _by_standardwebhooks(got: Got, secret: str) -> bool:
    with suppress(WebhookVerificationError):
        Webhook(secret).verify(got.body, dict(got.headers))
        return True
    return False


def _by_openai(got: Got, secret: str) -> bool:
    with suppress(InvalidWebhookSignatureError), OpenAI(api_key="none") as client:
        client.webhooks.verify_signature(got.body, got.headers, secret=secret)
        return True
    return False
