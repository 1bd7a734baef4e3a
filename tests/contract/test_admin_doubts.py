"""Calls in doubt as operators see and resolve them over HTTP, over every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from support.books import ANN, BOB, NEXT, TICKET, a_booked_job, answered_late, lost_in
from support.in_process import served, settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.open_stores import opened
from support.postgres_servers import shared
from support.reserves import YUAN, a_reserve
from unstill.cli.doctor import store_findings
from unstill.domain.job import cancelled
from unstill.domain.resolution import CallCosts, DoubtWord
from unstill.product import Product
from unstill.store.embedded.resolutions import doubts_in, resolve_in
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.embedded.usage_beside import proof_of
from unstill.store.ports.store import Store
from unstill.store.stores import store_at
from unstill.system.clock import clock_ms

PAID, PLAIN, KNOWN, NOWHERE = (f"01a1f87e-d82e-7c04-b50f-3fd6008dc4b{n}" for n in range(4))
COSTS = CallCosts(lambda *_: YUAN, "EUR")
Make = Callable[[], Product]
StoreIn = Callable[[Path, Callable[[], int]], Store]


class House:
    """Makes products over one store, and that store without a product."""

    def __init__(self, folder: Path, store_in: StoreIn) -> None:
        self._settings = settings_of(folder)
        self._store_in = store_in

    def store(self) -> Store:
        return self._store_in(Path(self._settings.server.data_dir), clock_ms)

    def product(self) -> Product:
        return Product(self._settings, store_in=self._store_in)


@pytest.fixture(params=["embedded", "memory", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    memory = Memory()
    if request.param == "memory":
        return House(tmp_path, lambda _, clock: MemoryStore(memory, clock))
    database = shared().new_store() if request.param == "postgres" else ""
    return House(tmp_path, store_at(database))


@pytest.fixture
async def make(house: House) -> Make:
    """A product over two jobs in doubt, one of them with money, and one that is called off."""
    async with opened(house.store) as filled:
        paid = a_booked_job(PAID, ANN, key_id="k1")
        await filled.jobs.add(paid, reserve=a_reserve(paid))
        plain, known = a_booked_job(PLAIN, BOB), a_booked_job(KNOWN, BOB)
        await filled.jobs.add(plain)
        await filled.jobs.add(known)
        for job in (paid, plain):
            await lost_in(filled, job)
        await filled.jobs.change(KNOWN, cancelled(9, is_hidden=False))
    return house.product


class Operator:
    """Asks a server without keys from its own machine."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def told(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(f"/admin/{path}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def say(self, job_id: str, body: object) -> tuple[int, dict[str, Any]]:
        answer = await self.http.post(f"/admin/jobs/{job_id}/resolve", json=body)
        return answer.status_code, answer.json()

    async def refused(self, job_id: str, body: object) -> tuple[int, str, str]:
        status, told = await self.say(job_id, body)
        return status, told["error"]["code"], told["error"]["message"]

    async def open_doubts(self) -> float:
        """As Prometheus reads it."""
        text = (await self.http.get("/metrics")).text
        families = {each.name: each for each in text_string_to_metric_families(text)}
        return sum(sample.value for sample in families["unstill_doubts_open"].samples)


@asynccontextmanager
async def operator_of(product: Product) -> AsyncIterator[Operator]:
    async with served(product) as http:
        yield Operator(http)


