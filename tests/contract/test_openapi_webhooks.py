"""The description of the API says what the server posts by itself, and it does post that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from jsonschema import Draft202012Validator

from support.free_ports import free_port
from support.servers import LOOPBACK_ALLOWED, Serving
from support.webhook_receiver import SECRET, Got, answers, receiving
from unstill.domain.delivery import EventType

SIGNING = LOOPBACK_ALLOWED | {"UNSTILL_WEBHOOK_SECRET": SECRET}
NO_PICTURE = f"http://127.0.0.1:{free_port()}/cat.jpg"  # a job of it fails at once


def told(folder: Path) -> tuple[dict[str, Any], list[Got]]:
    """The description of a server, and the two tries of an event that it has posted."""
    with Serving(folder, environment=SIGNING) as server, receiving(answers(500)) as receiver:
        body = {"model": "wan2.7-i2v", "input": {"img_url": NO_PICTURE}}
        server.submit(body | {"webhook_url": receiver.url})
        return server.http.get("/openapi.json").json(), receiver.wait(2)


def is_valid(api: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    return bool(Draft202012Validator(schema | {"components": api["components"]}).is_valid(value))


def test_every_type_of_event_is_described_with_an_example_of_it(server: Serving) -> None:
    api = server.http.get("/openapi.json").json()

    assert set(api["webhooks"]) == set(get_args(EventType))
    for kind, item in api["webhooks"].items():
        content = item["post"]["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == kind
        assert is_valid(api, content["schema"], content["example"])
        assert not is_valid(api, content["schema"], content["example"] | {"type": "video.other"})


def test_an_event_comes_as_it_is_described(tmp_path: Path) -> None:
    api, tries = told(tmp_path)
    posted = api["webhooks"]["video.failed"]["post"]
    schema = posted["requestBody"]["content"]["application/json"]["schema"]
    headers = {each["name"]: each["schema"] for each in posted["parameters"]}

    assert headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    for got in tries:
        assert is_valid(api, schema, json.loads(got.body))
        assert not is_valid(api, schema, json.loads(got.body) | {"type": "video.completed"})
        for name, shape in headers.items():
            assert is_valid(api, shape, got.headers[name])
