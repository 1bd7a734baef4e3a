"""What the server's own description says, and whether values keep to it."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.server.admin.routes import AdminRoutes
from unstill.server.own_routes import OwnRoutes

SERVED = (
    Tasks(),
    Videos(),
    Videos(prefix="/openai", states="openai"),
    DashScope(),
    AdminRoutes(),
    OwnRoutes(),
)
CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
KEYFRAMES = "/api/v1/services/aigc/image2video/video-synthesis"
SUBMITS = ("/v1/tasks/submit", "/v1/videos", "/openai/v1/videos", CREATE, KEYFRAMES)
ASYNC = {"X-DashScope-Async": "enable"}
VIDEO = "/v1/videos/{video_id}"
TASK = {"model": "wan2.7-i2v", "input": {"img_url": "https://example.com/a.png"}}
FILM = {"model": "wan2.7-i2v", "input_reference": "https://example.com/a.png"}


def operation(api: dict[str, Any], path: str, method: str = "get") -> dict[str, Any]:
    return dict(api["paths"][path][method])


def flaws(api: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """What `value` does not keep of a schema of the description."""
    whole = schema | {"components": api["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def body_flaws(api: dict[str, Any], path: str, body: object) -> list[str]:
    content = operation(api, path, "post")["requestBody"]["content"]["application/json"]
    return flaws(api, content["schema"], body)


def answer_flaws(
    api: dict[str, Any], path: str, value: object, *, method: str = "get", status: str = "200"
) -> list[str]:
    answer = operation(api, path, method)["responses"][status]
    return flaws(api, answer["content"]["application/json"]["schema"], value)


def is_named(answer: dict[str, Any], refusal: dict[str, Any]) -> bool:
    """Whether a described answer names the code of a real one, in whatever envelope it is."""
    return refusal.get("error", refusal)["code"] in answer["description"].split(", ")
