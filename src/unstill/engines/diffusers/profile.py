"""What differs between pipelines, as data: a new one is one file in `profiles/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from unstill.engines.diffusers.options import Rung

GUIDER = "guider"  # a component that guides, in the place of arguments of the call
LastFrame = Literal["argument", "conditions", "none"]


class FrameCounts(msgspec.Struct, frozen=True):
    """The numbers of frames that a pipeline makes: `step * k + offset`. Others it rounds."""

    step: int
    offset: int = 1

    def at_least(self, frames: int) -> int:
        """The next legal number from there on; what is too much is trimmed afterwards."""
        return -(-max(frames - self.offset, 0) // self.step) * self.step + self.offset

    def latents(self, frames: int) -> int:
        """The frames of latents that so many are made from."""
        return (self.at_least(frames) - self.offset) // self.step + 1


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of pipeline. `source` says where its numbers are from."""

    name: str  # a short word: "wan2.2-a14b"
    title: str  # the trained model, for people: "Wan 2.2 I2V A14B"
    source: str

    # --- how its folder is known -----------------------------------------------------------------
    pipeline: str  # the class of diffusers that it is loaded as
    # Other classes that model_index.json may name as its own: those of text to video, which
    # publishers save the same parts as.
    also_saved_as: tuple[str, ...] = ()
    # model_index.json has these values, or values of these types; None: the key is missing, null
    # or [null, null]. What is not named here may be anything.
    index: Mapping[str, object] = {}
    # Needed ones, by name: the class that model_index.json has; empty: any that loads.
    components: Mapping[str, str]

    # --- what it can be asked for ----------------------------------------------------------------
    frames: FrameCounts
    size_multiple: int  # both sides of a render are multiples of it
    size_from_image: bool = False  # it takes no height and width: the first frame's shape decides
    fps: int  # the rate that it was trained at
    longest_frames: int  # no more is asked of it
    last_frame: LastFrame
    sound: bool = False
    frame_rate_argument: str | None = None  # it tells the call the rate; None: it has none
    negative_prompt: bool = True

    # --- how it is called ------------------------------------------------------------------------
    denoisers: tuple[str, ...]  # components whose blocks do the work: the first expert, the second
    guidance: tuple[str, ...]  # arguments for `guidance` and `guidance_2`; "guider": a component
    guidance_default: tuple[float, ...]  # empty: what the folder's guider has
    steps: int
    least_steps: int = 1
    shift: float | None = None  # the schedule's; None: the folder's own
    few_steps: bool = False  # weights of 8 steps and fewer: one order of UniPC, no corrector
    forwards_per_step: int  # the denoiser's, with guidance on; 1 where both passes are one batch

    # --- what a decode needs of memory -----------------------------------------------------------
    vae_channels: int  # its widest feature map's, counted at full size
    vae_frames: int = 4  # that it decodes at once; 0: all of them
    vae_tile: int = 0  # it is always decoded in tiles of so many pixels a side; 0: whole

    # --- what `doctor` says ----------------------------------------------------------------------
    licence: str
    licence_note: str = ""
    rungs: tuple[Rung, ...] = ("resident", "block-offload", "block-offload-fp8")
