"""`unstill weights check FOLDER`, where torch is not installed: the files, and what is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from support.weight_folders import write_folder
from unstill.engines.diffusers.profiles import PROFILES

BY_NAME = {profile.name: profile for profile in PROFILES}
HAS_TORCH = importlib.util.find_spec("torch") is not None

without_torch = pytest.mark.skipif(HAS_TORCH, reason="for a machine without torch")


def check(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unstill", "weights", "check", *args],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_whole_folder_is_told_with_its_parts_and_its_licence(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-a14b"])

    ran = check(str(root), "--no-render")

    assert (ran.returncode, ran.stderr) == (0, "")
    first, pipeline, licence, *parts = ran.stdout.splitlines()
    assert first == f"Wan 2.2 I2V A14B, whole, in {root}"
    assert pipeline == "pipeline: WanImageToVideoPipeline of diffusers"
    assert licence == "licence: Apache-2.0"
    assert [line.split()[0] for line in parts[:5]] == [
        "transformer",
        "transformer_2",
        "vae",
        "text_encoder",
        "together",
    ]
    assert parts[0].endswith("WanTransformer3DModel, 2 files")
    assert parts[2].endswith("AutoencoderKLWan, 1 file")


def test_a_folder_that_is_not_whole_ends_with_1_and_the_file(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-a14b"])
    shard = "transformer_2/diffusion_pytorch_model-00002-of-00002.safetensors"
    (root / shard).unlink()

    ran = check(str(root))

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"unstill: {root}, {shard}: is missing\n"


def test_what_is_no_folder_of_weights_ends_with_1_and_what_is_known(tmp_path: Path) -> None:
    ran = check(str(tmp_path))

    assert ran.returncode == 1
    assert ran.stderr == f"unstill: {tmp_path}, model_index.json: is missing: the folder is empty\n"


@without_torch
def test_without_torch_a_whole_folder_is_told_and_that_no_video_was_made(tmp_path: Path) -> None:
    root = write_folder(tmp_path, BY_NAME["wan2.2-5b"])

    rendering, files_alone = check(str(root)), check(str(root), "--no-render")

    assert rendering.returncode == 1
    assert rendering.stdout.startswith("Wan 2.2 TI2V 5B, whole")
    assert rendering.stderr.startswith("unstill: it is whole, but no video was made of it: needs ")
    assert "pip install 'unstill[diffusers]'" in rendering.stderr
    assert files_alone.returncode == 0
    assert "devices are not looked at: needs torch" in files_alone.stdout
