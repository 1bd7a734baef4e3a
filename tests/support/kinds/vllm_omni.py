"""VLLM-Omni: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import CHELSEA, ByHand, Row
from support.requests import WAN22
from support.upstream_requests import request

VLLM_MODEL = "Wan-AI/Wan2.2-I2V-A14B-Diffusers"


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(
        "/v1/videos",
        data={"prompt": prompt, "seconds": "5"},
        files={"input_reference": ("a.jpg", CHELSEA, "image/jpeg")},
    )


ROW = Row(request(WAN22), has_links=False, cancels=True, takes_any_model=True)
BY_HAND = ByHand(submit, "completed")
