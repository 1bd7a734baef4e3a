"""SGLang: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN22
from support.upstream_requests import request


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {"prompt": prompt, "input_reference": PICTURE, "seconds": 5}
    return emulator.http.post("/v1/videos", json=body)


ROW = Row(request(WAN22), has_links=False, takes_any_model=True)
BY_HAND = ByHand(submit, "completed")
