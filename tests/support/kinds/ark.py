"""Ark: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import SORA
from support.upstream_requests import request

ARK_TASKS = "/api/v3/contents/generations/tasks"


def seedance(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
    body: dict[str, Any] = {
        "model": "doubao-seedance-2-0-260128",
        "content": [{"type": "text", "text": prompt}, picture],
    }
    return body | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(ARK_TASKS, json=seedance(prompt))


ROW = Row(request(SORA), "/api/v3", cancels=True)
BY_HAND = ByHand(submit, "succeeded", poll=f"{ARK_TASKS}/{{id}}", link_at="content.video_url")
