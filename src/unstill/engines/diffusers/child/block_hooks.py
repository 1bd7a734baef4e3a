"""Where a render is, and how it is stopped: hooks ahead of the blocks that do the work.

A pipeline's own callback comes once a step, and some pipelines have none; a block is a fortieth of
one pass of a large denoiser. Each hook tells the fraction that is done, and by that lets a stop
through: what `report` raises unwinds the pipeline's call, and leaves the pipeline as it was.

Not covered: the loading before and the writing after, which report for themselves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import torch

from unstill.domain.engine import Report
from unstill.engines.diffusers.child.memory_end import say_during
from unstill.engines.diffusers.child.offload import networks_of
from unstill.engines.diffusers.environment import CUDA
from unstill.engines.diffusers.folder import VAE
from unstill.engines.diffusers.profile import Profile

Phase = Literal["encode", "denoise", "decode"]

# Shares of the whole, as an 81-frame render of 40 steps divides its time. What comes before the
# denoising says nothing of its pace: it stays below TELLING of progress/queue.py.
LOADING_ENDS = 0.005
ENCODING_ENDS = 0.0099
DENOISING_BEGINS = 0.02
DENOISING_ENDS = 0.92
DECODING_ENDS = 0.98  # the rest is the writing of the file
BLOCKS_AHEAD = 4  # so far may the host run ahead of the device

Undo = Callable[[], None]


class PipelinePart(NamedTuple):
    """A network of a pipeline: `root` is called once for each pass over its `blocks`."""

    root: Any
    blocks: tuple[Any, ...]


class Parts(NamedTuple):
    """What of a pipeline is watched, by phase."""

    encoders: tuple[PipelinePart, ...]  # they read text and pictures
    denoisers: tuple[PipelinePart, ...]
    decoder: PipelinePart


class Passes(NamedTuple):
    """What a whole render takes."""

    denoiser: int  # passes of all experts together
    decoder_frames: int  # frames of latents that the decoder is handed, once for each tile


class BlockWatch:
    """Counts the blocks of one render; inside its block, the pipeline's call can be stopped.

    It never reads a tensor: that would wait for the device. On CUDA a hook waits until the device
    is `BLOCKS_AHEAD` blocks behind at the most, so that what is told is true, and a stop is that
    late. After an error the pipeline is made fit for its next call.
    """

    def __init__(
        self, pipeline: Any, profile: Profile, *, passes: Passes, device: str, report: Report
    ) -> None:
        self._pipeline = pipeline
        self._parts = parts_of(pipeline, profile)
        self._passes = passes
        self._report = report
        self._wait = pace_of(device)
        self._undo: list[Undo] = []
        self._phase: Phase = "encode"
        self._since = time.monotonic()
        self._encoded = 0
        self._decoded_frames = 0
        self._told = 0.0
        self.forwards = 0  # the denoisers', begun
        self.took_s: dict[str, float] = {}  # by phase

    def __enter__(self) -> Self:
        self._since = time.monotonic()
        for encoder in self._parts.encoders:
            self._watch_encoder(encoder)
        for denoiser in self._parts.denoisers:
            self._watch_denoiser(denoiser)
        self._watch_decoder(self._parts.decoder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._undo:
            self._undo.pop()()
        self._end_phase()
        if error is not None:
            say_during(error, self._phase)
            self._pipeline.maybe_free_model_hooks()

    # --- the hooks ------------------------------------------------------------------------------

    def _watch_encoder(self, part: PipelinePart) -> None:
        blocks = sum(len(each.blocks) for each in self._parts.encoders)

        def at_block() -> None:
            self._encoded += 1
            # How often an encoder is called is the pipeline's business: near the end, never at it.
            share = self._encoded / (self._encoded + blocks)
            self._tell(LOADING_ENDS, ENCODING_ENDS, share)

        for block in part.blocks:
            self._undo.append(before_each_call(block, at_block))

    def _watch_denoiser(self, part: PipelinePart) -> None:
        at = 0

        def at_pass(_: Any) -> None:
            nonlocal at
            at = 0
            if self._phase == "encode":
                self._begin("denoise")
            self.forwards += 1

        def at_block() -> None:
            nonlocal at
            done = self.forwards - 1 + at / len(part.blocks)
            at += 1
            self._tell(DENOISING_BEGINS, DENOISING_ENDS, done / self._passes.denoiser)

        self._undo.append(before_each_pass(part.root, at_pass))
        for block in part.blocks:
            self._undo.append(before_each_call(block, at_block))

    def _watch_decoder(self, part: PipelinePart) -> None:
        at = frames = 0

        def at_pass(latents: Any) -> None:
            nonlocal at, frames
            if self._phase != "decode":
                self._begin("decode")
            self._decoded_frames += frames  # the pass before had them
            at, frames = 0, latents.shape[2]  # (batch, channels, frames, height, width)

        def at_block() -> None:
            nonlocal at
            done = self._decoded_frames + frames * at / len(part.blocks)
            at += 1
            self._tell(DENOISING_ENDS, DECODING_ENDS, done / self._passes.decoder_frames)

        self._undo.append(before_each_pass(part.root, at_pass))
        for block in part.blocks:
            self._undo.append(before_each_call(block, at_block))

    # --- what they tell -------------------------------------------------------------------------

    def _begin(self, phase: Phase) -> None:
        self._end_phase()
        self._phase = phase

    def _end_phase(self) -> None:
        now = time.monotonic()
        self.took_s[self._phase] = self.took_s.get(self._phase, 0.0) + now - self._since
        self._since = now

    def _tell(self, begin: float, end: float, share: float) -> None:
        self._wait()
        self._told = max(self._told, begin + (end - begin) * min(share, 1.0))
        self._report(self._told)


# --- a pipeline's parts --------------------------------------------------------------------------


def parts_of(pipeline: Any, profile: Profile) -> Parts:
    """The networks of a pipeline; each VAE of diffusers has an `encoder` and a `decoder`."""
    networks = networks_of(pipeline)
    denoisers = [networks.pop(name) for name in profile.denoisers]
    vae = networks.pop(VAE)
    return Parts(
        encoders=tuple(map(part_of, (*networks.values(), vae.encoder))),
        denoisers=tuple(map(part_of, denoisers)),
        decoder=part_of(vae.decoder),
    )


def part_of(root: Any) -> PipelinePart:
    """A network with the blocks of its largest list; without one it is its own block."""
    lists = [each for each in root.modules() if isinstance(each, torch.nn.ModuleList) and len(each)]
    if not lists:
        return PipelinePart(root, (root,))
    return PipelinePart(root, tuple(max(lists, key=weights_in)))


def weights_in(module: Any) -> int:
    return sum(each.numel() for each in module.parameters())


# --- hooks ---------------------------------------------------------------------------------------


def before_each_pass(root: Any, told: Callable[[Any], None]) -> Undo:
    """Call `told` with the first argument of each pass."""

    def hook(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        del module
        told(given[0] if given else next(iter(named.values())))

    undo: Undo = root.register_forward_pre_hook(hook, with_kwargs=True).remove
    return undo


def before_each_call(block: Any, told: Callable[[], None]) -> Undo:
    """Call `told` ahead of each call; a compiled block's graph is not touched by it."""
    compiled = block._compiled_call_impl  # noqa: SLF001  - what `compile()` sets, and no name for it
    if compiled is None:
        undo: Undo = block.register_forward_pre_hook(lambda *_: told()).remove
        return undo

    def watched(*given: Any, **named: Any) -> Any:
        told()
        return compiled(*given, **named)

    def restore() -> None:
        block._compiled_call_impl = compiled  # noqa: SLF001

    block._compiled_call_impl = watched  # noqa: SLF001
    return restore


def pace_of(device: str) -> Callable[[], None]:
    """What keeps the host from running further ahead of the device than `BLOCKS_AHEAD` blocks."""
    if device != CUDA:
        return lambda: None
    events: deque[Any] = deque()

    def wait() -> None:
        event = torch.cuda.Event(blocking=True)
        event.record()
        events.append(event)
        if len(events) > BLOCKS_AHEAD:
            events.popleft().synchronize()

    return wait
