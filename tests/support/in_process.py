"""A product that a test has put together, served over real HTTP from the test's own process."""

from __future__ import annotations

import asyncio
import base64
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from unstill.product import Product
from unstill.server.lifecycle import Server, listen
from unstill.settings.reader import Settings, read_settings
from unstill.system.installed import note

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"
ENDED = frozenset({"Success", "Failure"})


def settings_of(folder: Path, toml: str = "") -> Settings:
    """With a data folder in `folder`, where no trial is made first; `toml`: further tables."""
    data_dir = folder / "data"
    data_dir.mkdir(exist_ok=True)
    note(data_dir)
    file = folder / "unstill.toml"
    file.write_text(f'[server]\ndata_dir = "{data_dir}"\n{toml}')
    return read_settings(file=file, environment={}, command_line={})


@asynccontextmanager
async def served(product: Product, port: int = 0) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the product's server, which ends with the context; port 0: a free one."""
    was = gc.get_threshold(), sys.getswitchinterval()  # the server sets both for its process
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    listener = listen("127.0.0.1", port, has_keys=False)
    server = Server(product.app, product, listener, ready.set_result)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        either: set[asyncio.Future[Any]] = {running, ready}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        async with httpx2.AsyncClient(base_url=await ready, timeout=60) as http:
            yield http
    finally:
        server.should_exit = True
        await running
        gc.unfreeze()
        gc.set_threshold(*was[0])
        sys.setswitchinterval(was[1])


def create_body(model: str = "wan2.7-i2v", **parameters: object) -> dict[str, Any]:
    """A create call of /v1/tasks/submit with a photo inline; small and short as it stands."""
    picture = base64.b64encode(PHOTO.read_bytes()).decode()
    return {
        "model": model,
        "input": {"prompt": "push in", "first_frame_url": picture},
        "parameters": {"size": "320*256", "duration": 2} | parameters,
    }


async def created(http: httpx2.AsyncClient, body: object) -> str:
    answer = await http.post("/v1/tasks/submit", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


async def ended(http: httpx2.AsyncClient, task_id: str) -> dict[str, Any]:
    """The status of a task once it has ended."""
    async with asyncio.timeout(120):
        while True:
            params = {"task_id": task_id, "wait": "5"}
            answer = await http.get("/v1/tasks/status", params=params)
            assert answer.status_code == 200, answer.text
            if answer.json()["output"]["task_status"] in ENDED:
                return dict(answer.json())
