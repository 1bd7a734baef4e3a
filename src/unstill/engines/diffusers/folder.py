"""A folder of weights in diffusers' layout, read and checked without torch.

Everything is there and as long as it should be: configurations, tokenizers, every shard of each
component. What the tensors hold is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from unstill.domain.errors import shown
from unstill.engines.diffusers.folder_files import (
    BadFolder,
    Tensor,
    check_there,
    read_json,
    read_tensors,
)
from unstill.engines.diffusers.model_index import NamedPart, parts_of, read_index, recognised
from unstill.engines.diffusers.profile import Profile

__all__ = ["BadFolder", "Component", "Folder", "read_folder"]

VAE = "vae"  # as every pipeline calls it
# What components without weights have as their configuration; all others have config.json.
_CONFIGS = {
    "scheduler": "scheduler_config.json",
    "guider": "guider_config.json",
    "feature_extractor": "preprocessor_config.json",
    "image_processor": "preprocessor_config.json",
}
_TOKENIZER = "tokenizer"  # and tokenizer_2
_STEMS = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
_VOCABULARIES = ("tokenizer.json", "spiece.model", "tokenizer.model", "vocab.json")
_PICKLES = (".bin", ".bin.index.json", ".pt", ".pth", ".ckpt")


class Component(msgspec.Struct, frozen=True):
    """A part of a pipeline, and how much memory its weights take."""

    name: str
    library: str
    class_name: str
    files: tuple[str, ...] = ()  # its weights', by their place in the folder; none: it has none
    parameters: int = 0
    variant: str | None = None  # such as "fp16", where its files have that in their names
    stored_bytes: int = 0
    loaded_bytes: int = 0  # in bfloat16, the VAE in float32


class Folder(msgspec.Struct, frozen=True):
    """What a folder holds. `hidden` and `blocks` are its denoiser's width and depth."""

    path: str
    profile: Profile
    components: Mapping[str, Component]
    hidden: int
    blocks: int

    @property
    def bytes_of(self) -> dict[str, int]:
        """By component, for those with weights: bytes as loaded."""
        return {name: each.loaded_bytes for name, each in self.components.items() if each.files}

    @property
    def float32_bytes(self) -> int:
        """What all weights take, as a CPU computes with them."""
        return sum(each if name == VAE else 2 * each for name, each in self.bytes_of.items())

    @property
    def encoders(self) -> tuple[str, ...]:
        """Those with weights that work once before the first step."""
        others = (*self.profile.denoisers, VAE)
        return tuple(name for name in self.bytes_of if name not in others)


class _Index(msgspec.Struct, frozen=True):
    """`*.safetensors.index.json`: which tensor is in which file."""

    weight_map: dict[str, str]


def read_folder(path: str | Path) -> Folder:
    """Which pipeline a folder holds, and that it is whole. Raises BadFolder.

    Reads heads alone: quick enough for a server's start, and for a child's.
    """
    root = Path(path)
    index = read_index(root)
    profile = recognised(index)
    parts = parts_of(index, profile)
    configs = {part.name: _config_of(root, part) for part in parts}
    components = {part.name: _component(root, part) for part in parts}
    denoiser = profile.denoisers[0]
    config = configs[denoiser]
    heads, head_dim, blocks = (
        _whole(config, f"{denoiser}/config.json", key)
        for key in ("num_attention_heads", "attention_head_dim", "num_layers")
    )
    return Folder(
        path=str(path),
        profile=profile,
        components=components,
        hidden=heads * head_dim,
        blocks=blocks,
    )


def _config_of(root: Path, part: NamedPart) -> Mapping[str, Any]:
    """Its configuration, which says the same class; a tokenizer's, and its vocabulary is there."""
    if not (root / part.name).is_dir():
        raise BadFolder(part.name, "is missing: model_index.json names it")
    if part.name.startswith(_TOKENIZER):
        return _tokenizer(root, part)
    name = f"{part.name}/{_CONFIGS.get(part.name, 'config.json')}"
    config = read_json(root, name, dict[str, Any])
    says = config.get("_class_name", part.class_name)
    if part.library == "diffusers" and says != part.class_name:
        reason = f"is of {shown(says)}, but model_index.json says {part.class_name}"
        raise BadFolder(name, reason)
    if config.get("quantization_config"):
        raise BadFolder(name, "is of weights that another library has made smaller: not read here")
    return config


