"""The doctor's part for open models on this machine's own devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from unstill.cli.doctor_finding import Finding, Place, nowhere
from unstill.domain.errors import BadSetting, OperatorError
from unstill.engines.diffusers.environment import CPU
from unstill.engines.diffusers.folder import BadFolder, Folder, read_folder
from unstill.engines.diffusers.machine import (
    INSTALL,
    Device,
    Machine,
    check_packages,
    devices_of,
    look_closely,
)
from unstill.engines.diffusers.memory import LARGEST, Fit, fit_of, fits, host_memory
from unstill.engines.diffusers.options import PipelineOptions
from unstill.settings.engines import DiffusersSettings
from unstill.settings.reader import Settings

_WHAT = "open models"
_NO_START = "the server does not start before that is mended"

Look = Callable[[], Machine]


def device_findings(
    settings: Settings, place: Place = nowhere, look: Look = look_closely
) -> Iterator[Finding]:
    """What is found of each engine that renders on a device: weights, devices, how the two fit."""
    engines = {
        name: engine
        for name, engine in settings.engines.items()
        if isinstance(engine, DiffusersSettings)
    }
    if not engines:
        return
    packages, machine = _packages(look)
    yield packages
    for name, engine in engines.items():
        weights, folder = _weights(name, engine, place)
        yield weights
        if folder is not None and machine is not None:
            yield from _devices(name, engine, folder, machine, place)
    if machine is not None:
        yield from _shared(engines, machine)


def _packages(look: Look) -> tuple[Finding, Machine | None]:
    try:
        machine = look()
        check_packages(machine)
    except OperatorError as error:
        return Finding(_WHAT, False, error.message, f"{INSTALL}, or take the engine away"), None
    return Finding(_WHAT, True, versions_of(machine)), machine


def _weights(name: str, engine: DiffusersSettings, place: Place) -> tuple[Finding, Folder | None]:
    what, setting = f"engine {name}", f"engines.{name}.path"
    try:
        folder = read_folder(engine.path)
    except BadFolder as error:
        mend = f"fetch what is wrong anew, or set {setting}{place(setting)} to another folder"
        return Finding(what, False, f"{engine.path}, {error.message}", mend), None
    size = sum(each.stored_bytes for each in folder.components.values())
    detail = (
        f"{folder.profile.title}, whole, {size_of(size)} in {engine.path}; {licence_of(folder)}"
    )
    return Finding(what, True, detail), folder


def _devices(
    name: str, engine: DiffusersSettings, folder: Folder, machine: Machine, place: Place
) -> Iterator[Finding]:
    try:
        names = _names(name, engine, machine)
    except BadSetting as error:
        yield Finding(f"engine {name}", False, f"{error.message}{place(error.setting)}", _NO_START)
        return
    options = msgspec.convert(engine, PipelineOptions, from_attributes=True)
    for device in machine.devices:
        if device.name in names:
            yield device_finding(f"engine {name}", folder, device, machine, options)


def _names(name: str, engine: DiffusersSettings, machine: Machine) -> tuple[str, ...]:
    setting = f"engines.{name}.devices"
    return devices_of(engine.devices, machine, allow_cpu=engine.allow_cpu, setting=setting)


def _shared(engines: Mapping[str, DiffusersSettings], machine: Machine) -> Iterator[Finding]:
    """Memory is free once: what one engine has loaded, the next one does not find."""
    owners: dict[str, list[str]] = {}
    for name, engine in engines.items():
        with suppress(BadSetting):
            for device in _names(name, engine, machine):
                owners.setdefault(device, []).append(name)
    for device, names in owners.items():
        if len(names) > 1 and device != CPU:
            detail = f"{device} is of {' and '.join(names)}, whose weights it has to hold together"
            mend = "set devices for each, or idle_unload_s for those that are seldom asked"
            yield Finding(_WHAT, False, detail, mend, is_needed=False)


# --- how weights lie on a device ------------------------------------------------------------------


def device_finding(
    what: str, folder: Folder, device: Device, machine: Machine, options: PipelineOptions
) -> Finding:
    """Which rung of the memory ladder fits there, and what the machine's own memory has to hold."""
    attention, lacks = _attention(machine.attention.get(device.name, ()), options)
    if device.name == CPU:
        rung = options.memory if options.memory in folder.profile.rungs else folder.profile.rungs[0]
        detail = f"{_told(device)}; memory = {rung}"
        detail += f", weights take {size_of(folder.float32_bytes)} in float32"
        if folder.float32_bytes > device.free_bytes:
            detail += ", which is more than is free"
            return Finding(what, False, detail, "more memory, or smaller weights", is_needed=False)
        detail += f", and a video of full size hours; {attention}"
        return Finding(what, not lacks, detail, lacks, is_needed=False)
    fit = _fit(folder, device, options)
    detail = f"{_told(device)}; {_rung(fit)}; {attention}"
    if fit.is_tight:
        mend = "smaller weights or a larger card; end what else is on it, a running server too"
        return Finding(what, False, f"{detail}; that is more than is free", mend, is_needed=False)
    host = host_memory(folder, fit.rung, free_bytes=machine.host_free_bytes)
    if host.pinned_each_bytes:
        detail += f"; {size_of(host.held_bytes)} wait in the machine's own memory"
        if host.held_bytes > machine.host_free_bytes:
            detail += f", where {size_of(machine.host_free_bytes)} are free"
            return Finding(what, False, detail, "more memory, or smaller weights", is_needed=False)
        detail += f", pinned for {host.pinned} of {len(folder.profile.denoisers)}"
    return Finding(what, not lacks, detail, lacks, is_needed=False)


def _fit(folder: Folder, device: Device, options: PipelineOptions) -> Fit:
    frames = folder.profile.longest_frames
    if options.memory == "auto" or options.memory not in folder.profile.rungs:
        return fits(folder, size=LARGEST, frames=frames, free_bytes=device.free_bytes)
    return fit_of(folder, options.memory, size=LARGEST, frames=frames, free_bytes=device.free_bytes)


def _told(device: Device) -> str:
    told = device.name if device.name == CPU else f"{device.name} is {device.title}"
    if device.capability is not None:
        told += f", capability {device.capability[0]}.{device.capability[1]}"
    return f"{told}, {size_of(device.free_bytes)} free of {size_of(device.total_bytes)}"


def _rung(fit: Fit) -> str:
    encoders = ", encoders too" if fit.keeps_encoders else ""
    return f"memory = {fit.rung}{encoders}, {size_of(fit.needs_bytes)} for the largest video"


def _attention(usable: Sequence[str], options: PipelineOptions) -> tuple[str, str]:
    """What the denoisers will run there, and what to do where that is not what was asked for."""
    wanted = options.attention
    if not usable:
        return f"attention = {wanted}, not tried", ""
    if wanted in {"auto", *usable}:
        return f"attention = {usable[0] if wanted == 'auto' else wanted}", ""
    told = f"attention = native, since {wanted} does not run there"
    return told, f"install what {wanted} needs, or set one that runs: {', '.join(usable)}"


def versions_of(machine: Machine) -> str:
    told = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    built = f"CUDA {machine.cuda}" if machine.cuda else "torch is built for CPUs"
    return f"{told}; {built}{f' ({machine.trouble})' if machine.trouble else ''}"


def licence_of(folder: Folder) -> str:
    note = folder.profile.licence_note
    return f"licence: {folder.profile.licence}{f' ({note})' if note else ''}"


def size_of(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
