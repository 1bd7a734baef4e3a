"""An engine whose upstream can tell what became of a call: what that adds to a remote engine.

It puts its call's key where the upstream keeps it, hands it on in `Prepared`, and has `settle`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from contract.test_toy_remote_engine import (
    ToyEngine,
    ToySettings,
    ToyUpstream,
    toy_upstream,
)
from support.emulator_process import KEY
from support.in_process import create_body, created, ended, served, settings_of
from support.requests import WAN27
from unstill.assembly import REMOTE_KINDS, RemoteKind
from unstill.product import Product
from unstill.settings.models import ModelSettings
from unstill.upstreams.client import unanswered
from unstill.upstreams.port import Accepted, Prepared, Submission, UpstreamRequest, not_taken


class TellingSettings(ToySettings, frozen=True, tag="telling"):
    """`[engines.NAME] kind = "telling"`."""


class TellingEngine(ToyEngine):
    """The same, at an upstream that lists drawings by the key that came with each."""

    kind = "telling"

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        prepared = await super().prepare(upstream_request)
        body = msgspec.json.decode(prepared.body) | {"key": upstream_request.key}
        return msgspec.structs.replace(
            prepared, body=msgspec.json.encode(body), key=upstream_request.key
        )

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        del age_s  # its upstream lists a drawing as soon as it has it
        reply = await self._upstream.ask("GET", f"/drawings/of-{prepared.key}")
        if not reply.is_ok:
            raise unanswered(reply)
        found = reply.fields()["drawings"]
        return Accepted(found[0]) if found else not_taken("no drawing has this key")


TELLING_KIND = RemoteKind(TellingSettings, lambda setup, own: TellingEngine(setup, paper=own.paper))


@pytest.fixture
def upstream() -> Iterator[ToyUpstream]:
    with toy_upstream(is_quick=True) as upstream:
        yield upstream


@pytest.fixture
async def http(tmp_path: Path, upstream: ToyUpstream) -> AsyncIterator[httpx2.AsyncClient]:
    table = {"kind": "telling", "base_url": upstream.url, "api_key": KEY, "poll_interval_s": 0.1}
    settings = msgspec.structs.replace(
        settings_of(tmp_path),
        engines={"atelier": msgspec.convert(table, TellingSettings)},
        models={WAN27: ModelSettings(engines=("atelier",))},
    )
    async with served(Product(settings, remote_kinds=(*REMOTE_KINDS, TELLING_KIND))) as http:
        yield http


@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
async def test_what_was_taken_comes_home_after_a_lost_reply_and_is_paid_once(
    http: httpx2.AsyncClient, upstream: ToyUpstream, fault: str
) -> None:
    upstream.next("submit", fault)

    status = await ended(http, await created(http, create_body()))

    assert status["output"]["task_status"] == "Success", status
    assert upstream.charges() == {"submits": 1, "charged": 1}


async def test_what_was_not_taken_is_sent_again_under_another_key(
    http: httpx2.AsyncClient, upstream: ToyUpstream
) -> None:
    upstream.next("submit", "drop_before")

    status = await ended(http, await created(http, create_body()))
    keys = [each["body"]["key"] for each in upstream.requests if each["place"] == "submit"]

    assert status["output"]["task_status"] == "Success", status
    assert upstream.charges() == {"submits": 2, "charged": 1}
    assert len(set(keys)) == 2
