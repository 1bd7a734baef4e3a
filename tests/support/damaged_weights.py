"""Damage to a folder of weights, as downloads, copies and hands do it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.weight_folders import write_head, write_json
from unstill.engines.diffusers.profiles import PROFILES

BY_NAME = {profile.name: profile for profile in PROFILES}
A14B, SMALL = BY_NAME["wan2.2-a14b"], BY_NAME["wan2.2-5b"]
STEM = "diffusion_pytorch_model"
FIRST, SECOND = f"{STEM}-00001-of-00002.safetensors", f"{STEM}-00002-of-00002.safetensors"


def change_json(path: Path, **values: object) -> None:
    write_json(path, {**json.loads(path.read_bytes()), **values})


Damage = Callable[[Path], object]
HEAD: dict[str, Any] = {"a": {"dtype": "F32", "shape": [10], "data_offsets": [0, 40]}}


def lie(**values: object) -> Damage:
    """The VAE's head with other words about its only tensor, over 40 bytes."""
    head = json.dumps({"a": {**HEAD["a"], **values}}).encode()
    return lambda root: write_head(root / "vae" / f"{STEM}.safetensors", head, data_bytes=40)


def vae(data: bytes) -> Damage:
    return lambda root: (root / "vae" / f"{STEM}.safetensors").write_bytes(data)


def cut(name: str, size_bytes: int) -> Damage:
    return lambda root: os.truncate(root / name, (root / name).stat().st_size - size_bytes)


def remove(name: str) -> Damage:
    return lambda root: (root / name).unlink()


def remove_part(name: str) -> Damage:
    def damage(root: Path) -> None:
        for path in (root / name).iterdir():
            path.unlink()
        (root / name).rmdir()

    return damage


def index(**values: object) -> Damage:
    return lambda root: change_json(root / "model_index.json", **values)


def index_without(name: str) -> Damage:
    def damage(root: Path) -> None:
        entries = json.loads((root / "model_index.json").read_bytes())
        del entries[name]
        write_json(root / "model_index.json", entries)

    return damage


def config(part: str, **values: object) -> Damage:
    return lambda root: change_json(root / part / "config.json", **values)


def shards(**placed: str) -> Damage:
    name = f"transformer/{STEM}.safetensors.index.json"
    return lambda root: change_json(root / name, weight_map=placed)


def replace_by_pickle(root: Path) -> None:
    (root / f"vae/{STEM}.safetensors").rename(root / f"vae/{STEM}.bin")


def link_to_nothing(root: Path) -> None:
    path = root / f"vae/{STEM}.safetensors"
    path.unlink()
    path.symlink_to("../../blobs/gone")


def pipe_instead(root: Path) -> None:
    path = root / f"vae/{STEM}.safetensors"
    path.unlink()
    os.mkfifo(path)


VAE_FILE = f"vae/{STEM}.safetensors"
SHARD = f"transformer_2/{SECOND}"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 40\n"
