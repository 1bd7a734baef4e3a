"""Folders of weights in diffusers' layout, made by hand: all files of one, and no weights in them.

Nothing here needs torch, and nothing can be rendered with them; `tiny_weights.py` makes those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path

from unstill.engines.diffusers.profile import Profile

Shapes = Mapping[str, tuple[int, ...]]

_BYTES = {"BF16": 2, "F32": 4, "I64": 8}
_CLASSES = {  # where a profile takes any
    "tokenizer": "T5TokenizerFast",
    "tokenizer_2": "ByT5Tokenizer",
    "scheduler": "UniPCMultistepScheduler",
    "guider": "ClassifierFreeGuidance",
    "feature_extractor": "SiglipImageProcessor",
}
_CONFIGS = {
    "scheduler": "scheduler_config.json",
    "guider": "guider_config.json",
    "feature_extractor": "preprocessor_config.json",
}
_OF_TRANSFORMERS = ("text_encoder", "tokenizer", "image_encoder", "feature_extractor")
DENOISER = {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 3}


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")


def write_tensors(path: Path, shapes: Shapes, dtype: str = "BF16") -> None:
    """A safetensors file of zeros."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + prod(shape) * _BYTES[dtype]
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    write_head(path, json.dumps(head).encode(), data_bytes=end)


def write_head(path: Path, head: bytes, *, data_bytes: int) -> None:
    """A safetensors file with a head that may lie."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(data_bytes))


def write_folder(root: Path, profile: Profile, pipeline: str = "") -> Path:
    """A whole folder of a profile; its denoisers are of two shards, all else of one file."""
    index: dict[str, object] = {
        "_class_name": pipeline or profile.pipeline,
        "_diffusers_version": "0.42.1",
        "image_processor": [None, None],
    }
    for key, value in profile.index.items():
        index[key] = 0.9 if value is float else value
    for name, wanted in profile.components.items():
        library = "transformers" if name.startswith(_OF_TRANSFORMERS) else "diffusers"
        class_name = wanted or _CLASSES[name]
        index[name] = [library, class_name]
        _write_component(root / name, library, class_name, profile)
    write_json(root / "model_index.json", index)
    return root


def _write_component(folder: Path, library: str, class_name: str, profile: Profile) -> None:
    name = folder.name
    if name.startswith("tokenizer"):
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": class_name})
        if class_name != "ByT5Tokenizer":
            write_json(folder / "tokenizer.json", {"model": {}})
        return
    named = {"_class_name": class_name} if library == "diffusers" else {}
    own = DENOISER if name in profile.denoisers else {}
    write_json(folder / _CONFIGS.get(name, "config.json"), {**named, **own})
    if name in profile.denoisers:
        write_shards(folder, "diffusion_pytorch_model")
    elif name == "vae":
        write_tensors(folder / "diffusion_pytorch_model.safetensors", {"a": (10,)}, "F32")
    elif name not in _CONFIGS:
        write_tensors(folder / "model.safetensors", {"a": (5, 4)}, "F32")


def write_shards(folder: Path, stem: str) -> None:
    """Two files of 6 and 4 values, and their index."""
    first, second = f"{stem}-00001-of-00002.safetensors", f"{stem}-00002-of-00002.safetensors"
    write_tensors(folder / first, {"a": (2, 3)})
    write_tensors(folder / second, {"b": (3,), "c": ()})
    placed = {"a": first, "b": second, "c": second}
    write_json(folder / f"{stem}.safetensors.index.json", {"metadata": {}, "weight_map": placed})
