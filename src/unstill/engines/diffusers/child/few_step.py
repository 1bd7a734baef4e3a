"""The schedule of sigmas: for distilled weights another than their folder's, else its shift.

At 4 steps and shift 5, what LightX2V's reference samples with is 1, .9375, .8333, .625, 0 by
Euler. UniPC of first order without its corrector is that Euler. FlowMatchEulerDiscreteScheduler,
which much public code takes, shifts twice, since Wan's pipeline hands it no sigmas: it ends on
.0244, a last step that does nearly nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from diffusers import UniPCMultistepScheduler

from unstill.domain.errors import BadSetting

SHIFT_KEYS = ("flow_shift", "shift")  # as the schedulers of diffusers spell it


class FewStepScheduler(UniPCMultistepScheduler):  # type: ignore[misc]  # diffusers has no types
    """Its steps divide the way from 1 to 0 evenly before they are shifted, as in the training.

    The parent's end on a thousandth instead of 0, so that the last of four is .6259.
    """

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
    ) -> None:
        if sigmas is None:
            sigmas = np.linspace(1, 0, (num_inference_steps or 1) + 1)[:-1]
        super().set_timesteps(device=device, sigmas=sigmas, mu=mu)


def few_step_scheduler(scheduler: Any, shift: float) -> Any:
    """For as many training steps as the folder's own scheduler has; nothing else of it matters."""
    trained_steps = int(scheduler.config.get("num_train_timesteps", 1000))
    return FewStepScheduler(
        num_train_timesteps=trained_steps,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
        solver_order=1,
        disable_corrector=list(range(trained_steps)),  # at every step there can be
    )


def shifted(scheduler: Any, shift: float) -> Any:
    """The folder's own scheduler with another shift, also where it has one for each length.

    Raises BadSetting where it has none.
    """
    config = scheduler.config
    for key in SHIFT_KEYS:
        if key in config:
            # Otherwise it would take the one that the pipeline reckons from the size, and no other.
            fixed = {"use_dynamic_shifting": False} if "use_dynamic_shifting" in config else {}
            return type(scheduler).from_config(config, **fixed, **{key: shift})
    raise BadSetting("shift", f"the schedule of this folder, {type(scheduler).__name__}, has none")
