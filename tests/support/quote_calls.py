"""Quotes, and the create calls of the same fields, on a server that charges for its videos."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx2
from PIL import Image

HAPPYHORSE, SORA, WAN22, WAN27 = (
    "happyhorse-1.0-i2v",
    "openai/sora-2/image-to-video-pro",
    "Wan-AI/Wan2.2-I2V",
    "wan2.7-i2v",
)
# Nobody answers there, so that no job is begun. Sora's are the camera's, which has one slot.
MONEY = f"""
[engines.camera]
kind = "camera"
slots = 1

[money]
currency = "USD"

[money.rates]
CNY = "0.125"

[engines.bailian]
kind = "dashscope"
base_url = "http://127.0.0.1:9/api/v1"
currency = "CNY"

[engines.bailian.costs."wan2.7-i2v"]
per_second = "0.6"
tiers = {{ "1080P" = {{ per_video = 8 }} }}

[models."{WAN27}"]
engines = ["bailian"]
prices = {{ "720P" = {{ per_second = "0.09" }} }}

[models."{HAPPYHORSE}"]
engines = ["bailian"]
prices = {{ "720P" = {{ per_second = "0.1" }}, "1080P" = {{ per_video = "1.5" }} }}

[models.far]
like = "{WAN22}"
engines = ["bailian"]

[models."{SORA}".prices]
"720P" = {{ per_second = "0.3" }}
"""
PHOTO = {"first": {"width": 800, "height": 600}}


def asked(model: str = WAN27, frames: object = PHOTO, **fields: object) -> dict[str, Any]:
    return {"model": model, "fields": fields, "frames": frames}


def quote(http: httpx2.Client, body: dict[str, Any]) -> dict[str, Any]:
    return told_in(http.post("/v1/quotes", json=body))


def told_in(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(http: httpx2.Client, body: object) -> tuple[int, str, str | None, str]:
    """Status, code, the field and the words."""
    answer = http.post("/v1/quotes", json=body)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"], error["message"]


def names_in_tasks(http: httpx2.Client, model: str) -> dict[str, str]:
    posts = http.get(f"/v1/models/{model}").json()["capabilities"]["posts"]
    names = (each["names"] for each in posts if each["path"] == "/v1/tasks/submit")
    return {"aspect_ratio": "parameters.aspect_ratio", **next(names)}


def picture_of(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def create_call(
    http: httpx2.Client, model: str, fields: dict[str, Any], frames: dict[str, Any]
) -> dict[str, Any]:
    """The same as a call of the tasks API, by what the list of models says of its names."""
    names = names_in_tasks(http, model)
    body: dict[str, Any] = {"model": model, "input": {}, "parameters": {}}
    pictures = {f"{role}_frame": picture_of(**sides) for role, sides in frames.items()}
    for name, value in {**fields, **pictures}.items():
        section, _, own = names[name].partition(".")
        body[section][own] = value
    return body
