"""A prompt and frames as a list of parts, the body of Ark and of those that speak like it. Pure.

Source: Volcengine Ark, "create a video generation task", content; MiniMax, video generation v2,
content; both read 2026-11-28. One frame may go without a role at Ark, two may not: it is always
said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unstill.domain.request import Role

ROLES: tuple[Role, ...] = ("first", "last")


def content_parts(prompt: str, frames: Mapping[Role, str]) -> list[dict[str, Any]]:
    """The text, where there is one, then the frames; `frames` are data URLs or addresses."""
    text = [{"type": "text", "text": prompt}] if prompt.strip() else []
    pictures = [
        {"type": "image_url", "image_url": {"url": frames[role]}, "role": f"{role}_frame"}
        for role in ROLES
        if role in frames
    ]
    return [*text, *pictures]
