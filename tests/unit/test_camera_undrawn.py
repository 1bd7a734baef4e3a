"""What the prompt asks for and the photo has no place for: it is told, and not drawn anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.requests import a_request
from support.stills import still_path
from unstill.domain.request import Frame, MarkedRegion, RegionKind, Size
from unstill.engines.camera.render import render
from unstill.engines.camera.task import Rendered, RenderTask


def rendered(
    folder: Path, prompt: str, first: str, last: str | None = None, **fields: object
) -> Rendered:
    names = {"first": first} | ({"last": last} if last else {})
    request = a_request(
        **fields,
        prompt=prompt,
        last_frame=Frame("last", "last_image") if last else None,
        duration_s=1,
        frame_rate=8,
    )
    task = RenderTask(
        job_id="job-1",
        request=request,
        size=Size(256, 160),
        frames={role: str(still_path(name)) for role, name in names.items()},  # type: ignore[misc]
        out=str(folder / "v.part"),
    )
    return render(task, lambda _: None)


@pytest.mark.parametrize(
    ("prompt", "photo", "effect"),
    [
        ("static shot, the clouds drift slowly", "church", "clouds"),
        ("固定镜头，云朵飘动", "church", "clouds"),
        ("static shot, the grass sways in the wind", "dune", "wind"),
        ("static shot, the sea ripples", "dune", "water"),
        ("static shot, the lights flicker", "rocket", "flicker"),
    ],
)
def test_where_its_place_is_sure_it_is_drawn(
    tmp_path: Path, prompt: str, photo: str, effect: str
) -> None:
    result = rendered(tmp_path, prompt, photo)

    assert result.effects == (effect,)
    assert result.unheard == ()


@pytest.mark.parametrize(
    ("prompt", "photo", "piece"),
    [
        ("static shot, clouds drift by", "coffee", "clouds drift"),
        ("static shot, waves crash", "page", "waves crash"),
        ("static shot, flowers sway", "hubble", "flowers sway"),
        ("static shot, the lights flicker", "dune", "flicker"),
    ],
)
def test_where_it_is_not_its_words_are_told_as_not_heard(
    tmp_path: Path, prompt: str, photo: str, piece: str
) -> None:
    result = rendered(tmp_path, prompt, photo)

    assert result.effects == ()
    assert any(piece in unheard for unheard in result.unheard)


def test_between_two_photos_nothing_moves_by_itself(tmp_path: Path) -> None:
    result = rendered(tmp_path, "the clouds drift, snow is falling", "church", last="storm")

    assert result.effects == ("snow",)
    assert any("clouds" in unheard for unheard in result.unheard)


@pytest.mark.parametrize(
    ("prompt", "first", "last", "moves", "unheard"),
    [
        # The camera goes from the one place to the other, whatever the words say of it.
        ("pan left, then zoom in", "street_a", "street_b", (), ("pan left", "zoom")),
        ("handheld, pan left", "street_a", "street_b", ("handheld",), ("pan left",)),
        ("static camera", "street_a", "street_b", (), ("static camera",)),
        # Between pictures with little in common it goes out and back as it is told to.
        ("pan left", "coffee", "chelsea", ("left",), ()),
        # ... but for a pan that there is no room for without the zoom that is denied.
        ("pan left, no zoom", "coffee", "chelsea", (), ("pan left",)),
        ("pan left, no zoom", "coffee", None, ("left",), ()),
        # The video ends on the last frame that was given.
        ("pan left, seamless loop", "coffee", "chelsea", ("left",), ("seamless loop",)),
        ("pan left, seamless loop", "coffee", None, ("left",), ()),
    ],
)
def test_a_move_that_the_pictures_leave_no_room_for_is_not_heard(  # noqa: PLR0917 - a row
    tmp_path: Path,
    prompt: str,
    first: str,
    last: str | None,
    moves: tuple[str, ...],
    unheard: tuple[str, ...],
) -> None:
    result = rendered(tmp_path, prompt, first, last)

    assert (result.moves, result.unheard) == (moves, unheard)


@pytest.mark.parametrize(
    ("prompt", "kind", "effect"),
    [
        ("static shot, smoke rises slowly", RegionKind.SMOKE, "smoke"),
        ("固定镜头，热气袅袅升起", RegionKind.SMOKE, "smoke"),
        ("static shot, her hair blows in the wind", RegionKind.HAIR, "hair"),
        ("固定镜头，头发随风飘动", RegionKind.HAIR, "hair"),
        ("static shot, waves crash", RegionKind.WATER, "water"),
        ("static shot, flowers sway", RegionKind.LEAVES, "wind"),
        ("static shot", RegionKind.SMOKE, "smoke"),
    ],
)
def test_words_for_what_the_caller_has_marked_are_heard(
    tmp_path: Path, prompt: str, kind: RegionKind, effect: str
) -> None:
    marked = (MarkedRegion(kind=kind, boxes=((0.2, 0.2, 0.8, 0.8),)),)
    result = rendered(tmp_path, prompt, "coffee", regions=marked)

    assert (result.effects, result.unheard) == ((effect,), ())


@pytest.mark.parametrize(
    ("prompt", "last"), [("smoke rises", "storm"), ("a pencil sketch, smoke rises", None)]
)
def test_where_a_marked_region_cannot_move_it_is_told_with_its_words(
    tmp_path: Path, prompt: str, last: str | None
) -> None:
    marked = (MarkedRegion(kind=RegionKind.SMOKE, boxes=((0.2, 0.2, 0.8, 0.8),)),)
    result = rendered(tmp_path, prompt, "coffee", last=last, regions=marked)

    assert "smoke" not in result.effects
    assert result.unheard[-1] == "region[0]"
    assert any("smoke rises" in unheard for unheard in result.unheard)


def test_without_a_region_words_for_smoke_and_hair_are_told(tmp_path: Path) -> None:
    result = rendered(tmp_path, "static shot, smoke rises, her hair blows", "coffee")

    assert result.effects == ()
    assert result.unheard == ("smoke rises", "hair blows")
