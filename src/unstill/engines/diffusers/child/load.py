"""The one pipeline that a child has: read from its folder, changed as the options say, laid out.

It stays until a task asks for other options or for a lower rung of the memory ladder. Then all of
it is freed before the next one is read: what is free is measured anew, and may have become more.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import diffusers
import torch

from unstill.domain.errors import BadSetting
from unstill.engines.diffusers.child import attention, lora
from unstill.engines.diffusers.child.block_hooks import LOADING_ENDS
from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.child.few_step import few_step_scheduler, shifted
from unstill.engines.diffusers.child.memory_end import during, is_out_of_memory
from unstill.engines.diffusers.child.offload import lay_out, pin_as_it_is
from unstill.engines.diffusers.environment import CUDA
from unstill.engines.diffusers.folder import VAE, BadFolder, Component, Folder, read_folder
from unstill.engines.diffusers.memory import LARGEST, Fit, down, fit_of, fits, host_memory
from unstill.engines.diffusers.options import PipelineOptions, Rung
from unstill.engines.diffusers.profile import GUIDER, Profile
from unstill.engines.diffusers.sampling import guidance_of, shift_of, uses_few_steps
from unstill.engines.diffusers.task import LOADED, LOADING, Loaded, LoadTask
from unstill.media.child_main import Reports
from unstill.system.machine import give_back_memory, memory_bytes

VERSIONS = ("torch", "diffusers", "transformers")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A pipeline on its device, ready for calls."""

    pipeline: Any
    profile: Profile
    task: LoadTask
    loaded: Loaded

    @property
    def options(self) -> PipelineOptions:
        return self.task.options

    @property
    def device(self) -> str:
        """As torch calls it: "cuda" or "cpu"."""
        return self.task.device

    def serves(self, task: LoadTask) -> bool:
        """Whether a task can have it as it is.

        One further down than the task asks for is left too: it was for a job whose child had died,
        and all others would be slower for it.
        """
        same = self.options == task.options and self.device == task.device
        is_as_far_down = self.task.rungs_down == task.rungs_down
        return same and (is_as_far_down or task.options.memory != "auto")


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """Where the weights are to lie, by what is free before they are read."""

    rung: Rung
    encoders_stay: bool
    encoders_pinned: bool  # where they do not stay
    pinned: int  # denoisers whose weights wait in pinned memory, the first ones
    is_tiled: bool
    free_bytes: int  # the device's


class Holder:
    """Holds at most one pipeline."""

    def __init__(self) -> None:
        self._held: Held | None = None
        self.rung = ""  # that it lies on, or is to lie on while it is read

    def have(self, task: LoadTask, report: Reports) -> Held:
        """The pipeline that a task asks for, read where it is not there yet.

        Raises BadFolder and BadSetting; what `report` raises comes through between two components.
        """
        if self._held is None or not self._held.serves(task):
            self.free()
            with during("load"):
                self._held = self._loaded(task, report)
        return self._held

    def free(self) -> None:
        """Give back all memory. Hooks and networks hold each other: it takes a collection."""
        self._held = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch._C._host_emptyCache()  # noqa: SLF001  - of pinned memory, which has no other way
        give_back_memory()

    def _loaded(self, task: LoadTask, report: Reports) -> Held:
        began = time.monotonic()
        if task.options.compile:
            check_compiler(task.device)
        folder = read_folder(task.options.path)
        plan = plan_of(folder, task)
        self.rung = plan.rung
        pipeline = read_pipeline(folder, task, plan, report)
        chosen = prepare(pipeline, folder.profile, task)
        lay_out(
            pipeline,
            folder.profile,
            rung=plan.rung,
            device=task.device,
            encoders_stay=plan.encoders_stay,
            encoders_pinned=plan.encoders_pinned,
            pinned=plan.pinned,
        )
        if task.options.compile:
            compile_blocks(pipeline, folder.profile)
        loaded = Loaded(
            profile=folder.profile.name,
            memory=plan.rung,
            attention=chosen.name,
            took_s=time.monotonic() - began,
        )
        tell(loaded, plan, task, chosen, report)
        return Held(pipeline=pipeline, profile=folder.profile, task=task, loaded=loaded)


