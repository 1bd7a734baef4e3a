"""A whole job through `unstill serve`, and the same call of plain diffusers beside it.

The folder of weights is written here: a full-size denoiser and VAE with random weights, and a text
encoder of few layers, which reads a prompt in no time in any case.
"""

from __future__ import annotations

import shutil
import time
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import torch
from benchmarks.gpu_forwards import AS_TORCH_BEGINS, Bench, profile_of
from benchmarks.gpu_models import Model
from benchmarks.gpu_networks import (
    denoiser_of,
    dtype_on,
    free,
    products_in,
    timed,
    vae_of,
)
from benchmarks.gpu_rows import PLAIN, TimedJob
from benchmarks.process import running
from diffusers import UniPCMultistepScheduler, WanImageToVideoPipeline
from PIL import Image
from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

from unstill.domain.request import Size
from unstill.engines.diffusers.environment import CPU, CUDA
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.shapes import shape_of
from unstill.system.installed import note

MODEL = "Wan-AI/Wan2.2-I2V"
DURATION_S = 5
STEPS = 4  # at so few there is no guidance, so a step is one forward
PROMPT = "a slow push in"
LETTERS = "▁abcdefghijklmnopqrstuvwxyz"
MADE_WITHIN_S = 240.0
WRITE_S, START_S, LOAD_S, JOB_S = 20.0, 10.0, 10.0, 8.0  # at most, for the budget; guesses
CONFIG = """
[engines.gpu]
kind = "diffusers"
path = "{path}"
steps = {steps}
{own}
[models."{model}"]
engines = ["gpu"]
"""
OWN = {CUDA: 'devices = ["cuda:0"]', CPU: 'devices = ["cpu"]\nallow_cpu = true'}


class Order(NamedTuple):
    """The video that is asked for. fps: 0 for the model's own rate."""

    resolution: str
    size: Size
    fps: int

    def __str__(self) -> str:
        return f"{self.size.width}x{self.size.height}, {DURATION_S} s, {STEPS} steps"


WHOLE = Order("480P", Size(832, 480), 0)
FEW_FRAMES = WHOLE._replace(fps=1)  # five, for a CPU


def time_jobs(bench: Bench, model: Model, order: Order, folder: Path, rows: list[TimedJob]) -> None:
    """A first job from the server's start on, a second one, and plain diffusers' call."""
    device, what = bench.device, f"{model.name}, {order}"
    if not bench.budget.allows(
        f"{what}, through the server", WRITE_S + START_S + LOAD_S + 2 * JOB_S
    ):
        return
    weights = folder / "weights"
    needed = 1.5 * model.weights_bytes + 4 * 2**30  # the VAE and the text encoder besides
    if shutil.disk_usage(folder).free < needed:
        why = f"needs {needed / 2**30:.0f} GiB of disk in the temporary folder"
        bench.budget.leave_out(f"{what}, through the server", why)
        return
    write_folder(model, weights, device)
    free(device)
    rows += served(weights, order, device, folder / "data", what)
    if bench.budget.allows(f"{what}, {PLAIN}", LOAD_S + 2 * JOB_S):
        rows.append(plain(weights, model, order, device, what))
    for row in rows:
        print("  ".join(row.cells), flush=True)


# --- the folder ---------------------------------------------------------------------------------


def write_folder(model: Model, folder: Path, device: str) -> None:
    pipeline = WanImageToVideoPipeline(
        transformer=denoiser_of(model, device),
        vae=vae_of(model, device),
        text_encoder=text_encoder_of(model),
        tokenizer=tokenizer(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
        ),
        expand_timesteps=model.has_time_of_tokens,
    )
    pipeline.save_pretrained(folder)


def text_encoder_of(model: Model) -> Any:
    width = model.denoiser["text_dim"]
    config = UMT5Config(
        vocab_size=len(LETTERS) + 3,
        d_model=width,
        d_kv=8,
        d_ff=2 * width,
        num_layers=2,
        num_heads=4,
    )
    return UMT5EncoderModel(config).eval()


def tokenizer() -> Any:
    """One that knows letters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((each, -1.0) for each in LETTERS)]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


# --- through the server -------------------------------------------------------------------------


def served(weights: Path, order: Order, device: str, data: Path, what: str) -> list[TimedJob]:
    data.mkdir()
    note(data)  # no self-test beside what is measured
    own = OWN[device] + (f"\nfps = {order.fps}" if order.fps else "")
    config = CONFIG.format(path=weights, steps=STEPS, own=own, model=MODEL)
    (data / "unstill.toml").write_text(config)
    command = ["unstill", "serve", "--port", "0", "--data-dir", str(data)]
    began = time.perf_counter()
    with (
        running([*command, "--config", str(data / "unstill.toml")]) as server,
        httpx2.Client(base_url=server.url, timeout=90) as http,
    ):
        told = video(http, order)
        first_s = time.perf_counter() - began
        second_s = seconds_of(lambda: video(http, order))
    return [
        TimedJob(what, f"from the server's start, with the load ({told})", first_s),
        TimedJob(what, "through the server that has loaded", second_s),
    ]


def video(http: httpx2.Client, order: Order) -> str:
    """Ask for one and fetch it; what made it, as its answer says."""
    given = {"first_frame_url": picture(order), "prompt": PROMPT}
    parameters = {"resolution": order.resolution, "duration": DURATION_S, "seed": 1}
    body = {"model": MODEL, "input": given, "parameters": parameters}
    answer = http.post("/v1/tasks/submit", json=body)
    answer.raise_for_status()
    task = answer.json()["output"]["task_id"]
    until = time.monotonic() + MADE_WITHIN_S
    while time.monotonic() < until:
        status = http.get("/v1/tasks/status", params={"task_id": task, "wait": 30})
        output = status.json()["output"]
        if output["task_status"] == "Success":
            http.get(f"/v1/videos/{task}/content").raise_for_status()
            return status.headers["X-Unstill-Engine"]
        if output["task_status"] == "Failure":
            raise RuntimeError(output.get("error_message"))
    raise RuntimeError(f"no video within {MADE_WITHIN_S:g} s")


def picture(order: Order) -> str:
    file = BytesIO()
    image(order).save(file, "JPEG")
    return b64encode(file.getvalue()).decode()


def image(order: Order) -> Image.Image:
    size = (order.size.width, order.size.height)
    return Image.linear_gradient("L").resize(size).convert("RGB")


# --- without it ---------------------------------------------------------------------------------


def plain(weights: Path, model: Model, order: Order, device: str, what: str) -> TimedJob:
    """The second of two calls with diffusers' defaults: frames in memory, and no file."""
    shape = shape_of(
        duration_s=DURATION_S,
        size=order.size,
        options=PipelineOptions(path=str(weights), fps=order.fps),
        profile=profile_of(model),
    )
    pipeline = WanImageToVideoPipeline.from_pretrained(
        weights,
        local_files_only=True,
        dtype={"default": dtype_on(device), "vae": torch.float32},
    ).to(device)
    pipeline.set_progress_bar_config(disable=True)

    def call() -> object:
        return pipeline(
            image=image(order).resize((shape.render.width, shape.render.height)),
            prompt=PROMPT,
            height=shape.render.height,
            width=shape.render.width,
            num_frames=shape.frames_asked,
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            output_type="np",
        )

    with products_in(AS_TORCH_BEGINS):
        *_, took_s = timed(device, call, times=2)
    return TimedJob(what, f"{PLAIN}, loaded, frames without a file", took_s)


def seconds_of(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
