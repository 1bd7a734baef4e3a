"""What had no effect is told in the answer's body, its header and the log, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from support.create_calls import body_of
from support.servers import Serving

PATHS = {
    "tasks": "/v1/tasks/submit",
    "videos": "/v1/videos",
    "openai": "/openai/v1/videos",
    "dashscope": "/api/v1/services/aigc/video-generation/video-synthesis",
}
ASYNC = {"X-DashScope-Async": "enable"}
UNIFIED = {"content": [{"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png"}}]}


def submitted(server: Serving, dialect: str, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    answer = server.http.post(PATHS[dialect], json=body, headers=ASYNC)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.headers.get("x-unstill-ignored", "")


def with_ignored(dialect: str) -> tuple[dict[str, Any], list[str]]:
    body = body_of(dialect, "sora-2", seed=5, style="noir")
    prefix = "parameters." if dialect in {"tasks", "dashscope"} else ""
    return body | {"project": "a"}, ["project", f"{prefix}style", f"{prefix}seed"]


@pytest.mark.parametrize("dialect", PATHS)
def test_ignored_fields_are_named_in_body_header_and_log(server: Serving, dialect: str) -> None:
    body, names = with_ignored(dialect)

    answer, header = submitted(server, dialect, body)

    assert sorted(answer["ignored"]) == sorted(names)
    assert header == ", ".join(answer["ignored"])
    job_id = answer["output"]["task_id"] if "output" in answer else answer["id"]
    lines = [line for line in server.log.splitlines() if "fields_ignored" in line]
    told = next(line for line in lines if job_id in line)
    assert all(name in told for name in names)
    assert "noir" not in told
    if "output" not in answer:
        assert "ignored" not in server.http.get(f"/v1/videos/{job_id}").json()


def test_so_they_are_in_the_unified_words(server: Serving) -> None:
    body = body_of("videos") | {"input_reference": UNIFIED, "style": "noir"}

    answer, header = submitted(server, "videos", body)

    assert (answer["status"], answer["ignored"], header) == ("QUEUED", ["style"], "style")


@pytest.mark.parametrize("dialect", PATHS)
def test_where_nothing_was_ignored_nothing_is_told(server: Serving, dialect: str) -> None:
    answer, header = submitted(server, dialect, body_of(dialect))

    assert "ignored" not in answer
    assert header == ""


def test_many_and_long_names_are_cut(server: Serving) -> None:
    body = body_of("videos") | {f"{'a' * 200}{number}": 1 for number in range(50)}

    answer, header = submitted(server, "videos", body)

    assert len(answer["ignored"]) == 20
    assert {len(name) for name in answer["ignored"]} == {80}
    assert header.split(", ") == answer["ignored"][:12]


@pytest.mark.parametrize(("last", "told"), [(40, 13), (41, 12)])
def test_a_header_has_as_many_names_as_1024_bytes_hold(
    server: Serving, last: int, told: int
) -> None:
    names = [f"{number:080}" for number in range(12)] + ["z" * last]

    answer, header = submitted(server, "videos", body_of("videos") | dict.fromkeys(names, 1))

    assert answer["ignored"] == names
    assert header.split(", ") == names[:told]
    assert len(header) == (1024 if told == 13 else 982)


@pytest.mark.parametrize("dialect", PATHS)
def test_a_key_or_control_characters_as_a_fields_name_do_not_reach_the_log(
    server: Serving, dialect: str
) -> None:
    answer, _ = submitted(server, dialect, body_of(dialect) | {"x\n\x1b[2J sk-of-somebody": 1})

    job_id = answer["output"]["task_id"] if "output" in answer else answer["id"]
    lines = [line for line in server.log.splitlines() if "fields_ignored" in line]
    (told,) = [line for line in lines if job_id in line]
    assert "x [key]" in told
    assert "sk-of-somebody" not in server.log
