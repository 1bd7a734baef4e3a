"""A server with an operator and two owners, as the tests of the admin API ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from support.in_process import create_body, served
from support.waits import PATIENCE_S
from unstill.product import Product
from unstill.settings.reader import Settings, read_settings

ProductMaker = Callable[[], Product]


UNKNOWN = "01a1f87e-d82e-7c04-b50f-3fd6008dc4ba"


LONG: dict[str, Any] = {"size": "1280*720", "duration": 15}


def settings_of_file(file: Path) -> Settings:
    return read_settings(file=file, environment={}, command_line={})


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Team:
    """A server with an operator's key and two owners' keys, which its clients send."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.keys: dict[str, str] = {}

    async def make_keys(self) -> None:
        made = await self.http.post("/admin/keys", json={"owner": "ops", "scope": "admin"})
        assert made.status_code == 200, made.text
        self.keys["ops"] = made.json()["key"]
        for owner in ("ann", "bob"):
            self.keys[owner] = (await self.told("POST", "/admin/keys", {"owner": owner}))["key"]

    async def ask(self, method: str, path: str, body: object = None) -> httpx2.Response:
        headers = by(self.keys["ops"])
        if body is None:
            return await self.http.request(method, path, headers=headers)
        return await self.http.request(method, path, headers=headers, json=body)

    async def told(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self.ask(method, path, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def refused(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """Status, code and message."""
        answer = await self.ask(method, path, body)
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return answer.status_code, error["code"], error["message"]

    async def submit(self, owner: str, **parameters: Any) -> httpx2.Response:
        body = create_body(**parameters)
        return await self.http.post("/v1/tasks/submit", json=body, headers=by(self.keys[owner]))

    async def submitted(self, owner: str, **parameters: Any) -> str:
        answer = await self.submit(owner, **parameters)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    async def until(self, is_so: Callable[[dict[str, Any]], bool], path: str) -> dict[str, Any]:
        """What is told there once it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so(told := await self.told("GET", path)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return told


@asynccontextmanager
async def team_of(product: Product) -> AsyncIterator[Team]:
    async with served(product) as http:
        team = Team(http)
        await team.make_keys()
        yield team


async def ended_by(team: Team, job: str) -> None:
    await team.until(lambda told: told["state"] == "succeeded", f"/admin/jobs/{job}")
