"""A new kind of remote engine is its folder: with one that stands in this file alone, the real
product sends jobs to an upstream that it has never heard of.

What a new kind of remote engine touches elsewhere:

    engines/NEW/engine.py     the engine, as `ToyEngine` here, which its last line calls `ENGINE`
    settings/engines.py       its word in `HOSTED_KINDS`
    emulators/NEW.py          a stand-in for its upstream, as `ToyUpstream` here, called `EMULATOR`
    emulators/__init__.py     its word in `KINDS`
    tests/support/kinds/NEW.py, benchmarks/chaos_kinds/NEW.py
                              its rows for the contract and the fault campaign

One that has something of its own to set has a class of settings, as `ToySettings` here, named in
`EngineSettings`, and a line in `REMOTE_KINDS` of assembly.py, as `TOY_KIND` here.

No step, no store and no command has to know it; what pays for calls, waits and saves is the same
for all.
"""

from __future__ import annotations

import base64
import inspect
import threading
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from contract.engines import test_engines  # noqa: F401  - it fills TRUTHS
from support.emulator_process import KEY
from support.engine_benches import TRUTHS, Bench
from support.in_process import PHOTO, create_body, created, ended, served, settings_of
from support.requests import WAN27
from support.upstream_requests import request
from unstill.assembly import REMOTE_KINDS, RemoteKind
from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.emulators.results import make_video
from unstill.net.fetcher import Fetcher
from unstill.product import Product
from unstill.settings.engines import RemoteSettings
from unstill.settings.models import ModelSettings
from unstill.upstreams.base_url import BaseUrl
from unstill.upstreams.client import Links, unanswered
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.pictures import read_pictures
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Done,
    Failed,
    FrameForm,
    Prepared,
    Running,
    Standing,
    Submission,
    Ticket,
    Unsupported,
    UpstreamRequest,
    Verdict,
)
from unstill.upstreams.rate_limits import Accounts
from unstill.upstreams.replies import Odd
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.submit_answers import Codes, judged

# --- the engine, its settings, and the one line --------------------------------------------------

CODES = Codes(ticket_at="drawing", not_taken=frozenset({404}))


class ToySettings(RemoteSettings, frozen=True, tag="toy"):
    """`[engines.NAME] kind = "toy"`."""

    paper: str = "white"  # what no other kind has


class ToyEngine:
    """Draws at an upstream of its own protocol: `/drawings`, and words that no other has."""

    kind = "toy"
    is_generative = True
    description = "draws what it is told"

    def __init__(self, setup: RemoteSetup, *, paper: str) -> None:
        self.name = self.label = setup.name
        self.is_free_to_repeat = setup.is_free_to_repeat
        self._models = {WAN27: "pen-1", **setup.models}
        self._paper = paper
        self.account, self._upstream = setup.connect(
            BaseUrl("/toy", routes=("/drawings",)), requests_per_s=100.0, poll_interval_s=1.0
        )

    def misfit(self, request: VideoRequest) -> BadField | None:
        if request.model in self._models:
            return None
        return BadField("model", f"one of {', '.join(self._models)}", request.model)

    def upstream_model(self, request: VideoRequest) -> str:
        return self._models.get(request.model, "")

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        del upstream_request
        return FrameForm(frozenset({"JPEG"}), most_bytes=2**20, takes_alpha=False)

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        asked = upstream_request.request
        pictures = await read_pictures(upstream_request.frames)
        body = {
            "pen": self._models[asked.model],
            "paper": self._paper,
            "seconds": asked.duration_s,
            "after": base64.b64encode(pictures["first"].data).decode(),
        }
        return Prepared(
            path="/drawings",
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body),
            upstream_model=self._models[asked.model],
        )

    async def submit(self, prepared: Prepared) -> Submission:
        return await self._upstream.submit(prepared, lambda reply: judged(reply, CODES))

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        return look_at_each(tickets, self._look)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        del done
        links = (self._upstream.link(f"/drawings/{ticket.id}/film"),)

        async def again() -> Links:
            return links

        await self._upstream.fetch(links, out, refresh=again)

    async def cancel(self, ticket: Ticket) -> Cancellation:
        del ticket
        return Unsupported()

    async def standing(self) -> Standing:
        reply = await self._upstream.ask("GET", "/drawings/none")
        return standing_of(reply, CODES, is_of_unknown=True)

    async def close(self) -> None:
        await self._upstream.close()

    async def _look(self, ticket: Ticket) -> Verdict:
        reply = await self._upstream.ask("GET", f"/drawings/{ticket.id}")
        fields = reply.fields()
        match fields.get("ink") if reply.is_ok else None:
            case "wet":
                return Running(progress=0.5)
            case "dry":
                return Done()
            case "spilt":
                return Failed("ink_spilt", str(fields["why"]))
            case None:
                raise unanswered(reply)
            case word:
                raise Odd(f"the upstream's word {word!r} is none of its own")


