"""What of a prompt had no effect is told with a finished job, in every dialect."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import httpx2

from support.in_process import create_body, created, ended, served, settings_of
from unstill.product import Product

PROMPT = "穿红衣服的老人坐着, push in. A 50% grey wall, he walks"
STATUS = (
    "/v1/tasks/status?task_id={id}",
    "/v1/videos/{id}",
    "/openai/v1/videos/{id}",
    "/api/v1/tasks/{id}",
)


async def made(http: httpx2.AsyncClient, prompt: str) -> str:
    body = create_body(duration=2)
    body["input"]["prompt"] = prompt
    task_id = await created(http, body)
    await ended(http, task_id)
    return task_id


async def test_words_without_effect_are_told_in_a_header_and_in_our_own_list(
    tmp_path: Path,
) -> None:
    async with served(Product(settings_of(tmp_path))) as http:
        deaf = await made(http, PROMPT)
        heard = await made(http, "slowly push in")
        told = (await http.get(f"/v1/jobs/{deaf}")).json()["unheard"]
        nothing = (await http.get(f"/v1/jobs/{heard}")).json()["unheard"]
        answers = [await http.get(path.format(id=deaf)) for path in STATUS]
        silent = [await http.get(path.format(id=heard)) for path in STATUS]

    assert told == ["穿红衣服的老人坐着", "50% grey wall", "he walks"]
    assert nothing == []
    for answer in answers:
        header = answer.headers["x-unstill-unheard"]
        assert [unquote(each) for each in header.split(", ")] == told
        assert "unheard" not in answer.text
    assert not any("x-unstill-unheard" in answer.headers for answer in silent)


async def test_a_header_has_as_many_pieces_as_a_proxy_takes_and_the_list_has_all(
    tmp_path: Path,
) -> None:
    prompt = ",".join(f"{number}{'老' * 70}" for number in range(12))
    async with served(Product(settings_of(tmp_path))) as http:
        deaf = await made(http, prompt)
        told = (await http.get(f"/v1/jobs/{deaf}")).json()["unheard"]
        header = (await http.get(f"/v1/tasks/status?task_id={deaf}")).headers["x-unstill-unheard"]

    assert len(told) == 12
    assert [unquote(each) for each in header.split(", ")] == told[: len(header.split(", "))]
    assert 500 < len(header) <= 1024
