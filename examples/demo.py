"""Four photos become four videos, each through the request that its model's own document shows.

Starts a server on a free port, sends the requests, shows their progress, saves one mp4 per model
under demo/, and stops the server. Run it with `make demo`.
"""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from unstill.cli.client import Client, ServerRefused
from unstill.cli.temporary_server import started_server

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "photos"
OUT = ROOT / "demo"
POLL_S = 0.3
ENDED = frozenset({"Success", "Failure", "SUCCESS", "FAILURE"})


class Order(NamedTuple):
    """One documented request: where it goes and what it says."""

    model: str
    path: str
    body: dict[str, Any]


class Sent(NamedTuple):
    order: Order
    job_id: str
    engine: str
    bar: TaskID


def data_url(name: str) -> str:
    return "data:image/jpeg;base64," + base64.b64encode((PHOTOS / name).read_bytes()).decode()


def tasks(model: str, inputs: Mapping[str, str], parameters: Mapping[str, Any]) -> Order:
    body = {"model": model, "input": dict(inputs), "parameters": dict(parameters)}
    return Order(model, "/v1/tasks/submit", body)


def orders() -> list[Order]:
    cat = data_url("chelsea.jpg")
    reference = {
        "content": [
            {
                "type": "image_url",
                "role": "first_frame",
                "image_url": {"url": data_url("rocket.jpg")},
            }
        ]
    }
    return [
        tasks(
            "Wan-AI/Wan2.2-I2V",
            {
                "first_frame_url": cat,
                "last_frame_url": cat,
                "prompt": "Convert to quick pencil sketch",
            },
            {"resolution": "720P"},
        ),
        tasks(
            "openai/sora-2/image-to-video-pro",
            {"first_frame_url": data_url("dandelion.jpg"), "prompt": "The image is coming to life"},
            {"resolution": "720p", "duration": 4},
        ),
        Order(
            "wan2.7-i2v",
            "/v1/videos",
            {
                "model": "wan2.7-i2v",
                "prompt": "让画面中的角色向前走两步,镜头轻微推进,电影感光影。",
                "size": "1280x720",
                "seconds": "5",
                "generate_audio": False,
                "input_reference": reference,
            },
        ),
        tasks(
            "happyhorse-1.0-i2v",
            {"prompt": "镜头缓慢环绕宇航员", "img_url": data_url("astronaut.jpg")},
            {"resolution": "720P", "duration": 5},
        ),
    ]


def submit(client: Client, order: Order, bars: Progress) -> Sent:
    answer, headers = client.ask("POST", order.path, order.body)
    job_id = answer["id"] if "id" in answer else answer["output"]["task_id"]
    bar = bars.add_task(order.model, total=100)
    return Sent(order, job_id, headers["x-unstill-engine"], bar)


def poll(client: Client, sent: Sent) -> tuple[str, int, str]:
    """State word, percent, and what went wrong, through the order's own documented route."""
    if sent.order.path == "/v1/videos":
        video, _ = client.ask("GET", f"/v1/videos/{sent.job_id}")
        return video["status"], video["progress"], str(video.get("error"))
    status, _ = client.ask("GET", f"/v1/tasks/status?task_id={sent.job_id}")
    output = status["output"]
    return output["task_status"], output["progress"], output.get("error_message", "")


def wait(client: Client, all_sent: list[Sent], update: Callable[[TaskID, int], None]) -> None:
    waiting = list(all_sent)
    while waiting:
        for sent in tuple(waiting):
            word, percent, error = poll(client, sent)
            update(sent.bar, percent)
            if word.upper() == "FAILURE":
                raise ServerRefused(f"{sent.order.model}: {error}")
            if word in ENDED:
                waiting.remove(sent)
        time.sleep(POLL_S)


def saved(client: Client, sent: Sent) -> tuple[Path, dict[str, Any]]:
    """Any job can be read through any dialect: size and length are asked of /v1/videos."""
    path = OUT / (sent.order.model.rpartition("/")[2] + ".mp4")
    client.download(f"/v1/videos/{sent.job_id}/content", path)
    video, _ = client.ask("GET", f"/v1/videos/{sent.job_id}")
    return path, video


def main() -> None:
    out = Console()
    OUT.mkdir(exist_ok=True)
    columns = (
        TextColumn("{task.description:34}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
    )
    with (
        tempfile.TemporaryDirectory(prefix="unstill-demo-") as folder,
        started_server(folder) as address,
        Client(address) as client,
    ):
        out.print(f"A server is running at {address}.")
        with Progress(*columns, TimeElapsedColumn(), console=out) as bars:
            all_sent = [submit(client, order, bars) for order in orders()]
            wait(client, all_sent, lambda bar, percent: bars.update(bar, completed=percent))
        for sent in all_sent:
            path, video = saved(client, sent)
            file = f"{path.relative_to(ROOT)}: {video['size']}, {video['seconds']} s"
            out.print(f"\n[bold]{sent.order.model}[/] at {sent.order.path}, by {sent.engine}")
            out.print(f"  asked  {video['prompt']}\n  got    {file}", highlight=False)
    out.print("\nThe server is stopped. Now your own photo:")
    out.print("  .venv/bin/unstill generate photo.jpg 'slow push in' -o video.mp4", highlight=False)


if __name__ == "__main__":
    main()
