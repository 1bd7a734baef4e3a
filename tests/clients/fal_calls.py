"""A program that uses fal's client: submit, look, result, cancel, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import fal_client  # type: ignore[import-not-found]  # is in `.venv-clients`
import httpx

from clients.steps import told

WAN = "fal-ai/wan/v2.7/image-to-video"
INPUT = {"image_url": "https://example.com/cat.jpg", "prompt": "a cat", "duration": 5}


def refused(name: str, call: Callable[[], Any]) -> None:
    """The error that a call ends with."""
    try:
        told(name, got=call())
    except fal_client.FalClientHTTPError as error:
        told(name, error={"status": error.status_code, "message": str(error)})


def run(key: str) -> None:
    client = fal_client.SyncClient(key=key)
    handle = client.submit(WAN, arguments=INPUT)
    told("submitted", got=handle.request_id)
    told("waits", got=type(handle.status()).__name__)
    result = handle.get(interval=0.1)
    told("result", got=result)
    told("status", got=type(client.status(WAN, handle.request_id)).__name__)
    told("video", got=len(httpx.get(result["video"]["url"]).content))
    waiting = client.submit(WAN, arguments=INPUT)
    waiting.cancel()
    told("after a cancel", got=type(waiting.status()).__name__)
    refused("result of a cancelled", waiting.get)
    refused("duration as a text", lambda: client.submit(WAN, arguments=INPUT | {"duration": "5"}))
    refused("no endpoint", lambda: client.submit("fal-ai/nothing", arguments=INPUT))
    stranger = fal_client.SyncClient(key="sk-wrong")
    refused("wrong key", lambda: stranger.submit(WAN, arguments=INPUT))


if __name__ == "__main__":
    run(*sys.argv[1:])
