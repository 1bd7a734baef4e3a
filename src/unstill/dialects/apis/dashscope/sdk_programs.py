"""A program with DashScope's SDK, as the description of the API shows it for a create call."""

from __future__ import annotations

from unstill.dialects.route import SdkProgram

_PYTHON = """\
import os

import dashscope

dashscope.base_http_api_url = "http://127.0.0.1:8000/api/v1"
done = dashscope.VideoSynthesis.call(
    api_key="YOUR_API_KEY",
    model="MODEL",
    prompt="slow push in",
    media=[{"type": "first_frame", "url": "file://" + os.path.abspath("photo.jpg")}],
    resolution="720P",
    duration=2,
)
print(done.output.task_status, done.output.video_url)
"""

PROGRAMS = (SdkProgram("Python", "DashScope SDK", _PYTHON),)
