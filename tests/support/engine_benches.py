"""An engine and its emulated upstream, as the contract tests of engines use them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import msgspec
import pytest

from support.emulator_process import KEY
from support.kind_rows import Row, of_kind
from support.upstream_requests import upstream_request
from unstill.assembly import REMOTE_KINDS
from unstill.domain.request import VideoRequest
from unstill.emulators import KINDS
from unstill.net.fetcher import Fetcher
from unstill.settings.engines import ENGINE_KINDS, EngineSettings, RemoteSettings
from unstill.upstreams.port import Accepted, Done, Prepared, Remote, Submission, Ticket, Verdict
from unstill.upstreams.rate_limits import Accounts
from unstill.upstreams.setup import RemoteSetup

DAY_MS = 24 * 3600 * 1000

ROWS: Mapping[str, Row] = {kind: of_kind(kind)[0] for kind in KINDS}


class EmulatedUpstream(Protocol):
    """What the contract asks of whatever stands in for an upstream."""

    url: str

    def next(self, place: str, *faults: str) -> None:
        """What the next requests at a place get."""

    def finish(self) -> None:
        """End all jobs now."""

    def lose_jobs(self) -> None: ...

    def charges(self) -> Mapping[str, Any]:
        """`submits`: the create calls that arrived."""

    def log(self) -> Sequence[Mapping[str, Any]]:
        """The requests, oldest first."""


class Bench:
    """One engine on its emulator, and a request that it can serve."""

    def __init__(
        self,
        kind: str,
        emulator: EmulatedUpstream,
        remote: Remote,
        photo: Path,
        asked: VideoRequest,
    ) -> None:
        self.kind = kind
        self.emulator = emulator
        self.remote = remote
        self.photo = photo
        self.asked = asked

    def requests(self, place: str) -> list[Mapping[str, Any]]:
        """What the upstream got at `place`, oldest first."""
        return [each for each in self.emulator.log() if each["place"] == place]

    async def prepared(self, asked: VideoRequest | None = None) -> Prepared:
        return await self.remote.prepare(upstream_request(asked or self.asked, photo=self.photo))

    async def submit(self, asked: VideoRequest | None = None) -> Submission:
        return await self.remote.submit(await self.prepared(asked))

    async def ticket(self, asked: VideoRequest | None = None) -> Ticket:
        accepted = await self.submit(asked)
        assert isinstance(accepted, Accepted), accepted
        model = (await self.prepared(asked)).upstream_model
        return Ticket("job-1", accepted.ticket, model, time.time_ns() // 1_000_000)

    async def look(self, *tickets: Ticket) -> list[Verdict]:
        """One round's verdicts."""
        return [verdict async for _, verdict in self.remote.poll(tickets)]

    async def done(self, ticket: Ticket) -> Done:
        self.emulator.finish()
        (verdict,) = await self.look(ticket)
        assert isinstance(verdict, Done), verdict
        return verdict


def engine(kind: str, url: str, fetcher: Fetcher, **changes: Any) -> Remote:
    setup = RemoteSetup(
        name="ours",
        base_url=url + ROWS[kind].base,
        api_key=KEY,
        accounts=Accounts(),
        fetcher=fetcher,
        models=ROWS[kind].own.get("models", {}),
    )
    setup = msgspec.structs.replace(setup, **changes)
    own = settings_of(kind, setup.base_url)
    makers = {each.settings: each.make for each in REMOTE_KINDS}
    return makers[type(own)](setup, own)


def settings_of(kind: str, base_url: str, **changes: Any) -> RemoteSettings:
    """The table of an engine whose upstream is of this kind, as an operator writes it."""
    word: Mapping[str, Any] = {"kind": kind}
    if kind not in ENGINE_KINDS:
        word = {"kind": "openai_videos", "server": kind}
    table = {**word, "base_url": base_url, **ROWS[kind].own, **changes}
    return cast("RemoteSettings", msgspec.convert(table, cast("type", EngineSettings)))


every = pytest.mark.parametrize("bench", KINDS, indirect=True)
Truth = TypeVar("Truth", bound=Callable[..., Awaitable[None]])
TRUTHS: dict[str, Callable[..., Awaitable[None]]] = {}  # they take a `bench`, some a `tmp_path` too


def of_any_remote(test: Truth) -> Truth:
    """A test that every engine has to pass, one that is not among `KINDS` as well."""
    TRUTHS[test.__name__] = test
    return cast("Truth", every(test))


def only(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bench", kinds, indirect=True)
