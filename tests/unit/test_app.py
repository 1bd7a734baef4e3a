"""What the app reads of a call before any route's work."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from unstill.server.app import _query


@pytest.mark.parametrize(
    "text",
    [
        "",
        "task_id=01a1f87a-0f4c-7512-a79b-2b832237f08e",
        "task_id=",
        "task_id",
        "task_id=a=b",
        "task_id=%E7%8C%AB",
        "task_id=a+b",
        "limit=2&order=asc",
        "limit=2&limit=3",
        "&limit=2",
        "variant=video&",
    ],
)
def test_a_query_is_read_the_same_with_and_without_the_short_way(text: str) -> None:
    found = _query(text.encode())

    assert found == dict(parse_qsl(text, keep_blank_values=True))
