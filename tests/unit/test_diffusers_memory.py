"""The memory ladder: which rung fits which card, by the sizes of the published weights."""

from __future__ import annotations

import pytest

from docs import pages
from unstill.domain.request import Size
from unstill.engines.diffusers.folder import Component, Folder
from unstill.engines.diffusers.memory import (
    LARGEST,
    RUNGS,
    down,
    fit_of,
    fits,
    host_memory,
    needs,
    working_bytes,
)
from unstill.engines.diffusers.options import Rung
from unstill.engines.diffusers.profiles import PROFILES

BY_NAME = {profile.name: profile for profile in PROFILES}
GB, GIB = 10**9, 2**30
VIDEO = 3 * 4 * 2  # bytes of a pixel of the finished video, while a piece is joined to it
UMT5 = {"text_encoder": 5.7}


def folder(profile: str, hidden: int, blocks: int, billions: dict[str, float]) -> Folder:
    """A folder with so many parameters: two bytes each, four of the VAE."""
    components = {
        name: Component(name, "diffusers", "", ("a",), loaded_bytes=int(count * GB) * width)
        for name, count in billions.items()
        for width in ((4 if name == "vae" else 2),)
    }
    return Folder("", BY_NAME[profile], components, hidden=hidden, blocks=blocks)


# Parameters: the published folders' (transformer 14.289 B each; UMT5 XXL's encoder 5.7 B).
A14B = folder(
    "wan2.2-a14b",
    5120,
    40,
    {"transformer": 14.289, "transformer_2": 14.289, "vae": 0.127, **UMT5},
)
SMALL = folder("wan2.2-5b", 3072, 30, {"transformer": 5.0, "vae": 0.7, **UMT5})


def chosen(weights: Folder, free_gb: float) -> str:
    frames = weights.profile.longest_frames
    fit = fits(weights, size=LARGEST, frames=frames, free_bytes=int(free_gb * GB))
    return fit.rung + (" and encoders" if fit.keeps_encoders else "")


# What cards of so many GB have free under a driver; 720P, 8 s.
@pytest.mark.parametrize(
    ("free_gb", "a14b", "small"),
    [
        (140, "resident and encoders", "resident and encoders"),
        (84, "resident", "resident and encoders"),
        (80, "resident", "resident and encoders"),
        (50, "block-offload", "resident and encoders"),
        (42, "block-offload", "resident and encoders"),
        (25, "block-offload", "resident"),
        (16, "block-offload-fp8", "block-offload"),
        (12, "block-offload-fp8", "block-offload"),
    ],
)
def test_each_card_gets_the_rung_that_fits_it(free_gb: float, a14b: str, small: str) -> None:
    assert (chosen(A14B, free_gb), chosen(SMALL, free_gb)) == (a14b, small)


@pytest.mark.parametrize("rung", RUNGS[:-1])
@pytest.mark.parametrize("weights", [A14B, SMALL], ids=["a14b", "5b"])
def test_a_rung_fits_into_exactly_what_it_needs(weights: Folder, rung: Rung) -> None:
    frames = weights.profile.longest_frames
    needed = needs(weights, size=LARGEST, frames=frames)[rung]

    enough = fits(weights, size=LARGEST, frames=frames, free_bytes=needed)
    too_little = fits(weights, size=LARGEST, frames=frames, free_bytes=needed - 1)

    assert (enough.rung, enough.is_tight) == (rung, False)
    assert too_little.rung == down(rung, 1)


def test_the_last_rung_is_tried_where_nothing_fits_and_said_to_be_tight() -> None:
    needed = needs(A14B, size=LARGEST, frames=129)["block-offload-fp8"]

    enough = fits(A14B, size=LARGEST, frames=129, free_bytes=needed)
    nothing = fits(A14B, size=LARGEST, frames=129, free_bytes=needed - 1)

    assert (enough.rung, enough.is_tight) == ("block-offload-fp8", False)
    assert (nothing.rung, nothing.is_tight) == ("block-offload-fp8", True)


def test_a_chosen_rung_is_kept_and_judged() -> None:
    fit = fit_of(A14B, "resident", size=LARGEST, frames=129, free_bytes=24 * GB)

    assert (fit.rung, fit.is_tight, fit.keeps_encoders) == ("resident", True, False)


def test_a_smaller_picture_and_a_shorter_video_need_less() -> None:
    large = needs(A14B, size=LARGEST, frames=129)
    small = needs(A14B, size=Size(832, 480), frames=81)

    assert all(small[rung] < large[rung] for rung in RUNGS)


