"""`diffusers`: open models from a folder of weights, on a device of this machine.

This module is the server's side. All that touches weights or pixels is in `child`, a program of
which each device has one: it loads when the server starts, or with the first job, and stays.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from unstill.domain.engine import MOST_DEATHS, Made, Report, Scene
from unstill.domain.errors import (
    BadField,
    BadSetting,
    EngineDied,
    OperatorError,
    ShuttingDown,
    UnstillError,
)
from unstill.domain.request import VideoRequest
from unstill.engines.diffusers import machine
from unstill.engines.diffusers.descent import Descent
from unstill.engines.diffusers.environment import CPU, kind_of, of_device
from unstill.engines.diffusers.folder import BadFolder, Folder, read_folder
from unstill.engines.diffusers.folder_files import read_tensors
from unstill.engines.diffusers.machine import Machine, check_packages, devices_of
from unstill.engines.diffusers.misfits import misfit_of
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.sampling import steps_of
from unstill.engines.diffusers.shapes import longest_s
from unstill.engines.diffusers.task import (
    LOADED,
    LOADING,
    Generated,
    GenerateTask,
    Loaded,
    LoadTask,
    WarmTask,
)
from unstill.engines.diffusers.warm_up import legal_shapes
from unstill.media.events import ChildNote
from unstill.media.pool import Pool
from unstill.system.machine import Confinement

log = structlog.get_logger()

PROGRAM = "unstill.engines.diffusers.child"
DEFAULT_MODELS = ("Wan-AI/Wan2.2-I2V",)
LORA_SUFFIX = ".safetensors"  # by which diffusers knows them; others it would read as pickles
START_WITHIN_S = 300.0  # measured: its imports take 4 s, from a cold disk a minute
# Nothing is said while one component is read: 28 GB of a disk that gives 50 MB a second take ten
# minutes. A compile is as silent, for two minutes on a busy machine.
SILENCE_S = 1800.0
# From one block to the next, with the weights there. A14B has 0.16 PFLOP in one at 720P: 0.3 s on
# an H100, a minute on a card with a hundredth of its pace.
BLOCK_SILENCE_S = 300.0
STOP_WITHIN_S = 1.0


class DiedOfJob(EngineDied):
    """The death of a child, with what it means for the job."""

    def __init__(self, death: EngineDied, meaning: str) -> None:
        UnstillError.__init__(self, "; ".join(filter(None, (death.message, meaning))))
        self.last_words = death.last_words


class Diffusers:
    """Weights of one folder as a `Local` engine; each of its devices renders one job at a time."""

    kind = "diffusers"
    is_generative = True

    def __init__(
        self,
        name: str,
        options: PipelineOptions,
        *,
        cores: int,
        devices: Sequence[str] = (),
        allow_cpu: bool = False,
        models: Sequence[str] = (),
        idle_unload_s: float = 0.0,
        tells_prompt: bool = False,
        look: Callable[[], Machine] = machine.look,
        program: str = PROGRAM,
        silence_s: float = SILENCE_S,
        block_silence_s: float = BLOCK_SILENCE_S,
    ) -> None:
        """devices: as in the setting; empty: every CUDA device. models: canonical ids.

        tells_prompt: in each file's metadata, for whoever gets the file.
        Raises BadSetting: packages, a folder or devices that cannot do.
        """
        where = f"engines.{name}"
        self.name = name
        self._options = options
        self.folder = _folder_of(options, where)
        _check_options(options, self.profile, where)
        self._machine = _machine_of(look, where)
        self._devices = devices_of(
            devices, self._machine, allow_cpu=allow_cpu, setting=f"{where}.devices"
        )
        self.slots = len(self._devices)
        self._cores = cores
        self._models = tuple(models) or DEFAULT_MODELS
        self._check_lengths(f"{where}.fps")
        self._loads_at_start = idle_unload_s == 0
        self._tells_prompt = tells_prompt
        self._silence_s = silence_s
        self._block_silence_s = block_silence_s
        self._loaded: set[int] = set()  # slots of children that have said so
        self._descent = Descent(memory=options.memory, rungs=self.profile.rungs)
        self._rendering = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._beginning: asyncio.Task[None] | None = None
        self.description = f"{self.profile.title}, an open model, on a device of this machine"
        self.label = self._made_by(steps=steps_of(options, self.profile), memory=options.memory)
        self._pool = Pool(
            program,
            size=self.slots,
            recycle_after=None,
            start_within_s=START_WITHIN_S,
            environment=self._environment,
            stop_within_s=STOP_WITHIN_S,
            idle_end_s=idle_unload_s,
            noted=self._noted,
            engine=name,
        )

    @property
    def profile(self) -> Profile:
        return self.folder.profile

    @property
    def children(self) -> tuple[Pool]:
        return (self._pool,)

    @property
    def confinement(self) -> Confinement | None:
        """What keeps its children to their tasks; None before one has started."""
        return self._pool.confinement

    def misfit(self, request: VideoRequest) -> BadField | None:
        return misfit_of(request, models=self._models, options=self._options, profile=self.profile)

    def _check_lengths(self, setting: str) -> None:
        """Raises BadSetting where its rate leaves room for no video that its models may have."""
        if self._options.fps and not any(legal_shapes(self._models, self.misfit)):
            longest = longest_s(self._options, self.profile)
            reason = f"leaves {longest} s of {self.profile.title} at most, less than"
            models = " and ".join(self._models)
            raise BadSetting(setting, f"{reason} any video of {models}, got {self._options.fps}")

    async def startup(self) -> None:
        """Begin to load the weights on every device, unless they are to be there for jobs alone."""
        if self._loads_at_start:
            self._beginning = asyncio.create_task(self._begin())

    async def render(self, scene: Scene, report: Report) -> Made:
        """Raises BadImage, EngineDied, and TaskFailed for weights that do not load."""
        down = self._descent.begins_at(scene.job_id, scene.deaths)
        task = GenerateTask(
            load=self._load_task(down),
            job_id=scene.job_id,
            request=scene.request,
            size=scene.size,
            frames={role: str(path) for role, path in scene.frames.items()},
            out=str(scene.out),
            tells_prompt=self._tells_prompt,
        )
        try:
            with self._job_there():
                rendered = await self._pool.run(
                    "render", task, Generated, report=report, silence_s=self._silence_of
                )
        except EngineDied as death:
            is_last = scene.deaths >= MOST_DEATHS
            raise DiedOfJob(
                death, self._descent.died(scene.job_id, down, is_last=is_last)
            ) from death
        self._descent.ended(scene.job_id)
        return Made(made_by=self._made_by(steps=rendered.steps, memory=rendered.loaded.memory))

    async def close(self) -> None:
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.gather(self._beginning, return_exceptions=True)
        await self._pool.close()

    # --- before the first job --------------------------------------------------------------------

    async def _begin(self) -> None:
        loaded = await asyncio.gather(*[self._load() for _ in self._devices])
        if self._options.compile and all(loaded):
            await self._warm_up()

    async def _load(self) -> bool:
        """Whether the next idle child has the weights; further down where they were too large."""
        while True:
            down = self._descent.learnt
            try:
                await self._pool.run(
                    "load", self._load_task(down), Loaded, silence_s=self._silence_of
                )
            except ShuttingDown:
                return False
            except UnstillError as error:
                if isinstance(error, EngineDied) and self._descent.learnt > down:
                    continue
                self._say_not_loaded(error)
                return False
            return True

    def _say_not_loaded(self, error: UnstillError) -> None:
        """Jobs try again, and say it each: what is wrong may be mended meanwhile."""
        last_words = error.last_words if isinstance(error, EngineDied) else ""
        log.error("weights_not_loaded", engine=self.name, why=error.message, last_words=last_words)

    async def _warm_up(self) -> None:
        """Compile for each shape that callers may ask for, while there is no job.

        A shape that was begun is ended: a compile does not hear a stop, and a child that is killed
        for that has to load again. A job waits for that one shape, and most likely profits of it.
        """
        for size, duration_s in legal_shapes(self._models, self.misfit):
            await self._is_idle.wait()
            load = self._load_task(self._descent.learnt)
            task = WarmTask(load=load, shapes=(size,), duration_s=duration_s)
            warmed = [
                self._pool.run("warm", task, type(None), silence_s=self._silence_of)
                for _ in self._devices
            ]
            try:
                await asyncio.gather(*warmed)
            except UnstillError as error:
                log.warning("warm_up_given_up", engine=self.name, why=error.message)
                return

    @contextmanager
    def _job_there(self) -> Iterator[None]:
        self._rendering += 1
        self._is_idle.clear()
        try:
            yield
        finally:
            self._rendering -= 1
            if not self._rendering:
                self._is_idle.set()

    # --- of children -----------------------------------------------------------------------------

    def _environment(self, slot: int) -> Mapping[str, str]:
        self._loaded.discard(slot)  # what begins there now has nothing
        return of_device(self._devices[slot], devices=self.slots, cores=self._cores, own=os.environ)

    def _load_task(self, rungs_down: int) -> LoadTask:
        # A child sees one device, and all children of an engine have the same kind.
        return LoadTask(
            options=self._options, device=kind_of(self._devices[0]), rungs_down=rungs_down
        )

    def _noted(self, slot: int, note: ChildNote) -> None:
        self._descent.noted(note.name, note.fields)
        if note.name == LOADING:
            self._loaded.discard(slot)
        if note.name == LOADED:
            self._loaded.add(slot)
            steps = steps_of(self._options, self.profile)
            self.label = self._made_by(steps=steps, memory=str(note.fields.get("memory", "")))

    def _silence_of(self, slot: int) -> float:
        """A CPU may take as long for a block as a disk for a component."""
        is_quick = kind_of(self._devices[slot]) != CPU and not self._options.compile
        if slot in self._loaded and is_quick:
            return min(self._block_silence_s, self._silence_s)
        return self._silence_s

    def _made_by(self, *, steps: int, memory: str) -> str:
        """What a file and a header say of the engine: one text, its parts split by semicolons."""
        said = {
            "kind": self.kind,
            "model": self.profile.title,
            "steps": str(steps),
            "memory": memory,
            "version": self._machine.versions["diffusers"],
        }
        return "; ".join((self.name, *(f"{key}={value}" for key, value in said.items() if value)))


# --- what the settings name, before anything is begun --------------------------------------------


def _folder_of(options: PipelineOptions, where: str) -> Folder:
    try:
        return read_folder(Path(options.path))
    except BadFolder as error:
        raise BadSetting(f"{where}.path", str(error)) from error


def _check_options(options: PipelineOptions, profile: Profile, where: str) -> None:
    """What an operator asks of a pipeline that it does not have. Raises BadSetting."""
    experts = len(profile.denoisers)
    if len(options.lora) > experts:
        reason = f"must be a file for each expert, and {profile.title} has {experts}"
        raise BadSetting(f"{where}.lora", f"{reason}, got {len(options.lora)}")
    for file in map(Path, options.lora):
        _check_lora(file, f"{where}.lora")
    if options.memory != "auto" and options.memory not in profile.rungs:
        allowed = " or ".join(("auto", *profile.rungs))
        reason = f"must be {allowed} for {profile.title}, got {options.memory}"
        raise BadSetting(f"{where}.memory", reason)
    if 0 < options.steps < profile.least_steps:
        reason = f"must be from {profile.least_steps} for {profile.title}, got {options.steps}"
        raise BadSetting(f"{where}.steps", reason)
    if options.guidance_2 is not None and len(profile.guidance) < 2:
        raise BadSetting(f"{where}.guidance_2", f"must be left out: {profile.title} has one alone")


def _check_lora(file: Path, setting: str) -> None:
    """Whether it is there, and whole. Raises BadSetting."""
    if not file.is_file():
        raise BadSetting(setting, f"must be files, {file} is none")
    if file.suffix != LORA_SUFFIX:
        raise BadSetting(setting, f"must be files whose names end in {LORA_SUFFIX}, got {file}")
    try:
        read_tensors(file.parent, file.name)
    except BadFolder as error:
        raise BadSetting(setting, f"{file} {error.reason}") from error


def _machine_of(look: Callable[[], Machine], where: str) -> Machine:
    try:
        found = look()
        check_packages(found)
    except OperatorError as error:
        raise BadSetting(f"{where}.kind", error.message) from error
    return found