async def test_calls_in_doubt_are_listed_and_counted_until_each_has_its_word(make: Make) -> None:
    async with operator_of(make()) as operator:
        before = await operator.told("doubts")
        counts = [await operator.open_doubts()]
        for job_id, charged in ((PAID, True), (PLAIN, False)):
            assert (await operator.say(job_id, {"charged": charged}))[0] == 200
            counts.append(await operator.open_doubts())
        after = await operator.told("doubts")
    async with operator_of(make()) as operator:  # a restart changes nothing
        counts.append(await operator.open_doubts())

    assert [each["id"] for each in before["data"]] == [PAID, PLAIN]
    assert before["count"] == 2
    assert before["data"][0] == {
        "id": PAID,
        "owner": "ann",
        "key_id": "k1",
        "model": a_booked_job(PAID, ANN).model,
        "engine": "ali",
        "upstream_model": "turbo",
        "attempt": 1,
        "sent_ms": 1,
        "message": "",
        "ticket": None,
    }
    assert after == {"data": [], "count": 0}
    assert counts == [2, 1, 0, 0]


async def test_a_word_is_told_in_its_answer_and_in_the_life_of_its_job(make: Make) -> None:
    with capture_logs() as logs:
        async with operator_of(make()) as operator:
            before = await operator.told(f"jobs/{PAID}")
            first = await operator.say(PAID, {"charged": False})
            second = await operator.say(PAID, {"charged": False})
            without = await operator.say(PLAIN, {"charged": True})
            after = await operator.told(f"jobs/{PAID}")

    word = {"charged": False, "attempt": 1, "at_ms": after["resolution"]["at_ms"]}
    money = {"basis": "price", "currency": "EUR", "reserved": "0", "price": "0", "cost": "0"}
    assert before["resolution"] is None
    assert before["money"] == money | {"reserved": "0.45", "price": None}
    answer = {"id": PAID, "resolution": word, "continued_by": None, "money": money}
    assert first == second == (200, answer)
    assert (after["resolution"], after["money"], after["state"]) == (word, money, "failed")
    assert word["at_ms"] > after["ended_ms"]
    assert without[1]["money"] is None
    assert without[1]["resolution"]["charged"]
    done = [each for each in logs if each["event"] == "operator_did"]
    assert [(each["what"], each["job_id"], each["is_charged"]) for each in done] == [
        ("job_resolved", PAID, False),
        ("job_resolved", PLAIN, True),
    ]


async def test_a_job_goes_on_from_a_reply_that_came_too_late_and_both_tell_of_the_other(
    house: House, make: Make
) -> None:
    async with opened(house.store) as store:
        await answered_late(store, PAID)
    async with operator_of(make()) as operator:
        before = await operator.told("doubts")
        refused = await operator.refused(PAID, {"charged": False})
        first = await operator.say(PAID, {"charged": True})
        second = await operator.say(PAID, {"charged": True, "ticket": TICKET})
        other = await operator.refused(PAID, {"charged": True, "ticket": "another"})
        following = first[1]["continued_by"]
        left, right = [await operator.told(f"jobs/{each}") for each in (PAID, following)]
        listed = await operator.told("jobs?state=running")
    async with operator_of(make()) as operator:
        again = await operator.told(f"jobs/{following}")

    assert [each["ticket"] for each in before["data"]] == [TICKET, None]
    assert refused[:2] == (409, "ticket_known")
    assert TICKET in refused[2]
    assert first == second
    assert first[0] == 200
    assert other[:2] == (409, "not_its_ticket")
    assert (left["state"], left["continues"], left["continued_by"]) == ("failed", None, following)
    assert (right["state"], right["continues"], right["continued_by"]) == ("running", PAID, None)
    assert (right["owner"], right["key_id"], right["ticket"]) == ("ann", "k1", TICKET)
    assert (right["request"], right["model"]) == (left["request"], left["model"])
    assert (left["money"]["reserved"], left["money"]["cost"]) == ("0", "0")
    assert right["money"]["reserved"] == "0.45"
    assert [each["id"] for each in listed["data"]] == [following]
    assert (again["state"], again["continues"]) == ("running", PAID)


async def test_another_word_is_refused_and_says_what_stands(make: Make) -> None:
    async with operator_of(make()) as operator:
        assert (await operator.say(PLAIN, {"charged": True}))[0] == 200
        status, code, message = await operator.refused(PLAIN, {"charged": False})
        told = await operator.told(f"jobs/{PLAIN}")

    assert (status, code) == (409, "resolved_otherwise")
    assert message.startswith(f"{PLAIN} is resolved: its call was billed, at ")
    assert told["resolution"]["charged"]