def tell(
    loaded: Loaded, plan: LoadPlan, task: LoadTask, chosen: attention.Chosen, report: Reports
) -> None:
    report.note(
        LOADED,
        profile=loaded.profile,
        memory=loaded.memory,
        rungs_down=task.rungs_down,
        encoders_stay=plan.encoders_stay,
        encoders_pinned=plan.encoders_pinned,
        pinned=plan.pinned,
        tiled=plan.is_tiled,
        free_bytes=plan.free_bytes,
        device=task.device,
        attention=loaded.attention,
        attention_note=chosen.note,
        took_s=round(loaded.took_s, 1),
        **{name: version(name) for name in VERSIONS},
    )


# --- where it will lie ----------------------------------------------------------------------------


def plan_of(folder: Folder, task: LoadTask) -> LoadPlan:
    """By what is free now on the device and on the host. Raises BadSetting."""
    free_bytes = free_on(task.device)
    fit, is_past_end = fit_for(folder, task, free_bytes)
    encoders_pinned, pinned = pinned_by(folder, fit.rung) if task.device == CUDA else (False, 0)
    is_tight = fit.is_tight and task.device == CUDA
    return LoadPlan(
        rung=fit.rung,
        encoders_stay=fit.keeps_encoders,
        encoders_pinned=encoders_pinned,
        pinned=pinned,
        is_tiled=bool(folder.profile.vae_tile) or is_tight or is_past_end,
        free_bytes=free_bytes,
    )


def fit_for(folder: Folder, task: LoadTask, free_bytes: int) -> tuple[Fit, bool]:
    """How the rung fits that the operator names; else, on a device, one that does, on a CPU the
    first. Then, whether the ladder had no rung for as far down as was asked.

    It is planned for the largest videos. Raises BadSetting.
    """
    wanted, rungs = task.options.memory, folder.profile.rungs
    frames = folder.profile.longest_frames
    rung, is_past_end = rungs[0], False
    if wanted != "auto":
        if wanted not in rungs:
            raise BadSetting("memory", f"{folder.profile.title} has {', '.join(rungs)}")
        rung = wanted
    else:
        if task.device == CUDA:
            rung = fits(folder, size=LARGEST, frames=frames, free_bytes=free_bytes).rung
        is_past_end = rungs.index(rung) + task.rungs_down >= len(rungs)
        rung = down(rung, task.rungs_down, rungs)
    return fit_of(folder, rung, size=LARGEST, frames=frames, free_bytes=free_bytes), is_past_end


def pinned_by(folder: Folder, rung: Rung) -> tuple[bool, int]:
    """Whether the encoders are pinned, and for how many denoisers there is room to be."""
    free_bytes = memory_bytes()[1]
    if not pin_as_it_is():
        free_bytes //= 2  # what is rounded up to a power of two takes twice its size at the most
    host = host_memory(folder, rung, free_bytes=free_bytes)
    if rung == "resident":
        return host.held_bytes <= free_bytes // 2, 0
    return host.pinned == len(folder.profile.denoisers), host.pinned


def free_on(device: str) -> int:
    return int(torch.cuda.mem_get_info()[0]) if device == CUDA else memory_bytes()[1]


# --- reading --------------------------------------------------------------------------------------


def read_pipeline(folder: Folder, task: LoadTask, plan: LoadPlan, report: Reports) -> Any:
    """The pipeline with its networks, one after another; the small components at the end."""
    if task.device == CUDA:
        torch.set_float32_matmul_precision("high")  # TF32, for what is not bfloat16
    sizes = folder.bytes_of
    whole, read = sum(sizes.values()), 0
    networks = {}
    for name, size in sizes.items():
        share = read / whole
        report.note(LOADING, component=name, share=round(share, 3))
        report(LOADING_ENDS * share)
        network = read_network(folder, folder.components[name], dtype_of(name, task, plan))
        if plan.rung == "resident" and name in folder.profile.denoisers:
            network.to(task.device)  # at once: the host need not have room for both experts
        networks[name] = network
        read += size
    kind = getattr(diffusers, folder.profile.pipeline)
    try:
        pipeline = kind.from_pretrained(folder.path, local_files_only=True, **networks)
    except ERRORS_OF_FILES as error:
        raise _refused_part(folder, error) from error
    pipeline.set_progress_bar_config(disable=True)
    if plan.is_tiled:
        pipeline.vae.enable_tiling()
    return pipeline


