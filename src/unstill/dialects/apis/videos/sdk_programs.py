"""Programs with OpenAI's SDKs, as the description of the API shows them for a create call."""

from __future__ import annotations

from unstill.dialects.route import SdkProgram

_PYTHON = """\
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
_NODE = """\
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

PROGRAMS = (
    SdkProgram("Python", "OpenAI SDK, Python", _PYTHON),
    SdkProgram("JavaScript", "OpenAI SDK, Node", _NODE),
)