TOY_KIND = RemoteKind(ToySettings, lambda setup, own: ToyEngine(setup, paper=own.paper))

# --- its upstream --------------------------------------------------------------------------------


class ToyUpstream(ThreadingHTTPServer):
    """A small server that draws: each drawing is wet until `finish`, or dry at once."""

    daemon_threads = True

    def __init__(self, *, is_quick: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Drawing)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.is_quick = is_quick
        self.drawings: dict[str, dict[str, Any]] = {}  # by ticket, with the state of its ink
        self.arrived = 0
        self.requests: list[Mapping[str, Any]] = []
        self.faults: defaultdict[str, deque[str]] = defaultdict(deque)

    def next(self, place: str, *faults: str) -> None:
        self.faults[place].extend(faults)

    def finish(self) -> None:
        for drawing in self.drawings.values():
            drawing["ink"] = "spilt" if drawing["ink"] in {"leaking", "spilt"} else "dry"

    def lose_jobs(self) -> None:
        self.drawings.clear()

    def charges(self) -> Mapping[str, Any]:
        return {"submits": self.arrived, "charged": len(self.drawings)}

    def log(self) -> Sequence[Mapping[str, Any]]:
        return self.requests


class _Drawing(BaseHTTPRequestHandler):
    """`POST /toy/drawings`, `GET /toy/drawings/ID`, `.../ID/film`, and `.../of-KEY` for ids."""

    server: ToyUpstream
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
        self.server.arrived += 1
        fault = self._fault("submit")
        self._note("submit", body)
        if fault in {"drop_after", "500_after", "ok", "fail"}:
            if not base64.b64decode(body["after"]).startswith(b"\xff\xd8"):
                return self._tell(400, {"error": {"code": "no_picture", "message": "draw what?"}})
            ticket = f"drawing-{len(self.server.drawings) + 1}"
            ink = "dry" if self.server.is_quick else "wet"
            ink = "leaking" if fault == "fail" else ink
            drawing = {"ink": ink, "seconds": body["seconds"], "key": body.get("key", "")}
            self.server.drawings[ticket] = drawing
            if fault in {"ok", "fail"}:
                return self._tell(202, {"drawing": ticket})
        return self._break(fault)

    def do_GET(self) -> None:
        _, _, _, ticket, *film = self.path.split("/")
        place = "fetch" if film else "poll"
        fault = self._fault(place)
        self._note(place, None)
        drawings = self.server.drawings
        drawing = drawings.get(ticket)
        if ticket.startswith("of-"):
            found = [name for name, each in drawings.items() if ticket == f"of-{each['key']}"]
            return self._tell(200, {"drawings": found})
        if fault == "unknown_state":
            return self._tell(200, {"ink": "purple"})
        if fault not in {"ok", "drop_after", "huge"}:
            return self._break(fault)
        if drawing is None:
            return self._tell(404, {"error": {"code": "none", "message": "no such drawing"}})
        if film:
            return self._film(make_video(drawing["seconds"], has_audio=False), fault)
        ink = "wet" if drawing["ink"] == "leaking" else drawing["ink"]
        return self._tell(200, {"ink": ink, "why": "the bottle fell over"})

    def _fault(self, place: str) -> str:
        faults = self.server.faults[place]
        return faults.popleft() if faults else "ok"

    def _note(self, place: str, body: object) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append({"place": place, "headers": headers, "body": body})

    def _film(self, video: bytes, fault: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "video/mp4")
        self.send_header("content-length", str(2**40 if fault == "huge" else len(video)))
        self.end_headers()
        self.wfile.write(video if fault == "ok" else video[: len(video) // 2])
        self.close_connection = fault != "ok"

    def _break(self, fault: str) -> None:
        match fault.removesuffix("_after").removesuffix("_bare"):
            case "drop" | "drop_before":
                self.close_connection = True
            case "garbage":
                self._send(200, b"\0\1\2", "application/json")
            case "html":
                self._send(200, b"<!doctype html><h1>Welcome</h1>", "text/html")
            case status:
                told = {"Retry-After": "1"} if fault == "429" else {}
                error = {"error": {"code": f"said_{status}", "message": "not now"}}
                self._send(int(status), msgspec.json.encode(error), "application/json", told)

    def _tell(self, status: int, fields: object) -> None:
        self._send(status, msgspec.json.encode(fields), "application/json")

    def _send(
        self, status: int, body: bytes, media_type: str, told: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"content-type": media_type, **(told or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
        """Say nothing."""


@contextmanager
def toy_upstream(*, is_quick: bool = False) -> Iterator[ToyUpstream]:
    with ToyUpstream(is_quick=is_quick) as upstream:
        thread = threading.Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield upstream
        finally:
            upstream.shutdown()
            thread.join()


# --- what every remote engine has to pass --------------------------------------------------------


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    fetcher = Fetcher()
    with toy_upstream() as upstream:
        setup = RemoteSetup(
            name="ours",
            base_url=f"{upstream.url}/toy",
            api_key=KEY,
            accounts=Accounts(),
            fetcher=fetcher,
        )
        remote = ToyEngine(setup, paper="white")
        yield Bench("toy", upstream, remote, PHOTO, request(WAN27, duration_s=2))
        await remote.close()
        await fetcher.close()


@pytest.mark.parametrize("truth", TRUTHS)
async def test_the_toy_passes_what_every_remote_engine_has_to(
    truth: str, bench: Bench, tmp_path: Path
) -> None:
    given = {"bench": bench, "tmp_path": tmp_path}
    test = TRUTHS[truth]

    await test(**{name: given[name] for name in inspect.signature(test).parameters})


# --- through the real product --------------------------------------------------------------------


@pytest.fixture
def upstream() -> Iterator[ToyUpstream]:
    with toy_upstream(is_quick=True) as upstream:
        yield upstream


@pytest.fixture
async def http(tmp_path: Path, upstream: ToyUpstream) -> AsyncIterator[httpx2.AsyncClient]:
    table = {
        "kind": "toy",
        "base_url": upstream.url,
        "api_key": KEY,
        "poll_interval_s": 0.1,
        "paper": "yellow",
    }
    settings = msgspec.structs.replace(
        settings_of(tmp_path),
        engines={"atelier": msgspec.convert(table, ToySettings)},
        models={WAN27: ModelSettings(engines=("atelier",))},
    )
    async with served(Product(settings, remote_kinds=(*REMOTE_KINDS, TOY_KIND))) as http:
        yield http


async def test_a_job_comes_home_from_an_upstream_that_only_this_file_knows(
    http: httpx2.AsyncClient, upstream: ToyUpstream
) -> None:
    status = await ended(http, await created(http, create_body()))
    video = await http.get(status["output"]["urls"][0])
    (sent,) = (each for each in upstream.requests if each["place"] == "submit")

    assert status["output"]["task_status"] == "Success", status
    assert video.content[4:8] == b"ftyp"
    assert sent["headers"]["authorization"] == f"Bearer {KEY}"
    assert (sent["body"]["pen"], sent["body"]["paper"]) == ("pen-1", "yellow")


async def test_a_lost_reply_of_a_paid_call_is_a_doubt_and_is_not_paid_twice(
    http: httpx2.AsyncClient, upstream: ToyUpstream
) -> None:
    upstream.next("submit", "drop_after")

    status = await ended(http, await created(http, create_body()))

    assert status["output"]["task_status"] == "Failure"
    assert "submit_unknown" in status["output"]["error_message"]
    assert upstream.charges() == {"submits": 1, "charged": 1}


async def test_callers_see_the_kind_and_hear_of_what_it_cannot_do(http: httpx2.AsyncClient) -> None:
    model = (await http.get(f"/v1/models/{WAN27}")).json()
    seen = {name: model["engines"][0][name] for name in ("name", "kind", "description")}

    assert seen == {"name": "atelier", "kind": "toy", "description": "draws what it is told"}
