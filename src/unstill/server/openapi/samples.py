"""Programs with the official SDKs for the create routes, as `x-codeSamples` of the description.

What any HTTP library sends, /docs writes by itself from the description; these it could not guess.
"""

from __future__ import annotations

from typing import Any

from unstill.dialects.port import Described
from unstill.dialects.route import Route
from unstill.models.catalogue import USUAL, Catalogue, default_at

_MODEL = "MODEL"

_OPENAI_PYTHON = """\
from pathlib import Path

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="YOUR_API_KEY")
video = client.videos.create_and_poll(
    model="MODEL",
    prompt="slow push in",
    input_reference=Path("photo.jpg"),
    seconds="4",
    size="1280x720",
)
client.videos.download_content(video.id).write_to_file("video.mp4")
"""
_OPENAI_NODE = """\
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8000/v1", apiKey: "YOUR_API_KEY" });
let video = await client.videos.create({
  model: "MODEL",
  prompt: "slow push in",
  input_reference: createReadStream("photo.jpg"),
  seconds: "4",
  size: "1280x720",
});
while (video.status === "queued" || video.status === "in_progress") {
  await pause(1000);
  video = await client.videos.retrieve(video.id);
}
const answer = await client.videos.downloadContent(video.id);
await writeFile("video.mp4", Buffer.from(await answer.arrayBuffer()));
"""
_DASHSCOPE_PYTHON = """\
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
_SAMPLES: dict[str, tuple[dict[str, str], ...]] = {
    "videos": (
        {"lang": "Python", "label": "OpenAI SDK, Python", "source": _OPENAI_PYTHON},
        {"lang": "JavaScript", "label": "OpenAI SDK, Node", "source": _OPENAI_NODE},
    ),
    "dashscope": ({"lang": "Python", "label": "DashScope SDK", "source": _DASHSCOPE_PYTHON},),
}


def sdk_samples(
    dialect: Described, route: Route[Any], catalogue: Catalogue
) -> list[dict[str, str]]:
    """With the model that the dialect takes where none is named, else the usual one."""
    if not route.makes_job:
        return []
    model = default_at(dialect.name, catalogue.cards) or USUAL.id
    samples = _SAMPLES.get(dialect.name, ())
    return [sample | {"source": sample["source"].replace(_MODEL, model)} for sample in samples]
