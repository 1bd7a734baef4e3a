"""What the profiles say, against the installed diffusers: classes, their calls, what they make."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image

from support.tiny_weights import Kind, tiny_folder
from unstill.engines.diffusers.child.few_step import SHIFT_KEYS
from unstill.engines.diffusers.folder import read_folder
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.profiles import PROFILES

TINY: Mapping[str, Kind] = {
    "hunyuan-video-1.5": "hunyuan15",
    "ltx-video": "ltx",
    "wan2.2-5b": "wan-5b",
    "wan2.2-a14b": "wan-a14b",
}
GUIDER = "guider"
AWKWARD = (2, 8, 18)  # numbers of frames that no pipeline makes

Frames = NDArray[np.float32]  # (frames, height, width, 3), 0 to 1


def for_those(*profiles: Profile) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("profile", profiles, ids=lambda profile: profile.name)


each_profile = for_those(*PROFILES)
of_a_size = for_those(*(each for each in PROFILES if not each.size_from_image))
of_the_pictures_shape = for_those(*(each for each in PROFILES if each.size_from_image))
# The class takes one; of the 5 B model it takes it and ignores it.
that_take_a_last_frame = for_those(
    *(each for each in PROFILES if each.pipeline == "WanImageToVideoPipeline")
)
told_a_rate = for_those(*(each for each in PROFILES if each.frame_rate_argument))


class Pipelines:
    """The tiny pipeline of each profile, loaded when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._loaded: dict[str, Any] = {}

    def folder(self, profile: Profile) -> Path:
        return tiny_folder(TINY[profile.name], self._root)

    def of(self, profile: Profile) -> Any:
        if profile.name not in self._loaded:
            kind = getattr(diffusers, profile.pipeline)
            pipeline = kind.from_pretrained(self.folder(profile), local_files_only=True)
            pipeline.set_progress_bar_config(disable=True)
            self._loaded[profile.name] = pipeline
        return self._loaded[profile.name]


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    return Pipelines(tmp_path_factory.mktemp("tiny"))


def a_picture(width: int = 64, height: int = 64) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def called(pipeline: Any, profile: Profile, **fields: Any) -> Frames:
    """Two steps of the least size, not guided unless `fields` say so."""
    size = {} if profile.size_from_image else dict.fromkeys(("height", "width"), 64)
    unguided = {name: 1.0 for name in profile.guidance if name != GUIDER}
    usual = {"image": a_picture(), "prompt": "a cat", "num_frames": 1, "num_inference_steps": 2}
    generator = torch.Generator().manual_seed(4)
    made = pipeline(
        **usual | size | unguided | fields, generator=generator, output_type="np"
    ).frames
    return np.asarray(made[0], np.float32)


# --- names ---------------------------------------------------------------------------------------


def test_each_profile_has_a_tiny_folder() -> None:
    assert sorted(TINY) == [profile.name for profile in PROFILES]


@each_profile
def test_its_tiny_folder_is_recognised_as_a_published_one_would_be(
    profile: Profile, pipelines: Pipelines
) -> None:
    folder = pipelines.folder(profile)
    index = json.loads((folder / "model_index.json").read_text())

    assert read_folder(folder).profile == profile
    assert index["_class_name"] in (profile.pipeline, *profile.also_saved_as)


@each_profile
def test_its_classes_exist(profile: Profile) -> None:
    of_pipelines = (profile.pipeline, *profile.also_saved_as)
    of_components = [name for name in profile.components.values() if name]

    assert all(hasattr(diffusers, name) for name in of_pipelines)
    assert all(hasattr(diffusers, name) or hasattr(transformers, name) for name in of_components)


@each_profile
def test_its_components_are_the_pipelines(profile: Profile, pipelines: Pipelines) -> None:
    there = {name for name, each in pipelines.of(profile).components.items() if each is not None}

    assert set(profile.components) == there
    assert set(profile.denoisers) <= there


@each_profile
def test_the_call_has_the_arguments_that_it_names(profile: Profile) -> None:
    kind = getattr(diffusers, profile.pipeline)
    arguments = inspect.signature(kind.__call__).parameters

    assert {"prompt", "num_frames", "num_inference_steps", "generator"} <= set(arguments)
    assert {name for name in profile.guidance if name != GUIDER} <= set(arguments)
    assert (GUIDER in profile.guidance) == (GUIDER in profile.components)
    assert ("height" in arguments, "width" in arguments) == (not profile.size_from_image,) * 2
    assert ("negative_prompt" in arguments) == profile.negative_prompt
    assert ("image" in arguments) == (profile.last_frame != "conditions")
    assert ("conditions" in arguments) == (profile.last_frame == "conditions")
    rates = {"frame_rate", "fps"} & set(arguments)
    assert rates == ({profile.frame_rate_argument} if profile.frame_rate_argument else set())


