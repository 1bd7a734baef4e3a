"""Forwards and decodes, as plain diffusers runs them and as the engine does.

The engine's own steps place, prepare and compile the networks; only their weights are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from benchmarks.gpu_budget import TimeBudget
from benchmarks.gpu_models import Clip, Model
from benchmarks.gpu_networks import (
    OneNetwork,
    arguments_of,
    denoiser_of,
    free,
    free_bytes,
    latents_of,
    products_in,
    timed,
    total_bytes,
    vae_of,
)
from benchmarks.gpu_rows import PLAIN, TimedDecode, TimedForward

from unstill.engines.diffusers.child import attention
from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.child.load import compile_blocks
from unstill.engines.diffusers.child.offload import lay_out, pin_as_it_is
from unstill.engines.diffusers.child.render import begin_peak, peak_bytes
from unstill.engines.diffusers.environment import CPU, CUDA
from unstill.engines.diffusers.options import Rung
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.profiles import PROFILES

DENOISER = "transformer"
# They hold all products of all tokens at once, or are for masks: not for a video's length.
NOT_FOR_LENGTH = frozenset({"math", "flex"})
AS_TORCH_BEGINS, AS_THE_ENGINE = "highest", "high"  # precision of float32's products: all, TF32

# What may be needed at most, for the budget; guesses, until it has run on a GPU.
SLOWEST = 2.5  # times the floor
COMPILE_S = 40.0
PIN_S = 20.0  # for the weights of a denoiser to lie in pinned memory
MAKE_S = 5.0
DECODE_S = 9.0

BESIDES_BYTES = 25 * 2**30  # text encoder, VAE and what a forward at 720P has at once


class Bench(NamedTuple):
    """Where and against what is measured."""

    device: str
    matrix_tflops: float
    budget: TimeBudget


class Sitting:
    """The forwards of one model; what does not fit into time or memory is left out, and said."""

    def __init__(self, bench: Bench, model: Model, rows: list[TimedForward]) -> None:
        """rows: what is added to, so that none is lost where a later one fails."""
        self._bench = bench
        self._model = model
        self._profile = profile_of(model)
        self.rows = rows

    def resident(self) -> None:
        """Plain diffusers, each attention, and the fastest of them compiled, at all sizes."""
        if not self._has_room():
            return
        small = self._model.clips[0]
        pipeline = OneNetwork(denoiser_of(self._model, self._bench.device))
        self._plain(pipeline)
        with products_in(AS_THE_ENGINE):
            for name in self._attentions():
                attention.set_on(pipeline, (DENOISER,), name)
                self._time(pipeline, small, name, times=2)
            attention.set_on(pipeline, (DENOISER,), self.fastest)
            self._compiled(pipeline, self.fastest)

    def resident_at_larger_sizes(self) -> None:
        """The fastest attention where nothing is compiled; this comes last, for it tells least."""
        larger = self._model.clips[1:]
        if not self._has_room() or not self._allows(larger[0], f"{self.fastest}", 1, MAKE_S):
            return
        pipeline = OneNetwork(denoiser_of(self._model, self._bench.device))
        with products_in(AS_THE_ENGINE):
            attention.set_on(pipeline, (DENOISER,), self.fastest)
            for clip in larger:
                self._time(pipeline, clip, self.fastest, times=1)

    def offloaded(self, rung: Rung, *, compiles: bool) -> None:
        """A new denoiser on a lower rung of the memory ladder, at the smallest size."""
        small, name = self._model.clips[0], self.fastest
        if not self._has_room() or not self._allows(small, f"{name}, {rung}", 2, MAKE_S + PIN_S):
            return
        pipeline = OneNetwork(denoiser_of(self._model, self._bench.device))
        if self._bench.device == CUDA:
            pin_as_it_is()
        with products_in(AS_THE_ENGINE):
            attention.set_on(pipeline, (DENOISER,), name)
            lay_out(
                pipeline,
                self._profile,
                rung=rung,
                device=self._bench.device,
                encoders_stay=True,
                pinned=1,
            )
            free(self._bench.device)
            self._time(pipeline, small, name, memory=rung, times=2)
            if compiles and self._allows(small, f"{name}, {rung}, compiled", 3, COMPILE_S):
                compile_blocks(pipeline, self._profile)
                self._compiled_at(pipeline, small, name, memory=rung)

    @property
    def fastest(self) -> str:
        """Of the engine's attentions at the smallest size; what it would choose, before any ran."""
        of = (self._model.name, self._model.clips[0].name)
        timed = [row for row in self.rows if (row.denoiser, row.size) == of]
        ours = [row for row in timed if row.attention != PLAIN]
        if not ours:
            return attention.choose("auto", self._bench.device).name
        return min(ours, key=lambda row: row.best_s).attention

    def _plain(self, pipeline: OneNetwork) -> None:
        """With whole networks moved to the device and back, where not all have room there."""
        moves_s = self._moves_s(pipeline)
        with products_in(AS_TORCH_BEGINS):
            for number, clip in enumerate(self._model.clips):
                row = self._time(pipeline, clip, PLAIN, times=1 if number else 2)
                if row is not None and moves_s:
                    self.rows[-1] = row._replace(memory="model offload", moves_s=moves_s)

    def _moves_s(self, pipeline: OneNetwork) -> float:
        """Seconds that a video's denoisers take to the device; 0 where all is there for good."""
        device, weights = self._bench.device, self._model.weights_bytes
        if device != CUDA or total_bytes(device) >= self._model.experts * weights + BESIDES_BYTES:
            return 0.0
        pipeline.transformer.to(CPU)
        (once_s,) = timed(device, lambda: pipeline.transformer.to(device), times=1)
        return self._model.experts * once_s

    def _attentions(self) -> list[str]:
        """What the engine would choose comes first, in case that time runs out."""
        found = attention.usable(self._bench.device)
        for name in (each for each in found if each in NOT_FOR_LENGTH):
            self._leave_out(f"attention {name}", "needs too much memory at a video's length")
        return [name for name in found if name not in NOT_FOR_LENGTH]

    def _compiled(self, pipeline: OneNetwork, name: str) -> None:
        """Each size in turn; then the smallest again, by code that is for all sizes by now."""
        small, *larger = self._model.clips
        if not self._allows(small, f"{name}, compiled", 3, COMPILE_S):
            return
        compile_blocks(pipeline, self._profile)
        self._compiled_at(pipeline, small, name)
        for clip in larger:
            if self._allows(clip, f"{name}, compiled", 2, COMPILE_S):
                self._compiled_at(pipeline, clip, name, times=1)
                self._time(pipeline, small, name, compiled="for all sizes", times=2)

    def _compiled_at(
        self,
        pipeline: OneNetwork,
        clip: Clip,
        name: str,
        *,
        memory: Rung = "resident",
        times: int = 2,
    ) -> None:
        row = self._time(pipeline, clip, name, compiled="yes", memory=memory, times=times + 1)
        if row is not None:
            first_s, *later_s = row.times_s
            told = f"yes, first call {first_s:.3g} s"
            self.rows[-1] = row._replace(compiled=told, times_s=tuple(later_s))

    def _time(
        self,
        pipeline: OneNetwork,
        clip: Clip,
        name: str,
        *,
        compiled: str = "no",
        memory: Rung = "resident",
        times: int,
    ) -> TimedForward | None:
        device, model = self._bench.device, self._model
        how = name if compiled == "no" else f"{name}, compiled"
        if not self._allows(clip, f"{how}, {memory}", times):
            return None
        given = arguments_of(model, clip, device)
        begin_peak(device)
        try:
            times_s = timed(device, lambda: pipeline.transformer(**given), times=times)
        except Exception as error:  # noqa: BLE001  - a kernel may raise anything, and others go on
            self._leave_out(f"{clip.name}, {how}, {memory}", in_a_line(error))
            free(device)
            return None
        row = TimedForward(
            denoiser=model.name,
            size=clip.name,
            attention=name,
            compiled=compiled,
            memory=memory,
            times_s=times_s,
            pflop=model.pflop(clip),
            peak_bytes=peak_bytes(device),
        )
        self.rows.append(row)
        print("  ".join(row.cells(self._bench.matrix_tflops)), flush=True)
        return row

    def _allows(self, clip: Clip, how: str, times: int, more_s: float = 0.0) -> bool:
        floor_s = self._model.pflop(clip) * 1000 / self._bench.matrix_tflops
        needs_s = more_s + times * floor_s * SLOWEST
        return self._bench.budget.allows(f"{self._model.name}, {clip.name}, {how}", needs_s)

    def _has_room(self) -> bool:
        """Whether a denoiser can be made on the device, with what a forward takes besides."""
        free(self._bench.device)
        if self._bench.device != CUDA:
            return True
        needed = 1.2 * self._model.weights_bytes
        has_room = free_bytes(CUDA) > needed
        if not has_room:
            self._leave_out("its denoiser", f"needs {needed / 2**30:.0f} GiB of free memory")
        return has_room

    def _leave_out(self, what: str, why: str) -> None:
        self._bench.budget.leave_out(f"{self._model.name}, {what}", why)


