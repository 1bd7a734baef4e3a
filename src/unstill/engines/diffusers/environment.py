"""What a child on a device finds in its environment, besides what all child programs may see. Pure.

Which device it has is said here, before any library looks for one: it sees that one alone.
"""

from __future__ import annotations

from collections.abc import Mapping

CPU, CUDA = "cpu", "cuda"
VISIBLE = "CUDA_VISIBLE_DEVICES"
# Measured: torch computes with as many threads as MKL has, where both are named.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
# How CUDA numbers devices, and takes its memory: an operator who has said so means it here too.
_MEMORY = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")  # the older name goes first in torch
_OPERATORS_OWN = ("CUDA_DEVICE_ORDER", *_MEMORY)
# Nothing is fetched from a hub: the folder has it all. No cache of one is looked into either.
OFFLINE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HOME": "/nonexistent/huggingface",
    "TOKENIZERS_PARALLELISM": "false",
}


def kind_of(device: str) -> str:
    """How a child calls the one device that it sees."""
    return device.partition(":")[0]


def visible(own: Mapping[str, str]) -> list[str] | None:
    """The devices that an operator leaves to this server, from cuda:0 on; None: all.

    Source: CUDA C++ programming guide, CUDA environment variables: what follows an entry that is
    none, such as -1, is not visible.
    """
    listed = own.get(VISIBLE)
    if listed is None:
        return None
    entries: list[str] = []
    for each in map(str.strip, listed.split(",")):
        if not each or each == "-1":
            break
        entries.append(each)
    return entries


def of_all_devices(own: Mapping[str, str]) -> dict[str, str]:
    """For a program that looks at them all; `own` are the server's variables."""
    listed = {VISIBLE: own[VISIBLE]} if VISIBLE in own else {}
    return {**OFFLINE, **listed, **_kept(own)}


def of_device(device: str, *, devices: int, cores: int, own: Mapping[str, str]) -> dict[str, str]:
    """For the child on `device`, one of so many; `own` are the server's variables."""
    threads = str(max(1, cores // devices))
    # Else what block offload and videos of several sizes leave between them is lost.
    segments = {} if any(map(own.get, _MEMORY)) else {_MEMORY[0]: "expandable_segments:True"}
    return {
        **OFFLINE,
        **{name: own.get(name) or own.get(_THREADS[0]) or threads for name in _THREADS},
        # It computes nothing here. Its threads start with numpy's import, and a process that has
        # any cannot leave the network, unless it is root's (system/machine.py).
        "OPENBLAS_NUM_THREADS": "1",
        **segments,
        **_kept(own),
        VISIBLE: _entry(device, own),
    }


def _kept(own: Mapping[str, str]) -> dict[str, str]:
    return {name: own[name] for name in _OPERATORS_OWN if own.get(name)}


def _entry(device: str, own: Mapping[str, str]) -> str:
    """The device as CUDA names it; nothing for a CPU."""
    if device == CPU:
        return ""
    number = int(device.removeprefix(f"{CUDA}:"))
    entries = visible(own)
    return str(number) if entries is None else entries[number]