def _tokenizer(root: Path, part: NamedPart) -> Mapping[str, Any]:
    config = read_json(root, f"{part.name}/tokenizer_config.json", dict[str, Any])
    names = _names_in(root, part.name)
    vocabularies = [name for name in _VOCABULARIES if name in names]
    for name in names:
        if name in vocabularies:
            check_there(root, f"{part.name}/{name}")
        if name.endswith(".json"):
            read_json(root, f"{part.name}/{name}", msgspec.Raw)  # one that was cut ends too soon
    # ByT5's vocabulary is the bytes.
    if not vocabularies and not part.class_name.startswith("ByT5"):
        needed = f"one of {', '.join(_VOCABULARIES)} is needed"
        raise BadFolder(part.name, f"has no vocabulary: {needed}")
    return config


def _weights_of(root: Path, part: NamedPart) -> tuple[str, str]:
    """The variant (empty: none), and the file or the index that a component is loaded from.

    Plain files come first, then variants by name, bf16 before fp16.
    """
    stem, names = _STEMS[part.library], _names_in(root, part.name)
    single = re.compile(rf"{stem}(?:\.(\w+))?\.safetensors")
    index = re.compile(rf"{stem}\.safetensors\.index(?:\.(\w+))?\.json")
    found: dict[str, str] = {}
    # Where both are there, transformers takes the single file and diffusers the index.
    for pattern in (single, index) if part.library == "diffusers" else (index, single):
        found |= {match[1] or "": match[0] for match in map(pattern.fullmatch, names) if match}
    if found:
        return min(found.items())
    if any(re.match(rf"{stem}\S*-of-\d+\.safetensors", name) for name in names):
        missing = f"{part.name}/{stem}.safetensors.index.json"
        raise BadFolder(missing, "is missing, though shards that it names are there")
    if pickled := next((name for name in names if name.endswith(_PICKLES)), None):
        reason = "is a pickle, which may run code when it is read: get the *.safetensors files"
        raise BadFolder(f"{part.name}/{pickled}", reason)
    raise BadFolder(f"{part.name}/{stem}.safetensors", "is missing")


def _component(root: Path, part: NamedPart) -> Component:
    if part.name in _CONFIGS or part.name.startswith(_TOKENIZER):
        return Component(part.name, part.library, part.class_name)
    variant, file = _weights_of(root, part)
    name = f"{part.name}/{file}"
    files = _sharded(root, name) if name.endswith(".json") else {name: read_tensors(root, name)}
    tensors = [tensor for each in files.values() for tensor in each.values()]
    if not tensors:
        raise BadFolder(name, "has no tensors")
    return Component(
        name=part.name,
        library=part.library,
        class_name=part.class_name,
        files=tuple(files),
        variant=variant or None,
        parameters=sum(tensor.count for tensor in tensors),
        stored_bytes=sum(tensor.size_bytes for tensor in tensors),
        loaded_bytes=sum(_loaded_bytes(tensor, part.name) for tensor in tensors),
    )


def _loaded_bytes(tensor: Tensor, component: str) -> int:
    if not tensor.is_float:
        return tensor.size_bytes
    return tensor.count * (4 if component == VAE else 2)


def _sharded(root: Path, name: str) -> Mapping[str, Mapping[str, Tensor]]:
    """The tensors of every shard that an index names, each where the index says."""
    folder = name.rpartition("/")[0]
    placed: dict[str, list[str]] = {}
    for key, file in read_json(root, name, _Index).weight_map.items():
        if Path(file).name != file:
            raise BadFolder(name, f"names a file outside of its folder, {shown(file)}")
        placed.setdefault(f"{folder}/{file}", []).append(key)
    shards = {}
    for shard, keys in sorted(placed.items()):
        shards[shard] = read_tensors(root, shard)
        if lost := [key for key in keys if key not in shards[shard]]:
            raise BadFolder(shard, f"lacks what the index has there: {len(lost)}, first {lost[0]}")
    return shards


def _names_in(root: Path, component: str) -> list[str]:
    try:
        return sorted(path.name for path in (root / component).iterdir())
    except OSError as error:
        raise BadFolder(component, f"cannot be read: {error.strerror}") from error


def _whole(config: Mapping[str, Any], name: str, key: str) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadFolder(name, f"{key} must be a whole number from 1, got {shown(value)}")
    return value
