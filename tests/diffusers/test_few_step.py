"""The schedule that distilled weights are sampled with, number by number."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from unstill.domain.errors import BadSetting
from unstill.engines.diffusers.child.few_step import few_step_scheduler, shifted

REFERENCE_SIGMAS = [1.0, 0.9375, 2.5 / 3, 0.625, 0.0]  # LightX2V, 4 steps, shift 5


def folders_own(**fields: Any) -> Any:
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, **fields
    )


def toy_velocity(sample: torch.Tensor, sigma: float) -> torch.Tensor:
    """A fixed model: bends with the noise and with where the sample is."""
    return torch.sin(3.0 * sample) * (0.1 + 0.1 * sigma)


def noise() -> torch.Tensor:
    return torch.rand(1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(7)) * 2 - 1


def sampled(scheduler: Any, steps: int) -> list[torch.Tensor]:
    """The trajectory of one sample through the toy model, as a pipeline would walk it."""
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas.tolist()
    sample = noise()
    trajectory = [sample]
    for step, timestep in enumerate(scheduler.timesteps):
        velocity = toy_velocity(sample, sigmas[step])
        sample = scheduler.step(velocity, timestep, sample, return_dict=False)[0]
        trajectory.append(sample)
    return trajectory


def euler(sigmas: list[float]) -> list[torch.Tensor]:
    """The same by hand."""
    sample = noise()
    trajectory = [sample]
    for sigma, following in pairwise(sigmas):
        sample = sample + (following - sigma) * toy_velocity(sample, sigma)
        trajectory.append(sample)
    return trajectory


def farthest(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    pairs = zip(one, other, strict=True)
    return max(float((left - right).abs().max()) for left, right in pairs)


def test_four_steps_have_the_references_sigmas_and_timesteps() -> None:
    scheduler = few_step_scheduler(folders_own(), 5.0)
    scheduler.set_timesteps(4)

    assert scheduler.sigmas.tolist() == pytest.approx(REFERENCE_SIGMAS, abs=2e-6)
    assert scheduler.timesteps.tolist() == [999, 937, 833, 625]


def test_four_steps_are_eulers() -> None:
    walked = sampled(few_step_scheduler(folders_own(), 5.0), 4)

    assert farthest(walked, euler(REFERENCE_SIGMAS)) < 5e-7


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_so_are_fewer_and_more(steps: int) -> None:
    scheduler = few_step_scheduler(folders_own(), 5.0)

    walked = sampled(scheduler, steps)

    assert len(walked) == steps + 1
    assert farthest(walked, euler(scheduler.sigmas.tolist())) < 5e-7


def test_the_folders_own_scheduler_is_no_euler() -> None:
    own = shifted(folders_own(), 5.0)

    walked = sampled(own, 4)

    assert own.sigmas.tolist() == pytest.approx(REFERENCE_SIGMAS, abs=1e-3)
    assert farthest(walked, euler(own.sigmas.tolist())) > 1e-3


def test_flow_match_euler_would_shift_twice_and_end_where_nothing_is_left_to_do() -> None:
    # Why it is not taken, although much public code does.
    scheduler = FlowMatchEulerDiscreteScheduler(shift=5.0)
    scheduler.set_timesteps(4)

    assert scheduler.sigmas.tolist() == pytest.approx([1.0, 0.9097, 0.7173, 0.0244, 0.0], abs=5e-4)


def test_a_distilled_folder_with_another_scheduler_gets_the_same() -> None:
    scheduler = few_step_scheduler(FlowMatchEulerDiscreteScheduler(shift=5.0), 5.0)
    scheduler.set_timesteps(4)

    assert scheduler.sigmas.tolist() == pytest.approx(REFERENCE_SIGMAS, abs=2e-6)


def test_a_shift_is_set_on_either_kind_of_scheduler_and_nothing_else_is() -> None:
    unipc = shifted(folders_own(solver_order=3), 7.0)
    euler_kind = shifted(FlowMatchEulerDiscreteScheduler(shift=3.0), 7.0)

    assert (unipc.config.flow_shift, unipc.config.solver_order) == (7.0, 3)
    assert isinstance(euler_kind, FlowMatchEulerDiscreteScheduler)
    assert euler_kind.config.shift == 7.0


def test_a_shift_replaces_one_that_goes_by_the_length() -> None:
    by_length = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)

    fixed = shifted(by_length, 5.0)
    fixed.set_timesteps(sigmas=[1.0, 0.75, 0.5, 0.25], mu=1.7)  # as LTX's pipeline asks

    assert fixed.sigmas.tolist() == pytest.approx(REFERENCE_SIGMAS, abs=2e-6)


def test_a_schedule_without_a_shift_is_said_to_have_none() -> None:
    with pytest.raises(BadSetting, match="DDIMScheduler, has none") as caught:
        shifted(DDIMScheduler(), 5.0)

    assert caught.value.setting == "shift"
