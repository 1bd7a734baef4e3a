"""ComfyUI: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import ByHand, Row
from support.requests import WAN22
from support.upstream_requests import request

GRAPH = Path(__file__).parent.with_name("comfyui_graph.json")


def comfyui(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    """A graph without a picture: one would have to be uploaded first."""
    nodes = {
        "1": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt}},
        "2": {"class_type": "WanImageToVideo", "inputs": {"positive": ["1", 0], "length": 81}},
        "3": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0]}},
    }
    return {"prompt": nodes, "prompt_id": str(uuid4())} | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/prompt", json=comfyui(prompt))


ROW = Row(
    request(WAN22),
    "",
    has_links=False,
    cancels=True,
    looks_at_frames=False,
    takes_any_model=True,
    own={"graph": str(GRAPH)},
)
BY_HAND = ByHand(
    submit,
    "success",
    poll="/history/{id}",
    id_at="prompt_id",
    word_at="*.status.status_str",
    failed="error",
    content="/view?filename={id}_00001_.mp4&subfolder=&type=output",
    lost_word="",
)
