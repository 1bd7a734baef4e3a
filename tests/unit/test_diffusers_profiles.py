"""The profiles: each is a file, and says of its pipeline what the engine needs to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstill.engines.diffusers import profiles
from unstill.engines.diffusers.profile import FrameCounts, Profile
from unstill.engines.diffusers.profiles import PROFILES

BY_NAME = {profile.name: profile for profile in PROFILES}


def test_each_file_of_the_folder_is_a_profile_and_they_come_by_name() -> None:
    files = {path.stem for path in Path(profiles.__path__[0]).glob("*.py")} - {"__init__"}

    assert len(PROFILES) == len(files) >= 4
    assert [profile.name for profile in PROFILES] == sorted(BY_NAME)


@pytest.mark.parametrize("profile", PROFILES, ids=BY_NAME)
def test_a_profile_agrees_with_itself(profile: Profile) -> None:
    assert set(profile.denoisers) <= set(profile.components)
    assert {"vae", "text_encoder", "tokenizer", "scheduler"} <= set(profile.components)
    if profile.guidance != ("guider",):
        assert len(profile.guidance) == len(profile.guidance_default)
    assert profile.frames.at_least(profile.longest_frames) == profile.longest_frames
    assert profile.source
    assert profile.licence


@pytest.mark.parametrize("profile", PROFILES, ids=BY_NAME)
def test_eight_seconds_at_the_models_own_rate_are_within_its_longest(profile: Profile) -> None:
    assert profile.frames.at_least(8 * profile.fps) <= profile.longest_frames


@pytest.mark.parametrize(
    ("name", "numbers"),  # frames of 8 s, multiple of a size, steps, guidance, shift
    [
        ("wan2.2-a14b", (129, 16, 40, (3.5, 3.5), 5.0)),
        ("wan2.2-5b", (193, 32, 50, (5.0,), 5.0)),
        ("ltx-video", (201, 32, 50, (3.0,), None)),
        ("hunyuan-video-1.5", (193, 16, 50, (), None)),
    ],
)
def test_the_numbers_are_those_of_their_sources(name: str, numbers: tuple[object, ...]) -> None:
    profile = BY_NAME[name]
    frames_8_s = profile.frames.at_least(8 * profile.fps)

    assert numbers == (
        frames_8_s,
        profile.size_multiple,
        profile.steps,
        profile.guidance_default,
        profile.shift,
    )


def test_only_the_licence_that_is_apaches_needs_no_note() -> None:
    free = [profile for profile in PROFILES if profile.licence == "Apache-2.0"]

    assert [profile.name for profile in free] == ["wan2.2-5b", "wan2.2-a14b"]
    assert [profile for profile in PROFILES if not profile.licence_note] == free


@pytest.mark.parametrize(
    ("counts", "asked", "legal"),
    [
        (FrameCounts(4), 1, 1),
        (FrameCounts(4), 0, 1),
        (FrameCounts(4), 80, 81),
        (FrameCounts(4), 81, 81),
        (FrameCounts(4), 82, 85),
        (FrameCounts(8), 200, 201),
        (FrameCounts(8), 202, 209),
    ],
)
def test_a_number_of_frames_becomes_the_next_legal_one(
    counts: FrameCounts, asked: int, legal: int
) -> None:
    assert counts.at_least(asked) == legal


@pytest.mark.parametrize(
    ("frames", "latents"), [(1, 1), (2, 2), (5, 2), (6, 3), (80, 21), (81, 21), (82, 22)]
)
def test_frames_of_latents_reach_to_the_next_legal_number(frames: int, latents: int) -> None:
    assert FrameCounts(step=4).latents(frames) == latents
