"""Callers who wait: what they may ask for, and that nothing is kept of those who have gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from scripted import a_job, until
from unstill.errors import BadField
from unstill.job import EVERYONE, Failure, State, failed
from unstill.product import Product
from unstill.server.waiting import wait_s_of
from unstill.settings import read_settings

JOB = a_job(
    id="01a1f87e-d82e-7c04-b50f-3fd6008dc4ba", owner=EVERYONE, engine="none-such", state=State.READY
)
STATUSES = (f"/v1/tasks/status?task_id={JOB.id}", f"/v1/videos/{JOB.id}", f"/api/v1/tasks/{JOB.id}")


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("0", 0), ("60", 60), ("60.0", 60), ("0.25", 0.25), ("007", 7), ("1e1", 10)],
)
def test_a_wait_is_a_number_of_seconds(text: str, wait_s: float) -> None:
    assert wait_s_of({"wait": text}) == wait_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60.1",
        "61",
        "-1",
        "+1",
        ".5",
        "5.",
        "9e9",
        "1e999",
        "inf",
        "nan",
        "5s",
        "٣",
        " 5",
        "9" * 99,
    ],
)
def test_any_other_wait_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadField) as refused:
        wait_s_of({"wait": text})

    assert refused.value.param == "wait"


class Asked:
    """One call to the app, by a caller who stays until `gone` is set."""

    def __init__(self, product: Product, target: str, *, method: str = "GET") -> None:
        path, _, query = target.partition("?")
        self._scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "http_version": "1.1",
            "headers": [(b"host", b"localhost")],
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 50_000),
        }
        self.gone = asyncio.Event()
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

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def ended(self) -> None:
        async with asyncio.timeout(30):
            await self.answer


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Product]:
    """A whole product with one job that nobody works on."""
    settings = read_settings(file=None, environment={}, command_line={"data_dir": str(folder)})
    product = Product(settings)
    await product.startup()
    await product._backend.add(JOB)
    try:
        yield product
    finally:
        product.stop_taking()
        await product.shutdown()


def waiters(product: Product) -> int:
    return sum(map(len, product.app._board._waiters.values()))


def others() -> int:
    return len(asyncio.all_tasks())


@pytest.mark.parametrize(
    "path",
    [*(f"{s}{'&' if '?' in s else '?'}wait=60" for s in STATUSES), f"/v1/videos/{JOB.id}/events"],
)
async def test_nothing_is_kept_of_a_caller_who_hangs_up(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as product:
        before = others()
        asked = Asked(product, path)
        await until(lambda: waiters(product) == 1)
        asked.gone.set()
        await asked.ended()
        await until(lambda: others() == before)

        assert waiters(product) == 0


@pytest.mark.parametrize("path", [f"/v1/videos/{JOB.id}?wait=60", f"/v1/videos/{JOB.id}/events"])
async def test_nothing_is_kept_of_a_caller_who_was_answered(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as product:
        before = others()
        asked = Asked(product, path)
        await until(lambda: waiters(product) == 1)
        await product._backend.change(JOB.id, failed(Failure("no", "it cannot be done"), 1))
        await asked.ended()
        await until(lambda: others() == before)

        assert waiters(product) == 0
        assert b"it cannot be done" in asked.body
