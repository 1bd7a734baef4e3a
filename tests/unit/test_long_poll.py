"""Callers who wait: what they may ask for, and that nothing is kept of those who have gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from starlette.types import Message

from support.asked_app import Asked
from support.jobs import a_job
from support.waits import until
from unstill.domain.errors import BadField, Overloaded
from unstill.domain.job import Failure, State, failed
from unstill.domain.owner import EVERYONE
from unstill.product import Product
from unstill.server.body import ClientGone
from unstill.server.long_poll import unless_gone, wait_s_of
from unstill.settings.reader import read_settings
from unstill.store.embedded.job_lists import EmbeddedJobLists
from unstill.store.embedded.store import EmbeddedStore

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


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Product]:
    """A whole product with one job that nobody works on."""
    settings = read_settings(file=None, environment={}, command_line={"data_dir": str(folder)})
    product = Product(settings)
    await product.startup()
    await product._store.jobs.add(JOB)
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
        await until(lambda: others() <= before)

        assert waiters(product) == 0


@pytest.mark.parametrize("path", [f"/v1/videos/{JOB.id}?wait=60", f"/v1/videos/{JOB.id}/events"])
async def test_nothing_is_kept_of_a_caller_who_was_answered(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as product:
        before = others()
        asked = Asked(product, path)
        await until(lambda: waiters(product) == 1)
        await product._store.jobs.change(JOB.id, failed(Failure("no", "it cannot be done"), 1))
        await asked.ended()
        await until(lambda: others() <= before)

        assert waiters(product) == 0
        assert b"it cannot be done" in asked.body


# By path: what is told of the one job.
TOLD: dict[str, dict[str, object]] = {
    "/v1/videos?limit=100": {"object": "list", "has_more": False},
    "/api/v1/tasks?status=FAILED&page_size=100": {"data": [], "total": 0, "total_page": 0},
}


@asynccontextmanager
async def blocked(product: Product) -> AsyncIterator[None]:
    """Something holds the lists' reader up."""
    store = product._store
    assert isinstance(store, EmbeddedStore)
    reader = store.handle.opened.lists
    begun, may_go = threading.Event(), threading.Event()

    def wait(*_: object) -> int:
        begun.set()
        return int(may_go.wait(20))

    reader.connection.create_scalar_function("gate", wait, 0)
    reading = asyncio.create_task(reader.select("SELECT gate()"))
    await asyncio.to_thread(begun.wait, 20)
    try:
        yield
    finally:
        may_go.set()
        await reading


@pytest.mark.parametrize("path", TOLD)
async def test_a_list_whose_caller_hangs_up_while_it_waits_is_dropped(
    tmp_path: Path, path: str
) -> None:
    async with serving(tmp_path) as product:
        lists = product._store.job_lists
        assert isinstance(lists, EmbeddedJobLists)
        async with blocked(product):
            before = others()
            asked = [Asked(product, path) for _ in range(3)]
            stays = Asked(product, path)
            await until(lambda: lists.turns.at_once[EVERYONE] == 4)
            for each in asked:
                each.gone.set()
                await each.ended()
            kept = lists.turns.at_once[EVERYONE]
        await stays.ended()
        await until(lambda: others() <= before)

        assert kept == 1
        assert [each.sent for each in asked] == [[], [], []]
        assert stays.sent[0]["status"] == 200
        assert TOLD[path].items() <= msgspec.json.decode(stays.body).items()


async def test_what_is_asked_by_one_who_is_gone_already_is_not_begun() -> None:
    begun: list[bool] = []

    async def work() -> None:
        begun.append(True)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await unless_gone(receive, work())
    assert begun == []


async def test_a_refusal_of_what_is_waited_for_is_told() -> None:
    async def refuse() -> None:
        raise Overloaded("one too many")

    async def stay() -> Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(Overloaded, match="one too many"):
        await unless_gone(stay, refuse())
