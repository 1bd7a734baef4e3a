"""One server in this process, asked through its protocol with no network between: to be counted.

    python -m benchmarks.in_process KIND SIDE CALLS FOLDER

What a call does is the same to the last object each time, so that the difference of two runs is
what calls cost, and nothing of the start. KIND is a key of `REQUESTS`, SIDE is `ours`, `raw` or
`hello`, a bare uvicorn that answers nothing but `{}`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import uvicorn
import uvloop
from benchmarks.answers import BODY, KEYS, a_job
from benchmarks.bare import hello
from benchmarks.raw import KEY, Poll, Submit
from benchmarks.store import finished
from benchmarks.submit_only import SubmitOnly
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from unstill.domain.job_ids import new_id
from unstill.server.lifecycle import TURN_S, Server, listen
from unstill.settings.reader import read_settings
from unstill.store.embedded.link_secrets import load_secrets
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms

JOBS = 64  # half of them finished, half waiting, in turn
CONNECTIONS = 32  # as wrk has them: the submits of one turn share their commits
WARM_CALLS = 8  # of each connection
HEAD = f"Host: 127.0.0.1:8000\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
REQUESTS = {
    "videos": "GET /v1/videos/{} HTTP/1.1\r\n",
    "tasks": "GET /v1/tasks/status?task_id={} HTTP/1.1\r\n",
    "submit": "POST /v1/tasks/submit HTTP/1.1\r\n",
}


class Wire(asyncio.Transport):
    """Where answers go: each call's is whole when its body has been written."""

    answered: asyncio.Future[bytes]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if bytes(data[-1:]) == b"}":
            self.answered.set_result(bytes(data))

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("127.0.0.1", 5555), "sockname": ("127.0.0.1", 8000)}.get(name, default)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


Connect = Callable[[], HttpToolsProtocol]


async def stored(store: EmbeddedStore) -> list[str]:
    """Jobs to ask for; their ids."""
    one = a_job()
    jobs = [msgspec.structs.replace(one, id=new_id(clock_ms())) for _ in range(JOBS)]
    for number, job in enumerate(jobs):
        await store.jobs.add(finished(job) if number % 2 else job)
    return [job.id for job in jobs]


async def ours(folder: Path) -> Connect:
    """The product as `unstill serve` has it, without its runner."""
    settings = read_settings(
        file=None, environment=os.environ, command_line={"data_dir": str(folder), "port": 0}
    )
    product = SubmitOnly(settings)
    await product.startup()
    server = Server(product.app, product, listen("127.0.0.1", 0, has_keys=True), lambda _: None)
    return connect_to(server.config)


async def raw(kind: str, folder: Path) -> Connect:
    store = EmbeddedStore(folder)
    if kind == "submit":
        await store.open()
        return bare(Submit(store))
    return bare(Poll(folder, "http://127.0.0.1:8000"))


def bare(app: ASGIApp) -> Connect:
    return connect_to(uvicorn.Config(app, http="httptools", ws="none", log_config=None))


def connect_to(config: uvicorn.Config) -> Connect:
    config.access_log = config.server_header = False
    config.load()
    made = cast("Callable[..., HttpToolsProtocol]", config.http_protocol_class)
    return partial(made, config=config, server_state=ServerState(), app_state={})


async def calls(connect: Connect, request_of: Callable[[int], bytes], count: int) -> None:
    """So many calls, one after the other over one connection."""
    wire, protocol = Wire(), connect()
    protocol.connection_made(wire)
    loop = asyncio.get_running_loop()
    for number in range(count):
        wire.answered = loop.create_future()
        protocol.data_received(request_of(number))
        await wire.answered
        await asyncio.sleep(0)


def requests(kind: str, ids: list[str]) -> Callable[[int], bytes]:
    body = msgspec.json.encode(BODY) if kind == "submit" else b""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    whole = [(REQUESTS[kind].format(i) + HEAD + length + "\r\n").encode() + body for i in ids]
    return lambda number: whole[number % len(whole)]


async def main(kind: str, side: str, count: int, folder: Path) -> None:
    store = EmbeddedStore(folder)
    await store.open()
    load_secrets(folder)
    request_of = requests(kind, await stored(store))
    await store.close()
    sys.setswitchinterval(TURN_S)
    match side:
        case "ours":
            connect = await ours(folder)
        case "raw":
            connect = await raw(kind, folder)
        case _:
            connect = bare(hello)
    async with asyncio.TaskGroup() as warming:
        for _ in range(CONNECTIONS):
            warming.create_task(calls(connect, request_of, WARM_CALLS))
    gc.collect()
    gc.disable()  # its turn comes at an odd moment, and costs a hundredth
    async with asyncio.TaskGroup() as counted:
        for _ in range(CONNECTIONS):
            counted.create_task(calls(connect, request_of, count // CONNECTIONS))
    os._exit(0)  # nothing of the end belongs to the calls


if __name__ == "__main__":
    os.environ |= KEYS
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
