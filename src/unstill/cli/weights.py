"""The command line's part for weights of open models: is a folder whole, and does it work here?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.doctor_devices import device_finding, licence_of, size_of, versions_of
from unstill.cli.doctor_finding import Finding
from unstill.domain.errors import OperatorError, UnstillError
from unstill.engines.diffusers.environment import CPU
from unstill.engines.diffusers.folder import BadFolder, Folder, read_folder
from unstill.engines.diffusers.machine import Device, Machine, check_packages, look_closely
from unstill.engines.diffusers.options import PipelineOptions
from unstill.system.machine import usable_cores

_NO_VIDEO = "no video was made of it"

app = typer.Typer(help="Weights of open models, for engines of this machine.", no_args_is_help=True)
out = Console(highlight=False)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder in diffusers' layout.")],
    *,
    render: Annotated[
        bool, typer.Option(help="Load the weights, and make a tiny video with them.")
    ] = True,
) -> None:
    """Say what a folder of weights is, whether it is whole, and make a tiny video with it.

    Ends with 0 only if all of that went well: without torch there is no video.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    found = _read(folder)
    for line in _described(found):
        _say(line)
    try:
        machine = look_closely()
        check_packages(machine)
    except OperatorError as error:
        if render:
            raise OperatorError(f"it is whole, but {_NO_VIDEO}: {error.message}") from error
        _say(f"devices are not looked at: {error.message}")
        return
    _say(versions_of(machine))
    findings = [
        device_finding(each.name, found, each, machine, PipelineOptions(path=found.path))
        for each in _rendering(machine)
    ]
    for finding in findings:
        _say(finding.detail)
    if render:
        _check_room(machine, findings[0])
        _say(_made(found, machine))


def _read(path: Path) -> Folder:
    try:
        return read_folder(path)
    except BadFolder as error:
        raise OperatorError(f"{path}, {error.message}") from error


def _described(folder: Folder) -> Iterator[str]:
    parts = [each for each in folder.components.values() if each.files]
    width = max(len(each.name) for each in parts)
    yield f"{folder.profile.title}, whole, in {folder.path}"
    yield f"pipeline: {folder.profile.pipeline} of diffusers"
    yield licence_of(folder)
    for each in parts:
        size = f"{_count(each.parameters)}  {size_of(each.stored_bytes):>9}"
        files = "1 file" if len(each.files) == 1 else f"{len(each.files)} files"
        yield f"  {each.name:{width}}  {size}  {each.class_name}, {files}"
    stored = size_of(sum(each.stored_bytes for each in parts))
    loaded = size_of(sum(folder.bytes_of.values()))
    whole = _count(sum(each.parameters for each in parts))
    yield f"  {'together':{width}}  {whole}  {stored:>9}  on the disk; {loaded} on a GPU"


def _count(parameters: int) -> str:
    is_large = parameters >= 1e9
    return f"{parameters / (1e9 if is_large else 1e6):7.3f} {'B' if is_large else 'M'}"


def _rendering(machine: Machine) -> Sequence[Device]:
    """The devices that an engine would have: all of CUDA, or the CPU."""
    return [each for each in machine.devices if each.name != CPU] or machine.devices


def _check_room(machine: Machine, first: Finding) -> None:
    """A GPU says that it is full; a CPU's machine may end other programs first."""
    if not first.is_well and _rendering(machine)[0].name == CPU:
        raise OperatorError(f"it is whole, but {_NO_VIDEO}: {first.detail}")


def _made(folder: Folder, machine: Machine) -> str:
    # It brings in the engine, which the other commands do without.
    from unstill.engines.diffusers.self_test import make_video  # noqa: PLC0415

    device = _rendering(machine)[0].name
    _say(f"loading it on {device}, which may take minutes, and rendering a tiny video")
    made = make_video(folder, machine, device=device, cores=usable_cores(), report=lambda _: None)
    try:
        return asyncio.run(made)
    except (UnstillError, OSError) as error:
        raise OperatorError(f"it is whole, but {_NO_VIDEO}: {error}") from error


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
