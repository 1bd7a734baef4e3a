"""The parameters of the videos dialect, and what each may be."""

from __future__ import annotations

import re
from typing import get_args

from unstill.dialects.parameters import UUID_SCHEMA
from unstill.dialects.route import Parameter
from unstill.domain.job import Variant
from unstill.models.field_kinds import Whole

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# OpenAI, GET /videos, limit and order.
LIMIT, USUAL_LIMIT = Whole(least=0, most=100), 20
ORDERS, USUAL_ORDER = ("asc", "desc"), "desc"
VARIANTS: dict[str, Variant] = {variant: variant for variant in get_args(Variant)}

VIDEO_ID = Parameter(
    "path",
    "video_id",
    "The video's id, as its create call answered it.",
    UUID_SCHEMA,
    is_job_id=True,
)
CHARACTER_ID = Parameter("path", "character_id", "Any: there are no characters.")
PAGING = (
    Parameter(
        "query",
        "limit",
        "How many videos at most.",
        LIMIT.schema() | {"default": USUAL_LIMIT},
    ),
    Parameter(
        "query",
        "after",
        "The id of the last video that you have; without it the list begins at its beginning.",
        {"type": "string", "pattern": f"^({ID.pattern})?$"},
    ),
    Parameter(
        "query",
        "order",
        "`desc` is newest first.",
        {"type": "string", "enum": [*ORDERS], "default": USUAL_ORDER},
    ),
)
VARIANT = Parameter(
    "query",
    "variant",
    "The mp4, a WebP of its middle, a JPEG of frames from all over it, or its last as a PNG.",
    {"type": "string", "enum": [*VARIANTS], "default": "video"},
)
