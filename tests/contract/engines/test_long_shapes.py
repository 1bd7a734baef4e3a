"""Shapes at the edge of what upstreams take: photos that are longer, and sizes that are not."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from support.emulator_process import Emulator
from support.in_process import created, ended, served, settings_of
from support.requests import KLING, MINIMAX, SEEDANCE20, SORA
from support.settings_files import engine as engine_table
from support.settings_files import model as model_table
from unstill.product import Product


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ark", "kling", "dashscope"])
async def test_a_panorama_is_cropped_to_the_longest_shape_that_is_taken(
    kind: str, tmp_path: Path
) -> None:
    """Sora takes them up to 32:1; these up to 2.5:1, and DashScope's Wan up to 8:1."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((3600, 400)).convert("RGB").save(buffer, "JPEG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    name = {"ark": "doubao-seedance-2-0-260128", "kling": "kling-3.0", "dashscope": "wan2.7-i2v"}
    body = {
        "model": SORA,
        "input": {"prompt": "look around", "first_frame_url": picture},
        "parameters": {"duration": 4},
    }
    with Emulator(kind, job_s=0.2) as emulator:
        toml = engine_table("far", emulator) + f'models."{SORA}" = "{name[kind]}"\n'
        toml += model_table(SORA, "far")
        async with served(Product(settings_of(tmp_path, toml))) as http:
            status = await ended(http, await created(http, body))

    assert status["output"]["task_status"] == "Success", status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "size"),
    [
        ("kling", KLING, "1860x744"),
        ("comfy", KLING, "1860x744"),
        ("comfy", MINIMAX, "640x256"),
        ("minimax", MINIMAX, "2210x884"),
        ("runware", MINIMAX, "256x640"),
        ("runware", SEEDANCE20, "1880x752"),
        ("ark", SEEDANCE20, "752x1880"),
    ],
)
async def test_an_exact_size_of_the_longest_shape_makes_no_longer_frame(
    kind: str, name: str, size: str, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(buffer, "JPEG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    body = {
        "model": name,
        "input": {"prompt": "look around", "first_frame_url": picture},
        "parameters": {"duration": 5, "size": size},
    }
    with Emulator(kind, job_s=0.2) as emulator:
        toml = engine_table("far", emulator) + model_table(name, "far")
        async with served(Product(settings_of(tmp_path, toml))) as http:
            status = await ended(http, await created(http, body))

    assert status["output"]["task_status"] == "Success", status
