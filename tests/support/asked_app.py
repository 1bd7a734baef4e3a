"""A call to a product's app without a connection."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message

from unstill.product import Product
from unstill.server.connection_guard import SHOW_OWNER


class Asked:
    """One call to the app, by a caller who stays until `gone` is set."""

    def __init__(
        self, product: Product, target: str, *, method: str = "GET", key: str = ""
    ) -> None:
        authorization = [(b"authorization", f"Bearer {key}".encode())] if key else []
        path, _, query = target.partition("?")
        self._scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "http_version": "1.1",
            "headers": [(b"host", b"localhost"), *authorization],
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 50_000),
            "extensions": {SHOW_OWNER: lambda _owner: True},
        }
        self.gone = asyncio.Event()
        self.takes = asyncio.Event()  # it reads what it is sent
        self.takes.set()
        self.sent: list[Message] = []
        self._begins = [{"type": "http.request", "body": b"", "more_body": False}]
        self.answer = asyncio.create_task(product.app(self._scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if self._begins:
            return self._begins.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        await self.takes.wait()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def ended(self) -> None:
        async with asyncio.timeout(30):
            await self.answer
