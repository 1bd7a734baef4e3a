"""The folders that the other tests stand on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import get_args

import diffusers
import pytest

from support.tiny_weights import Kind, tiny_folder

PUBLISHED_AS = {
    "wan-a14b": "WanImageToVideoPipeline",
    "wan-5b": "WanPipeline",
    "ltx": "LTXPipeline",
    "hunyuan15": "HunyuanVideo15ImageToVideoPipeline",
}
LOADED_AS = {
    "wan-a14b": "WanImageToVideoPipeline",
    "wan-5b": "WanImageToVideoPipeline",
    "ltx": "LTXImageToVideoPipeline",
    "hunyuan15": "HunyuanVideo15ImageToVideoPipeline",
}
LARGEST_BYTES = {"wan-a14b": 600_000, "wan-5b": 600_000, "ltx": 1_000_000, "hunyuan15": 20_000_000}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_folder_is_small_named_as_published_and_loads(kind: Kind, tmp_path: Path) -> None:
    folder = tiny_folder(kind, tmp_path)

    size_bytes = sum(len(content) for content in contents(folder).values())
    index = json.loads((folder / "model_index.json").read_text())
    pipeline = getattr(diffusers, LOADED_AS[kind]).from_pretrained(folder, local_files_only=True)
    assert size_bytes < LARGEST_BYTES[kind]
    assert index["_class_name"] == PUBLISHED_AS[kind]
    assert type(pipeline).__name__ == LOADED_AS[kind]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_same_seed_makes_the_same_folder_and_another_does_not(
    kind: Kind, tmp_path: Path
) -> None:
    one = contents(tiny_folder(kind, tmp_path / "one"))
    same = contents(tiny_folder(kind, tmp_path / "same"))
    other = contents(tiny_folder(kind, tmp_path / "one", seed=9))

    assert one == same
    assert one.keys() == other.keys()
    assert one != other


def test_a_folder_that_is_there_is_taken(tmp_path: Path) -> None:
    folder = tiny_folder("wan-5b", tmp_path)
    mark = folder / "mark"
    mark.write_text("")

    began_s = time.monotonic()
    assert tiny_folder("wan-5b", tmp_path) == folder

    assert mark.exists()
    assert time.monotonic() - began_s < 0.1
    assert [each.name for each in tmp_path.iterdir()] == ["wan-5b"]