def test_offload_holds_two_blocks_and_eight_bits_half_of_that() -> None:
    needed = needs(A14B, size=LARGEST, frames=81)
    block = 14.289 * GB * 2 / 40

    assert needed["resident"] - needed["block-offload"] == pytest.approx(
        14.289 * GB * 4 - 2 * block
    )
    assert needed["block-offload"] - needed["block-offload-fp8"] == pytest.approx(block, rel=1e-6)


def test_a_decode_counts_where_it_takes_more_than_a_block() -> None:
    # 81 frames of A14B are 21 x 45 x 80 tokens; 4 frames of the VAE's 96 channels are less.
    assert working_bytes(A14B, size=LARGEST, frames=81) == 75_600 * 5120 * 2 * 16
    # Of one frame there are 3,600 tokens, and its decode is more.
    assert working_bytes(A14B, size=LARGEST, frames=1) == 1280 * 720 * (96 * 4 * 4 + VIDEO)


def test_a_vae_that_decodes_all_at_once_or_in_tiles_is_counted_so() -> None:
    ltx = folder("ltx-video", 2048, 28, {"transformer": 1.9, "vae": 0.4, "text_encoder": 4.8})
    hunyuan = folder(
        "hunyuan-video-1.5", 2048, 54, {"transformer": 8.3, "vae": 1.2, "text_encoder": 7.6}
    )

    pixels = 1280 * 720
    assert working_bytes(ltx, size=LARGEST, frames=201) == pixels * 201 * (8 * 4 * 4 + VIDEO)
    tiles = 256 * 256 * 121 * 128 * 4 * 4
    assert working_bytes(hunyuan, size=LARGEST, frames=121) == tiles + pixels * 121 * VIDEO


@pytest.mark.parametrize(
    ("rung", "steps", "lower"),
    [
        ("resident", 0, "resident"),
        ("resident", 1, "block-offload"),
        ("resident", 2, "block-offload-fp8"),
        ("resident", 3, "block-offload-fp8"),
        ("block-offload", 1, "block-offload-fp8"),
        ("block-offload-fp8", 1, "block-offload-fp8"),
    ],
)
def test_further_down_ends_at_the_last_rung(rung: Rung, steps: int, lower: Rung) -> None:
    assert down(rung, steps) == lower


def test_further_down_goes_by_the_rungs_that_a_profile_has() -> None:
    assert down("resident", 1, ("resident", "block-offload-fp8")) == "block-offload-fp8"
    assert down("block-offload", 0, ("resident", "block-offload-fp8")) == "block-offload-fp8"
    assert down("block-offload", 2, ("resident",)) == "resident"


def test_weights_that_wait_in_the_machines_memory_are_pinned_as_far_as_there_is_room() -> None:
    both = host_memory(A14B, "block-offload", free_bytes=128 * GIB)
    one = host_memory(A14B, "block-offload", free_bytes=56 * GB)
    none = host_memory(A14B, "block-offload", free_bytes=40 * GB)

    # 53 GiB for both experts, and the text encoder beside them.
    assert both.pinned_each_bytes * 2 == pytest.approx(53.2 * GIB, rel=0.01)
    assert both.held_bytes == pytest.approx((53.2 + 10.6) * GIB, rel=0.01)
    assert (both.pinned, one.pinned, none.pinned) == (2, 1, 0)


def test_eight_bits_halve_what_waits_and_resident_weights_do_not_wait() -> None:
    fp8 = host_memory(A14B, "block-offload-fp8", free_bytes=64 * GIB)
    resident = host_memory(A14B, "resident", free_bytes=64 * GIB)

    assert fp8.pinned_each_bytes == pytest.approx(13.3 * GIB, rel=0.01)
    assert fp8.pinned == 2
    assert (resident.held_bytes, resident.pinned_each_bytes, resident.pinned) == (
        int(5.7 * GB) * 2,
        0,
        0,
    )


SIZES = {"480P": Size(832, 480), "720P": Size(1280, 720)}


def test_the_engines_page_shows_what_is_reckoned_here() -> None:
    page = pages.section(pages.ROOT / "docs/engines/diffusers.md", "Memory")
    rows = {row[0]: row[1:] for row in pages.rows(page) if row[0].startswith("Wan")}

    assert rows == {
        f"{title}, {tier}, {seconds} s": [
            f"{needed / GB:.1f}" for needed in _rungs(of, size, seconds)
        ]
        for title, of in (("Wan 2.2 A14B", A14B), ("Wan 2.2 5B", SMALL))
        for tier, size in SIZES.items()
        for seconds in (5, 8)
    }


def _rungs(weights: Folder, size: Size, seconds: int) -> list[int]:
    profile = weights.profile
    return list(
        needs(weights, size=size, frames=profile.frames.at_least(seconds * profile.fps)).values()
    )
