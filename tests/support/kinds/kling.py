"""Kling: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import KLING
from support.upstream_requests import request

KLING_30 = "/image-to-video/kling-3.0"


def kling(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    contents = [{"type": "prompt", "text": prompt}, {"type": "first_frame", "url": PICTURE}]
    return {"contents": contents, "settings": {"multi_shot": False}} | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(KLING_30, json=kling(prompt))


ROW = Row(request(KLING), "", asks_together=True)
BY_HAND = ByHand(
    submit,
    "succeeded",
    poll="/tasks?task_ids={id}",
    id_at="data.id",
    word_at="data.0.status",
    link_at="data.0.outputs.0.url",
    lost_word="",
)
