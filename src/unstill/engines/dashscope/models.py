"""Which of DashScope's models stands for which of unstill's, and what its answers say. Pure.

What each takes is in upstreams/dashscope_models.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.domain.request import VideoRequest
from unstill.upstreams.dashscope_models import MODELS, DashScopeModel
from unstill.upstreams.port import Unclear, Verdict
from unstill.upstreams.replies import at
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.vocabulary import BUILT_IN, WordTables

VIDEO_GENERATION = "/services/aigc/video-generation/video-synthesis"
IMAGE_TO_VIDEO = "/services/aigc/image2video/video-synthesis"

# It says so of a task it has forgotten, and now and then of one that it has.
UNKNOWN = Unclear("unknown_task", "the upstream does not know this task, or not now")
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")

# The engine's own choice of an upstream model. Sora has no successor anywhere; wan2.7-i2v has its
# lengths and tiers, and sound.
CHOICES: Mapping[str, str] = {
    "wan2.7-i2v": "wan2.7-i2v",
    "happyhorse-1.0-i2v": "happyhorse-1.0-i2v",
    "happyhorse-1.1-i2v": "happyhorse-1.1-i2v",
    "kling-v3": "kling/kling-v3-video-generation",
    "Wan-AI/Wan2.2-I2V": "wan2.2-i2v-flash",
    "openai/sora-2/image-to-video-pro": "wan2.7-i2v",
}


def known(name: str) -> DashScopeModel | None:
    """The model behind an upstream name, its dated snapshots included."""
    model = MODELS.get(_SNAPSHOT.sub("", name))
    return None if model is None else msgspec.structs.replace(model, name=name)


def for_request(model: DashScopeModel, request: VideoRequest) -> DashScopeModel:
    """`model`, or the one beside it that takes a last frame."""
    if request.last_frame is not None and model.last_frame_model:
        return MODELS[model.last_frame_model]
    return model


def path_of(model: DashScopeModel) -> str:
    return IMAGE_TO_VIDEO if model.frames_in == "pair" else VIDEO_GENERATION


def verdict_of(
    fields: Mapping[str, Any], words: WordTables = BUILT_IN, *, ticket: str = ""
) -> Verdict | None:
    """What a query's answer says of a task; None if it says nothing. Raises Odd."""
    if at(fields, "output.task_status") == "UNKNOWN":
        return UNKNOWN
    return verdict_in(fields, words, ticket=ticket)
