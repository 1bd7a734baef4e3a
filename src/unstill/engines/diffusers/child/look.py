"""A program that prints what torch sees of this machine, as a line of JSON for machine.py.

It is confined as the children are that render: what a device needs more than that, it lacks here.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.environment import CPU
from unstill.engines.diffusers.machine import CLOSELY, Device, Machine
from unstill.system.machine import confine, die_with, memory_bytes

NEEDED = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors", "ftfy")


def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no part of the answer
    die_with(int(sys.argv[1]) if len(sys.argv) > 1 else None)
    confine()
    machine = seen()
    if CLOSELY in sys.argv[2:]:
        machine = with_attention(machine)
    answer = msgspec.json.encode(machine)
    os.write(out, answer + b"\n")
    # A driver's threads must not hold up the end, nor its cleaning up change the answer.
    os._exit(0)


def seen() -> Machine:
    versions = _versions()
    missing = tuple(name for name in NEEDED if name not in versions)
    total, free = memory_bytes()
    cpu = Device(name=CPU, title="CPU", total_bytes=total, free_bytes=free)
    machine = Machine(versions=versions, missing=missing, devices=(cpu,), host_free_bytes=free)
    return machine if "torch" in missing else _with_devices(machine)


def _versions() -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in NEEDED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _with_devices(machine: Machine) -> Machine:
    try:
        torch: Any = import_module("torch")  # once confined: it starts threads
    except Exception as error:  # noqa: BLE001  - a library of its own that is missing, say
        versions = {name: each for name, each in machine.versions.items() if name != "torch"}
        return msgspec.structs.replace(machine, versions=versions, trouble=in_a_line(error))
    cuda = torch.version.cuda or torch.version.hip or ""
    try:
        found = _cuda_devices(torch) if cuda else ()
    except Exception as error:  # noqa: BLE001  - a driver's trouble, in its words
        return msgspec.structs.replace(machine, cuda=cuda, trouble=in_a_line(error))
    return msgspec.structs.replace(machine, cuda=cuda, devices=(*found, *machine.devices))


def _cuda_devices(torch: Any) -> tuple[Device, ...]:
    """Raises RuntimeError where the driver has none."""
    torch.cuda.init()
    return tuple(_cuda_device(torch, number) for number in range(torch.cuda.device_count()))


def _cuda_device(torch: Any, number: int) -> Device:
    properties = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    return Device(
        name=f"cuda:{number}",
        title=properties.name,
        capability=(properties.major, properties.minor),
        total_bytes=total,
        free_bytes=free,
    )


def with_attention(machine: Machine) -> Machine:
    try:
        attention = import_module("unstill.engines.diffusers.child.attention")
        usable = {device.name: attention.usable(device.name) for device in machine.devices}
    except Exception as error:  # noqa: BLE001  - packages that do not fit each other, a driver
        return msgspec.structs.replace(machine, trouble=machine.trouble or in_a_line(error))
    return msgspec.structs.replace(machine, attention=usable)


if __name__ == "__main__":
    main()
