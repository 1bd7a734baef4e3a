"""OpenAI's videos: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import SORA
from support.upstream_requests import request


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(
        "/v1/videos",
        json={"model": "sora-2", "prompt": prompt, "input_reference": {"image_url": PICTURE}},
    )


ROW = Row(request(SORA), has_links=False)
BY_HAND = ByHand(submit, "completed")
