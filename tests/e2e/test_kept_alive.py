"""Clients that keep their connections: no poll meets a server that just hangs up.

uvicorn by itself hangs up after 5 s, and one poll in twenty of those who ask each 5 s was lost.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
import time

import aiohttp
import pytest
import requests

from support.servers import Serving

pytestmark = pytest.mark.slow

POLLERS = 20
POLLS = 3
EVERY_S = 5.0  # what many programs wait, and what `openai-poll-after-ms` goes up to
SPREAD_S = 0.02  # the moments lie around the interval
NODE = """
const http = require("http");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [url, polls, every] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
const poll = () => new Promise((done, fail) => {
  http.get(url, { agent }, (answer) => { answer.resume(); answer.on("end", done); })
    .on("error", fail);
});
(async () => {
  for (let n = 0; n < polls; n++) {
    await poll();
    if (n + 1 < polls) await new Promise((done) => setTimeout(done, every));
  }
})();
"""


@pytest.mark.slow
def test_no_poll_each_five_seconds_is_lost_by_any_client(server: Serving) -> None:
    url = f"{server.url}/health"
    lost: list[object] = []
    with_requests = [
        threading.Thread(target=poll_by_requests, args=(url, EVERY_S + n * SPREAD_S, lost))
        for n in range(-POLLERS // 2, POLLERS // 2)
    ]
    node = node_polling(url)
    for thread in with_requests:
        thread.start()
    asyncio.run(poll_by_aiohttp(url, lost))
    for thread in with_requests:
        thread.join()

    assert lost == []
    if node is not None:
        assert node.wait(timeout=20) == 0


def poll_by_requests(url: str, every_s: float, lost: list[object]) -> None:
    with requests.Session() as session:
        for n in range(POLLS):
            try:
                session.get(url, timeout=5)
            except requests.ConnectionError as error:
                lost.append(error)
            if n + 1 < POLLS:
                time.sleep(every_s)


async def poll_by_aiohttp(url: str, lost: list[object]) -> None:
    async def poll(every_s: float) -> None:
        async with aiohttp.ClientSession() as session:
            for n in range(POLLS):
                # Not a GET, which aiohttp sends again by itself.
                try:
                    async with session.post(url) as answer:
                        await answer.read()
                except aiohttp.ClientError as error:
                    lost.append(error)
                if n + 1 < POLLS:
                    await asyncio.sleep(every_s)

    await asyncio.gather(*(poll(EVERY_S + n * SPREAD_S) for n in range(POLLERS)))


def node_polling(url: str) -> subprocess.Popen[bytes] | None:
    """Node's own agent, which sends nothing again; None where there is no Node."""
    if shutil.which("node") is None:
        return None
    every_ms = str(int(EVERY_S * 1000))
    return subprocess.Popen(["node", "-e", NODE, url, str(POLLS), every_ms])
