"""A receiver of webhooks in fifty lines: believes nothing that is not signed, and nothing twice.

    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py --port 9000

Each event is written as one line to `events.jsonl`. A real one would keep the ids it has seen in
its database, in the transaction in which it acts on the event.
"""

from __future__ import annotations

import argparse
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

EVENTS = Path("events.jsonl")


class Receiver(ThreadingHTTPServer):
    """Keeps the ids of the events that it has taken."""

    def __init__(self, port: int, secret: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.verifier = Webhook(secret)
        self.seen: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            self.server.verifier.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self._answer(401)
            return
        event_id = self.headers["webhook-id"]
        if event_id not in self.server.seen:
            with EVENTS.open("ab") as file:
                file.write(body + b"\n")
            self.server.seen.add(event_id)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9000)
    with Receiver(parser.parse_args().port, os.environ["WEBHOOK_SECRET"]) as receiver:
        print(f"webhooks are taken at http://127.0.0.1:{receiver.server_address[1]}", flush=True)  # noqa: T201
        receiver.serve_forever()


if __name__ == "__main__":
    main()
