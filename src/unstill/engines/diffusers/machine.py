"""What this machine has for open models: packages, devices, memory. Asked of a child program.

The server never imports torch, and a driver that crashes ends only who asked it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from unstill.domain.errors import BadSetting, EngineDied, OperatorError
from unstill.engines.diffusers.environment import CPU, of_all_devices
from unstill.system.machine import child_environment

PROGRAM = "unstill.engines.diffusers.child.look"
CLOSELY = "closely"  # what the program is told to try each attention
LOOK_WITHIN_S = 180.0  # measured: torch is imported in 1 to 1.4 s, from a cold disk in a minute
INSTALL = "pip install 'unstill[diffusers]'"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One that torch sees; `name` as in the setting `devices`."""

    name: str
    title: str  # "NVIDIA H200"
    capability: tuple[int, int] | None = None  # CUDA's
    total_bytes: int
    free_bytes: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the program has found; in words where it found something wrong."""

    versions: Mapping[str, str]  # those of the packages that the engine needs, by name
    missing: tuple[str, ...] = ()  # those of them that are not there
    trouble: str = ""  # why torch cannot be used, or no CUDA device of it
    cuda: str = ""  # the release of CUDA that torch was built with; empty: for CPUs
    devices: tuple[Device, ...] = ()  # CUDA's, in order, then the CPU
    host_free_bytes: int = 0
    # By device: the attentions that run there, first what "auto" takes; of a closer look alone.
    attention: Mapping[str, tuple[str, ...]] = {}

    @property
    def cuda_devices(self) -> tuple[str, ...]:
        return tuple(device.name for device in self.devices if device.name != CPU)


@cache
def look() -> Machine:
    """As the machine was when this process first asked. Raises OperatorError."""
    return look_by(PROGRAM, own=os.environ)


def look_closely() -> Machine:
    """As it is now, and which attentions run: some seconds more. Raises OperatorError."""
    return look_by(PROGRAM, CLOSELY, own=os.environ)


def look_by(
    program: str, *words: str, own: Mapping[str, str], within_s: float = LOOK_WITHIN_S
) -> Machine:
    """What the module says as one line of JSON; `own` are the server's variables.

    words: arguments of the program, `CLOSELY` or none. Raises OperatorError.
    """
    try:
        done = subprocess.run(  # noqa: S603  - our own interpreter and module
            [sys.executable, "-P", "-m", program, str(os.getpid()), *words],
            env={**child_environment(own), **of_all_devices(own)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"torch did not say within {within_s:g} s what devices there are"
        raise OperatorError(reason) from error
    except OSError as error:
        raise OperatorError(f"{program} cannot be started: {error.strerror}") from error
    try:
        return msgspec.json.decode(done.stdout, type=Machine)
    except msgspec.DecodeError as error:
        last_words = done.stderr.decode(errors="replace")
        raise OperatorError(EngineDied(program, last_words).message) from error


def devices_of(
    wanted: Sequence[str], machine: Machine, *, allow_cpu: bool, setting: str
) -> tuple[str, ...]:
    """Those that an engine has: all that are wanted, else every CUDA device, else the CPU.

    Raises BadSetting.
    """
    there = machine.cuda_devices
    absent = next((each for each in wanted if each != CPU and each not in there), None)
    none = f"no CUDA device{f' ({machine.trouble})' if machine.trouble else ''}"
    if absent is not None:
        raise BadSetting(setting, f"names {absent}, but torch sees {', '.join(there) or none}")
    if wanted or there:
        return tuple(wanted) or there
    if allow_cpu:
        return (CPU,)
    mend = "allow_cpu = true renders on the CPU, where a video of full size takes hours"
    raise BadSetting(setting, f"there is nothing to render on, torch sees {none}; {mend}")


def check_packages(machine: Machine) -> None:
    """Raises OperatorError that says what to install."""
    if machine.missing:
        raise OperatorError(f"needs {', '.join(machine.missing)}: {INSTALL}")
    if "torch" not in machine.versions:
        raise OperatorError(f"torch cannot be used: {machine.trouble}; {INSTALL}")