async def test_of_what_is_known_or_not_there_nothing_can_be_said(make: Make) -> None:
    async with operator_of(make()) as operator:
        known = await operator.refused(KNOWN, {"charged": True})
        nowhere = [await operator.refused(each, {"charged": True}) for each in (NOWHERE, "x")]
        told = await operator.told(f"jobs/{KNOWN}")

    assert known == (400, "not_in_doubt", f"{KNOWN} is not in doubt: it is cancelled")
    assert [each[:2] for each in nowhere] == [(404, "task_not_found")] * 2
    assert told["resolution"] is None


NO_WORDS: list[tuple[object, str]] = [
    ({}, "charged is required: true, if the provider has billed the call, or false"),
    ({"charged": None}, "charged must be true, if the provider has billed the call, or false"),
    ({"charged": "true"}, "charged must be true"),
    ({"charged": 1}, "charged must be true"),
    ({"charged": True, "cost": 1}, "cost must be absent: there are charged, ticket"),
    ({"charged": True, "ticket": 1}, "ticket must be 1 to 200 characters of visible ASCII"),
    ({"charged": True, "ticket": ""}, "ticket must be 1 to 200 characters"),
    ({"charged": True, "ticket": "a b"}, "ticket must be 1 to 200 characters"),
    ({"charged": True, "ticket": "x" * 201}, "ticket must be 1 to 200 characters"),
    ([], "the request body must be a JSON object"),
]


async def test_what_is_no_word_is_refused_by_its_field_and_says_nothing(make: Make) -> None:
    async with operator_of(make()) as operator:
        for body, told in NO_WORDS:
            status, _, message = await operator.refused(PAID, body)
            assert status == 400
            assert message.startswith(told)
        count = (await operator.told("doubts"))["count"]

    assert count == 2


async def test_a_word_by_a_command_and_one_by_http_are_the_same_word(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    folder = Path(settings.server.data_dir)
    jobs = [a_booked_job(each, ANN) for each in (PAID, PLAIN)]
    async with opened(lambda: EmbeddedStore(folder)) as store:
        for job in jobs:
            await store.jobs.add(job, reserve=a_reserve(job))
            await lost_in(store, job)
    found = [{each.what: each.is_well for each in store_findings(folder)}]

    def say(job_id: str, *, is_charged: bool) -> bool:
        word = resolve_in(
            folder,
            job_id,
            DoubtWord(is_charged),
            costs=CallCosts(lambda *_: YUAN, "EUR"),
            next_job=NEXT,
            now_ms=2**41,
        )
        return word.is_new

    async with operator_of(Product(settings)) as operator:
        by_command = await asyncio.to_thread(say, PAID, is_charged=True)
        same = await operator.say(PAID, {"charged": True})
        other = await operator.refused(PAID, {"charged": False})
        left = [each["id"] for each in (await operator.told("doubts"))["data"]]
        gauge = await operator.open_doubts()
        await operator.say(PLAIN, {"charged": False})
        again = await asyncio.to_thread(say, PLAIN, is_charged=False)
        none = [*doubts_in(folder), await operator.open_doubts()]
    found.append({each.what: each.is_well for each in store_findings(folder)})
    proof = proof_of(folder)

    assert by_command
    assert same[1]["resolution"] == {"charged": True, "attempt": 1, "at_ms": 2**41}
    assert same[1]["money"]["cost"] == "0.375"
    assert other[:2] == (409, "resolved_otherwise")
    assert (left, gauge, again, none) == ([PLAIN], 1, False, [0])
    assert ("calls in doubt" in found[0], "calls in doubt" in found[1]) == (True, False)
    assert proof is not None
    assert not proof.wrongs
