"""The files of a folder of weights, read with care and without torch: JSON, and safetensors' heads.

The layout of a safetensors file: eight bytes with the head's length, little-endian; the head, JSON
that says of each tensor its type, shape and place; the tensors, without a gap. Source:
github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from unstill.domain.errors import OperatorError, shown

LONGEST_HEAD_BYTES = 100_000_000  # safetensors, MAX_HEADER_SIZE
LONGEST_JSON_BYTES = 100_000_000
_GIT_LFS = b"version https://git-lfs"  # what a clone without git-lfs has in a file's place

# Bits of a value; safetensors, Dtype.
_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "U16": 16,
    "I16": 16,
    "F16": 16,
    "BF16": 16,
    "U32": 32,
    "I32": 32,
    "F32": 32,
    "U64": 64,
    "I64": 64,
    "F64": 64,
    "C64": 64,
}
_FLOATS = tuple(name for name in _BITS if name.startswith(("F", "BF")))

# The last one for what is nested without end.
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class BadFolder(OperatorError):
    """A folder of weights that cannot be used.

    `what` is the file or the component that is wrong, by its place in the folder.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what = what
        self.reason = reason


class Tensor(msgspec.Struct, frozen=True):
    """What a head says of one: `data_offsets` count from the head's end."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype in _FLOATS

    @property
    def size_bytes(self) -> int:
        return self.data_offsets[1] - self.data_offsets[0]


def read_json(root: Path, name: str, of: type[T]) -> T:
    """What a file of the folder says. Raises BadFolder."""
    with _opened(root, name) as (file, size_bytes):
        if size_bytes > LONGEST_JSON_BYTES:
            raise BadFolder(name, f"has {size_bytes} bytes, which no such file has")
        text = file.read()
    if text.startswith(_GIT_LFS):
        raise _pointer(name)
    try:
        return msgspec.json.decode(text, type=of)
    except _NOT_JSON as error:
        # Schedulers of diffusers have -Infinity in theirs, as Python writes it and no other.
        with suppress(ValueError, RecursionError):
            return msgspec.convert(json.loads(text.decode()), of)
        raise BadFolder(name, f"is not the JSON that it should be: {error}") from error


def check_there(root: Path, name: str) -> None:
    """Raises BadFolder for a file that is missing, empty, or not the file itself."""
    with _opened(root, name) as (file, size_bytes):
        if not size_bytes:
            raise BadFolder(name, "is empty")
        if file.read(len(_GIT_LFS)) == _GIT_LFS:
            raise _pointer(name)


def read_tensors(root: Path, name: str) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file, which is whole as far as its length says; BadFolder else.

    Reads the head alone: a server's start has no minutes for the rest.
    """
    with _opened(root, name) as (file, size_bytes):
        length_bytes = file.read(8)
        if length_bytes == _GIT_LFS[:8]:
            raise _pointer(name)
        head_bytes = int.from_bytes(length_bytes, "little")
        if len(length_bytes) < 8 or size_bytes < 8 + head_bytes <= 8 + LONGEST_HEAD_BYTES:
            raise BadFolder(name, f"is cut short: {size_bytes} bytes do not even hold its head")
        if head_bytes > LONGEST_HEAD_BYTES:
            raise BadFolder(name, "is no safetensors file: its first bytes are no head's length")
        head = file.read(head_bytes)
    tensors = _decoded(name, head)
    _check_places(name, tensors, size_bytes - 8 - head_bytes)
    return tensors


def _decoded(name: str, head: bytes) -> Mapping[str, Tensor]:
    try:
        entries = msgspec.json.decode(head, type=dict[str, msgspec.Raw])
        entries.pop("__metadata__", None)
        return {key: msgspec.json.decode(raw, type=Tensor) for key, raw in entries.items()}
    except _NOT_JSON as error:
        raise BadFolder(
            name, f"is no safetensors file: its head is not understood: {error}"
        ) from error


def _check_places(name: str, tensors: Mapping[str, Tensor], data_bytes: int) -> None:
    """The tensors lie one after another from the first byte to the file's last."""
    end = 0
    for key, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        bits = _BITS.get(tensor.dtype)
        if bits is None:
            raise BadFolder(name, f"{shown(key)} is of a type that is not known: {tensor.dtype}")
        is_of_its_size = all(side >= 0 for side in tensor.shape) and (
            tensor.size_bytes * 8 == tensor.count * bits
        )
        if tensor.data_offsets[0] != end or not is_of_its_size:
            raise BadFolder(name, f"has a head that lies: {shown(key)} cannot be where it says")
        end = tensor.data_offsets[1]
    if end > data_bytes:
        raise BadFolder(name, f"is cut short: {end - data_bytes} bytes of {end} are missing")
    if end < data_bytes:
        raise BadFolder(name, f"has {data_bytes - end} bytes more than its head says")


@contextmanager
def _opened(root: Path, name: str) -> Iterator[tuple[BinaryIO, int]]:
    """A file of the folder and its size. Raises BadFolder if it is not there or cannot be read.

    A pipe or a device is not opened: it would hold up the start. Links are followed: the caches of
    hubs are made of them.
    """
    path = root / name
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadFolder(name, "is not a file")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        is_link = path.is_symlink()
        reason = "is a link to a file that is not there" if is_link else "is missing"
        raise BadFolder(name, reason) from error
    except OSError as error:
        raise BadFolder(name, f"cannot be read: {error.strerror}") from error


def _pointer(name: str) -> BadFolder:
    return BadFolder(name, "is Git LFS's pointer to the file: run `git lfs pull` in the folder")
