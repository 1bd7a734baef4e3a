"""`unstill weights check FOLDER` with torch: a tiny video is made, or it is said why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.tiny_weights import tiny_folder
from support.weight_folders import write_tensors


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unstill", "weights", "check", str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_whole_folder_makes_a_tiny_video(tmp_path: Path) -> None:
    folder = tiny_folder("wan-a14b", tmp_path)
    # One part is of a variant, as publishers leave them; the others are not.
    weights = folder / "vae/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".fp16.safetensors"))

    ran = check(folder)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Wan 2.2 I2V A14B, whole, in ")
    assert "\ncpu, " in ran.stdout
    assert "attention = native" in ran.stdout
    last = ran.stdout.splitlines()[-1]
    assert last.startswith("rendered and checked 5 frames of 96x64 on cpu in ")
    assert "(kind=diffusers; model=Wan 2.2 I2V A14B; steps=2; memory=resident; version=" in last


def test_a_folder_whose_weights_do_not_load_ends_with_1_and_the_component(tmp_path: Path) -> None:
    folder = tiny_folder("wan-5b", tmp_path)
    # Its head is true, but it is not what the configuration says.
    write_tensors(folder / "vae/diffusion_pytorch_model.safetensors", {"a": (3,)}, "F32")

    ran = check(folder)

    assert ran.returncode == 1
    assert ran.stdout.startswith("Wan 2.2 TI2V 5B, whole, in ")
    assert "unstill: it is whole, but no video was made of it: vae" in ran.stderr
