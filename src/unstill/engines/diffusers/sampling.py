"""How often a pipeline is stepped and how strongly it is guided: the operator's word, or a rule."""

from __future__ import annotations

from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profile import Profile

# Nobody samples in so few steps but with weights that were distilled for it. Those have their
# guidance inside: with more than 1, twice the work makes a worse picture.
# Source: LightX2V, Wan2.2-Distill-Loras, 4 steps, guidance 1 (read 2026-11-28)
FEW_STEPS = 8
FEW_STEPS_GUIDANCE = 1.0
FEW_STEPS_SHIFT = 5.0  # LightX2V, Wan2.2 I2V distill, sample_shift (read 2026-11-28)


def steps_of(options: PipelineOptions, profile: Profile) -> int:
    return options.steps or profile.steps


def uses_few_steps(options: PipelineOptions, profile: Profile) -> bool:
    """Whether its own scheduler gives way to the one that distilled weights are sampled with."""
    return profile.few_steps and steps_of(options, profile) <= FEW_STEPS


def shift_of(options: PipelineOptions, profile: Profile) -> float | None:
    """What the schedule of sigmas is shifted by; None: as the folder has it."""
    if options.shift is not None:
        return options.shift
    return FEW_STEPS_SHIFT if uses_few_steps(options, profile) else profile.shift


def is_guided(options: PipelineOptions, profile: Profile) -> bool:
    """Whether there is a pass for what is not wanted; the first guidance decides it for all.

    A guider's is its folder's to say, where the operator says none.
    """
    first = guidance_of(options, profile)[0]
    return first is None or first > 1


def guidance_of(options: PipelineOptions, profile: Profile) -> tuple[float | None, ...]:
    """A value for each of `profile.guidance`; None: what the folder's guider has.

    A `guidance` without a `guidance_2` is both experts'.
    """
    is_few = steps_of(options, profile) <= FEW_STEPS
    first = options.guidance
    second = first if options.guidance_2 is None else options.guidance_2
    own = profile.guidance_default or (None,) * len(profile.guidance)
    defaults = (FEW_STEPS_GUIDANCE,) * len(own) if is_few else own
    return tuple(
        default if said is None else said
        for said, default in zip((first, second), defaults, strict=False)
    )
