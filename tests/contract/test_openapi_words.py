"""The description of the API says in words what parameters and fields are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.servers import Serving
from unstill.models.catalogue import CARDS


@pytest.fixture(scope="module")
def operations(server: Serving) -> list[dict[str, Any]]:
    paths = server.http.get("/openapi.json").json()["paths"].values()
    return [operation for methods in paths for operation in methods.values()]


def bodies(operations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The schema of each model in each form of each create call, and in a quote."""
    for operation in operations:
        for media in operation.get("requestBody", {"content": {}})["content"].values():
            yield from media["schema"].get("oneOf", [])


def test_every_parameter_says_what_it_is(operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        names = [parameter["name"] for parameter in operation["parameters"]]
        assert len(names) == len(set(names))
        assert all(parameter["description"] for parameter in operation["parameters"])


def test_every_length_of_a_video_is_said_to_be_in_seconds(
    operations: list[dict[str, Any]],
) -> None:
    found = list(bodies(operations))

    assert len(found) == (5 * 2 + 1) * len(CARDS)  # create calls, each in JSON and as a form
    for body in found:
        fields = body["properties"]
        for section in ("parameters", "fields"):
            fields = fields | fields.get(section, {}).get("properties", {})
        lengths = [fields[name] for name in fields if re.search("seconds|duration", name)]

        assert lengths
        assert all("in seconds" in length["description"] for length in lengths)
