"""The state words of each dialect, and who asks to be told in OpenAI's."""

from __future__ import annotations

from typing import Literal

SDK = {"x-stainless-lang": "python"}
Said = Literal["tasks", "unified", "openai", "dashscope"]
WORDS: dict[Said, tuple[str, str, str, str]] = {
    "tasks": ("Pending", "Running", "Success", "Failure"),
    "unified": ("QUEUED", "IN_PROGRESS", "SUCCESS", "FAILURE"),
    "openai": ("queued", "in_progress", "completed", "failed"),
    "dashscope": ("PENDING", "RUNNING", "SUCCEEDED", "FAILED"),
}