# What diffusers, transformers and safetensors raise for files that are not as they should be.
ERRORS_OF_FILES = (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError)


def _refused_part(folder: Folder, error: Exception) -> BadFolder:
    """What to say of an error of the small components together: the one that fails alone."""
    what, why = "model_index.json", error
    for part in folder.components.values():
        if part.files:
            continue
        try:
            kind = getattr(import_module(part.library), part.class_name)
            kind.from_pretrained(folder.path, subfolder=part.name, local_files_only=True)
        except ERRORS_OF_FILES as own:
            what, why = part.name, own
            break
    return BadFolder(what, f"does not load: {in_a_line(why)}")


def read_network(folder: Folder, component: Component, dtype: torch.dtype) -> Any:
    """One component with all of its weights. Raises BadFolder."""
    try:
        kind = getattr(import_module(component.library), component.class_name)
        network, found = kind.from_pretrained(
            folder.path,
            subfolder=component.name,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            variant=component.variant,
        )
    except ERRORS_OF_FILES as error:
        if is_out_of_memory(error):
            raise
        raise BadFolder(component.name, f"does not load: {in_a_line(error)}") from error
    # Both libraries fill what is missing with random numbers, and warn.
    if missing := sorted(found["missing_keys"]):
        reason = f"lacks {len(missing)} of its weights, first {missing[0]}"
        raise BadFolder(component.name, reason)
    return network.eval()


def dtype_of(component: str, task: LoadTask, plan: LoadPlan) -> torch.dtype:
    """A CPU computes in float32, but for weights in 8 bits, which are widened to bfloat16."""
    if component == VAE:
        return torch.float32
    is_plain_cpu = task.device != CUDA and plan.rung != "block-offload-fp8"
    return torch.float32 if is_plain_cpu else torch.bfloat16


# --- as the options have it -----------------------------------------------------------------------


def prepare(pipeline: Any, profile: Profile, task: LoadTask) -> attention.Chosen:
    """LoRAs, schedule, guidance and attention. Raises BadSetting."""
    options = task.options
    lora.fuse(pipeline, [Path(file) for file in options.lora], profile)
    shift = shift_of(options, profile)
    if uses_few_steps(options, profile) and shift is not None:
        pipeline.scheduler = few_step_scheduler(pipeline.scheduler, shift)
    elif shift is not None:
        pipeline.scheduler = shifted(pipeline.scheduler, shift)
    if GUIDER in profile.guidance:
        guidance = guidance_of(options, profile)[profile.guidance.index(GUIDER)]
        if guidance is not None:
            pipeline.guider = pipeline.guider.new(guidance_scale=guidance)
    has_mask = attention.masks_text(pipeline, profile.denoisers)
    chosen = attention.choose(options.attention, task.device, has_mask=has_mask)
    attention.set_on(pipeline, profile.denoisers, chosen.name)
    return chosen


def compile_blocks(pipeline: Any, profile: Profile) -> None:
    """One kernel for all blocks of a denoiser: a whole one would take many times as long to make.

    Raises BadSetting where a denoiser does not say which these are.
    """
    for name in profile.denoisers:
        try:
            getattr(pipeline, name).compile_repeated_blocks()
        except ValueError as error:
            raise BadSetting("compile", f"{name} cannot be compiled by block") from error


def check_compiler(device: str, find: Callable[[str], str | None] = shutil.which) -> None:
    """Raises BadSetting where torch would look for a compiler in vain, in the midst of a job.

    Source: triton 3, runtime/build.py, for CUDA; torch 2.13, _inductor/config.py, for a CPU.
    """
    names = ("gcc", "clang") if device == CUDA else ("g++",)
    if not any(map(find, names)):
        raise BadSetting("compile", f"needs a compiler on the PATH: {' or '.join(names)}")
