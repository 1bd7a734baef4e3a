"""A server that writes down which of the project's functions it calls; a program of its own.

    python tests/docs/traced.py FOLDER UPSTREAM

It renders one job here and one at the upstream, asks for both, fetches a video, asks what a job
would cost, is called back by an upstream, and prints the calls of each of these journeys as JSON:
{journey: [[file, function], ...]} in their order.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import msgspec
import structlog

import unstill
from unstill.product import Product
from unstill.server.lifecycle import Server, listen
from unstill.settings.reader import read_settings

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"
PACKAGE = f"{Path(unstill.__file__).parent}/"
UPSTREAMS_MODEL = "Wan-AI/Wan2.2-I2V"
CONFIG = """
[server]
data_dir = "{folder}/data"
allow_networks = ["127.0.0.0/8"]
public_url = "{public_url}"
[engines.paid]
kind = "modelverse"
base_url = "{upstream}/v1"
api_key = "sk-test"
[engines.calls_back]
kind = "openrouter"
base_url = "{public_url}/api/v1"
api_key = "sk-test"
callbacks = true
callback_secret = "{secret}"
[models."{model}"]
engines = ["paid"]
"""
PUBLIC_URL = "http://127.0.0.1:9"  # nobody is there
CALLBACK_SECRET = "their-own-secret"
QUOTED = {"model": "wan2.7-i2v", "frames": {"first": {"width": 640, "height": 480}}}
ENDED = frozenset({"Success", "Failure"})

Calls = list[tuple[str, str]]


class Tracer:
    """Notes the calls of all threads while a journey is under way."""

    def __init__(self) -> None:
        self.journeys: dict[str, Calls] = {}
        self._calls: Calls | None = None

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        calls, code = self._calls, frame.f_code
        if calls is not None and event == "call" and code.co_filename.startswith(PACKAGE):
            calls.append((code.co_filename.removeprefix(PACKAGE), code.co_qualname))

    @contextmanager
    def journey(self, name: str) -> Iterator[None]:
        self._calls = self.journeys[name] = []
        try:
            yield
        finally:
            self._calls = None


@asynccontextmanager
async def serving(folder: Path, upstream: str) -> AsyncIterator[str]:
    """The server's address."""
    file = folder / "unstill.toml"
    file.write_text(
        CONFIG.format(
            folder=folder,
            upstream=upstream,
            model=UPSTREAMS_MODEL,
            public_url=PUBLIC_URL,
            secret=CALLBACK_SECRET,
        )
    )
    product = Product(read_settings(file=file, environment={}, command_line={}))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    listener = listen("127.0.0.1", 0, has_keys=False)
    server = Server(product.app, product, listener, ready.set_result)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield await ready
    finally:
        server.should_exit = True
        await running


async def ended(http: httpx2.AsyncClient, task_id: str) -> dict[str, Any]:
    while True:
        answer = await http.get("/v1/tasks/status", params={"task_id": task_id})
        output: dict[str, Any] = answer.json()["output"]
        if output["task_status"] in ENDED:
            return output
        await asyncio.sleep(0.1)


async def travel(tracer: Tracer, url: str) -> None:
    picture = base64.b64encode(PHOTO.read_bytes()).decode()

    def body_of(model: str, **parameters: object) -> dict[str, object]:
        sent = {"prompt": "push in", "first_frame_url": picture}
        return {"model": model, "input": sent, "parameters": parameters}

    async with httpx2.AsyncClient(base_url=url, timeout=60) as http:

        async def create(model: str, **parameters: object) -> str:
            answer = await http.post("/v1/tasks/submit", json=body_of(model, **parameters))
            return str(answer.json()["output"]["task_id"])

        with tracer.journey("rendered here"):
            task_id = await create("wan2.7-i2v", size="320*256", duration=2)
            here = await ended(http, task_id)
        with tracer.journey("asked for"):
            await http.get("/v1/tasks/status", params={"task_id": task_id})
        with tracer.journey("fetched"):
            video = await http.get(here["urls"][0].removeprefix(PUBLIC_URL))
        with tracer.journey("rendered by an upstream"):
            await ended(http, await create(UPSTREAMS_MODEL, duration=5))
        with tracer.journey("quoted"):
            quoted = await http.post("/v1/quotes", json=QUOTED)
        with tracer.journey("called back"):
            told = await http.post(
                f"/v1/callbacks/calls_back/{task_id}", content=b"{}", headers=signed(b"{}")
            )
    if video.content[4:8] != b"ftyp":
        raise SystemExit(f"no video: {video.status_code}, {here}")
    for answer, status in ((quoted, 200), (told, 204)):
        if answer.status_code != status:
            raise SystemExit(f"{answer.url}: {answer.status_code}, {answer.text}")


def signed(body: bytes) -> dict[str, str]:
    """The headers of OpenRouter's callback with this body."""
    stamp = int(time.time())
    digest = hmac.digest(CALLBACK_SECRET.encode(), b"%d," % stamp + body, "sha256").hex()
    return {"x-openrouter-signature": f"t={stamp},v1={digest}"}


async def main(folder: Path, upstream: str) -> None:
    tracer = Tracer()
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    async with serving(folder, upstream) as url:
        await travel(tracer, url)
    sys.setprofile(None)
    print(msgspec.json.encode(tracer.journeys).decode())  # noqa: T201


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
