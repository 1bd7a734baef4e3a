"""The engine of open weights with children that need no torch (contract/toy_diffusers_child.py)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.toy_diffusers_child import Told
from support.requests import WAN22, a_request
from support.weight_folders import write_folder
from unstill.domain.engine import Local, Made, Scene
from unstill.domain.errors import EngineDied
from unstill.domain.request import Size
from unstill.engines.diffusers import Diffusers
from unstill.engines.diffusers.machine import Device, Machine
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profiles import PROFILES

TESTS = Path(__file__).parents[1]
CHILDS_PATH = os.pathsep.join(map(str, (TESTS / "contract", TESTS, TESTS.parent / "src")))
A14B, SMALL, LTX = (
    next(each for each in PROFILES if each.name == name)
    for name in ("wan2.2-a14b", "wan2.2-5b", "ltx-video")
)
TWO_CARDS = Machine(
    versions={"torch": "2.13.0", "diffusers": "0.42.1"},
    devices=tuple(
        Device(name=name, title="", total_bytes=1, free_bytes=1)
        for name in ("cuda:0", "cuda:1", "cpu")
    ),
)


class ToyDiffusers(Diffusers):
    """The engine with the children of `contract`."""

    def _environment(self, slot: int) -> Mapping[str, str]:
        return {**super()._environment(slot), "PYTHONPATH": CHILDS_PATH}


class Bench:
    """An engine under test, with its folder of weights."""

    def __init__(self, engine: Diffusers, weights: Path, folder: Path) -> None:
        self.engine: Local = engine
        self.weights = weights
        self._folder = folder

    async def render(self, prompt: str = "", *, job: str = "a", deaths: int = 0) -> Made:
        request = a_request(model=WAN22, prompt=prompt)
        scene = Scene(
            job_id=job,
            request=request,
            size=Size(832, 480),
            frames={"first": self._folder / "first"},
            out=self._folder / f"{job}.part",
            deaths=deaths,
        )
        return await self.engine.render(scene, lambda _: None)

    async def died(self, prompt: str, *, job: str = "a", deaths: int = 0) -> str:
        """What is said of the death of a child."""
        with pytest.raises(EngineDied) as death:
            await self.render(prompt, job=job, deaths=deaths)
        assert death.value.code == EngineDied.code
        return death.value.message

    def told(self, task: str = "") -> list[Told]:
        """The tasks that children were told, or those of one name."""
        journal = self.weights / "journal"
        lines = journal.read_bytes().splitlines() if journal.exists() else []
        told = [msgspec.json.decode(line, type=Told) for line in lines]
        return [each for each in told if task in ("", each.task)]


@asynccontextmanager
async def bench(
    tmp_path: Path,
    *,
    devices: tuple[str, ...] = ("cuda:0",),
    profile: Any = A14B,
    options: Mapping[str, Any] | None = None,
    **own: Any,
) -> AsyncIterator[Bench]:
    weights = write_folder(tmp_path / "weights", profile)
    (tmp_path / "first").touch()
    engine = ToyDiffusers(
        "gpu",
        PipelineOptions(path=str(weights), **(options or {})),
        cores=4,
        devices=devices,
        look=lambda: TWO_CARDS,
        program="toy_diffusers_child",
        **own,
    )
    try:
        yield Bench(engine, weights, tmp_path)
    finally:
        await engine.close()