@told_a_rate
def test_its_rate_is_the_calls_own_where_the_call_has_one(profile: Profile) -> None:
    arguments = inspect.signature(getattr(diffusers, profile.pipeline).__call__).parameters

    assert profile.frame_rate_argument is not None
    assert arguments[profile.frame_rate_argument].default == profile.fps


@each_profile
def test_its_schedule_can_be_shifted(profile: Profile, pipelines: Pipelines) -> None:
    assert any(key in pipelines.of(profile).scheduler.config for key in SHIFT_KEYS)


# --- what they make ------------------------------------------------------------------------------


@each_profile
def test_legal_numbers_of_frames_come_out_as_asked_and_no_others(
    profile: Profile, pipelines: Pipelines
) -> None:
    asked = {number: profile.frames.at_least(number) for number in AWKWARD}

    made = {
        number: len(called(pipelines.of(profile), profile, num_frames=number))
        for number in {*asked.values(), *AWKWARD}
    }

    assert all(made[legal] == legal for legal in asked.values())
    assert all(made[number] != number for number in AWKWARD)


@of_a_size
def test_multiples_of_a_size_come_out_as_asked_and_no_others(
    profile: Profile, pipelines: Pipelines
) -> None:
    pipeline, multiple = pipelines.of(profile), profile.size_multiple

    made = called(pipeline, profile, height=3 * multiple, width=2 * multiple)

    assert made.shape == (1, 3 * multiple, 2 * multiple, 3)
    try:
        beside = called(pipeline, profile, height=3 * multiple - multiple // 2, width=2 * multiple)
    except ValueError:
        return  # it says so
    assert beside.shape[1] != 3 * multiple - multiple // 2


@of_the_pictures_shape
def test_the_pictures_shape_decides_where_a_profile_says_so(
    profile: Profile, pipelines: Pipelines
) -> None:
    pipeline = pipelines.of(profile)

    wide = called(pipeline, profile, image=a_picture(160, 90))
    tall = called(pipeline, profile, image=a_picture(90, 160))

    assert wide.shape[2] > wide.shape[1]
    assert tall.shape[1:3] == wide.shape[2:0:-1]
    assert all(side % profile.size_multiple == 0 for side in wide.shape[1:3])


@each_profile
def test_only_pipelines_that_can_have_a_last_frame_are_said_to(profile: Profile) -> None:
    arguments = inspect.signature(getattr(diffusers, profile.pipeline).__call__).parameters

    assert profile.last_frame != "argument" or "last_image" in arguments


@that_take_a_last_frame
def test_a_last_frame_matters_where_a_profile_says_so_and_is_ignored_elsewhere(
    profile: Profile, pipelines: Pipelines
) -> None:
    pipeline, last = pipelines.of(profile), a_picture().rotate(180)

    alone = called(pipeline, profile, num_frames=5)
    with_last = called(pipeline, profile, num_frames=5, last_image=last)

    assert np.array_equal(alone, with_last) == (profile.last_frame == "none")


@pytest.mark.filterwarnings("ignore:.*invalid value")  # of the division that makes no number
@each_profile
def test_its_fewest_steps_are_enough_and_no_fewer_would_be(
    profile: Profile, pipelines: Pipelines
) -> None:
    pipeline, least = pipelines.of(profile), profile.least_steps

    assert np.isfinite(called(pipeline, profile, num_inference_steps=least)).all()
    if least > 1:
        with pytest.raises(IndexError):
            called(pipeline, profile, num_inference_steps=least - 1)


@each_profile
def test_its_denoisers_are_called_as_often_as_it_says(
    profile: Profile, pipelines: Pipelines
) -> None:
    pipeline, steps = pipelines.of(profile), 3
    guided = {name: 4.0 for name in profile.guidance if name != GUIDER}
    calls: list[str] = []
    hooks = [
        getattr(pipeline, name).register_forward_pre_hook(lambda *_, name=name: calls.append(name))
        for name in profile.denoisers
    ]

    called(pipeline, profile, num_inference_steps=steps, negative_prompt="a dog", **guided)
    for hook in hooks:
        hook.remove()

    assert len(calls) == steps * profile.forwards_per_step
    assert set(calls) == set(profile.denoisers)


@each_profile
def test_each_of_its_guidances_matters(profile: Profile, pipelines: Pipelines) -> None:
    pipeline = pipelines.of(profile)
    arguments = [name for name in profile.guidance if name != GUIDER]
    # Above 1, so that the pass for what is not wanted is made at all.
    usual = dict.fromkeys(arguments, 2.0) | {"negative_prompt": "a dog"}

    plain = called(pipeline, profile, num_frames=9, **usual)

    for name in arguments:
        made = called(pipeline, profile, num_frames=9, **usual | {name: 6.0})
        assert not np.array_equal(made, plain)
