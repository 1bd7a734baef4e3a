"""The parameters of the dashscope dialect, as the description of the API has them.

Source: as for dialect.py.
"""

from __future__ import annotations

from typing import Any

import msgspec

from unstill.dialects.apis.dashscope.list_query import PAGE, STATUSES, USUAL_PAGE_SIZE
from unstill.dialects.route import Parameter

_MOMENT: dict[str, Any] = {"type": "string", "format": "moment"}

TASK_ID = Parameter(
    "path", "task_id", "The task's id, as its create call answered it.", is_job_id=True
)
ASYNC = Parameter(
    "header",
    "X-DashScope-Async",
    "Tasks are made asynchronously only.",
    {"type": "string", "enum": ["enable"]},
    is_needed=True,
)
RESOLVE = Parameter(
    "header",
    "X-DashScope-OssResourceResolve",
    "`enable`, for pictures that were uploaded ahead.",
)
FILTERS = (
    msgspec.structs.replace(TASK_ID, place="query"),
    Parameter(
        "query", "start_time", "Only tasks made from then on; YYYYMMDDhhmmss in UTC+8.", _MOMENT
    ),
    Parameter("query", "end_time", "Only tasks made until then; YYYYMMDDhhmmss in UTC+8.", _MOMENT),
    Parameter("query", "model_name", "Only tasks of this model."),
    Parameter(
        "query",
        "status",
        "Only tasks in this state.",
        {"type": "string", "enum": list(STATUSES)},
    ),
    Parameter("query", "page_no", "From 1.", PAGE.schema() | {"default": 1}),
    Parameter(
        "query", "page_size", "Tasks on a page.", PAGE.schema() | {"default": USUAL_PAGE_SIZE}
    ),
)
ACTION = Parameter(
    "query",
    "action",
    "What is asked for: a policy to upload with.",
    {"type": "string", "enum": ["getPolicy"]},
    is_needed=True,
)
MODEL = Parameter("query", "model", "A model's id or alias.", is_needed=True, is_model=True)