def time_forwards(
    bench: Bench, model: Model, rungs: Sequence[Rung], rows: list[TimedForward]
) -> None:
    sitting = Sitting(bench, model, rows)
    sitting.resident()
    for rung in rungs:
        sitting.offloaded(rung, compiles=rung == rungs[0])
    sitting.resident_at_larger_sizes()


def time_decodes(bench: Bench, model: Model, rows: list[TimedDecode]) -> None:
    """Each size; plain diffusers decodes in the same way."""
    vae = vae_of(model, bench.device)
    for number, clip in enumerate(model.clips):
        if bench.budget.allows(f"{model.name}, {clip.name}, decode", DECODE_S):
            latents = latents_of(model, clip, bench.device)
            begin_peak(bench.device)
            with products_in(AS_THE_ENGINE):
                decode = partial(vae.decode, latents)
                times_s = timed(bench.device, decode, times=1 if number else 2)
            row = TimedDecode(model.name, clip.name, times_s, peak_bytes(bench.device))
            print("  ".join(row.cells), flush=True)
            rows.append(row)


def profile_of(model: Model) -> Profile:
    """The engine's, for one expert."""
    whole = next(each for each in PROFILES if each.name == model.profile)
    return msgspec.structs.replace(whole, denoisers=(DENOISER,))
