"""What a picture is of: found by the network that comes along, and doubted where it is unsure."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from support.requests import a_request
from support.stills import still, still_path
from unstill.domain.request import Size
from unstill.engines.camera.__main__ import render_and_note
from unstill.engines.camera.kept_photos import made_ready
from unstill.engines.camera.saliency import WEIGHTS, NoMask, run, salient
from unstill.engines.camera.subject import Box, find_subject, subject_of
from unstill.engines.camera.task import NO_MASK, RenderTask

# Heads, measured by hand on the pictures, in shares of them. The squirrel's is not among them: its
# tail is as high, and no cue that there is tells which of the two is to stay.
HEADS = {
    "astronaut": Box(left=0.24, top=0.03, right=0.58, bottom=0.38),
    "cameraman": Box(left=0.36, top=0.13, right=0.56, bottom=0.34),
    "footballer": Box(left=0.39, top=0.19, right=0.49, bottom=0.37),
    "dogs": Box(left=0.31, top=0.23, right=0.52, bottom=0.41),
}


def a_mask(*shapes: tuple[int, int, int, int], value: float = 1.0) -> np.ndarray:
    """Boxes of first and last row, first and last column in a mask of 100 x 100."""
    mask = np.zeros((100, 100), np.float32)
    for top, bottom, left, right in shapes:
        mask[top:bottom, left:right] = value
    return mask


def test_the_weights_are_the_published_ones_with_their_licence_beside_them() -> None:
    origin = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    licence = (WEIGHTS.parent / "LICENSE.txt").read_text(encoding="utf-8")

    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() in origin
    assert "Apache License" in licence


@pytest.mark.parametrize("name", sorted(HEADS))
def test_the_head_is_in_what_is_taken_for_the_head(name: str) -> None:
    found = find_subject(still(name))

    assert found is not None
    x, y = HEADS[name].middle
    assert found.head.left < x < found.head.right
    assert found.head.top < y < found.head.bottom + 0.04
    assert abs(found.head.top - HEADS[name].top) < 0.06


@pytest.mark.parametrize("name", ["street_a", "mountains", "storm", "hubble", "text", "stream"])
def test_a_picture_of_no_one_thing_has_no_subject(name: str) -> None:
    assert find_subject(still(name)) is None


def test_without_the_weights_or_with_broken_ones_there_is_no_mask(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(WEIGHTS.read_bytes()[:100_000])
    photo = np.zeros((40, 60, 3), np.uint8)

    with pytest.raises(NoMask, match=r"missing\.onnx"):
        salient(photo, tmp_path / "missing.onnx")
    with pytest.raises(NoMask):
        salient(photo, broken)
    # that memory was short once says nothing of the next time
    broken.write_bytes(WEIGHTS.read_bytes())
    assert salient(photo, broken).shape == (320, 320)


def test_a_mask_is_the_same_each_time() -> None:
    photo = still("astronaut")

    first = salient(photo)
    run.cache_clear()
    again, other = salient(photo), salient(np.ascontiguousarray(photo[:, ::-1]))

    assert (first == again).all()
    assert np.abs(first - other).max() > 0.5


def test_a_vague_mask_is_no_subject_and_a_clear_one_is() -> None:
    clear = a_mask((20, 80, 20, 80))
    vague = a_mask((20, 50, 20, 80)) + a_mask((60, 95, 10, 90), value=0.4)

    assert subject_of(clear, ratio=1.5) is not None
    assert subject_of(vague, ratio=1.5) is None


def test_a_speck_beside_a_subject_does_not_widen_it_and_a_second_one_does() -> None:
    alone = subject_of(a_mask((30, 70, 10, 40), (50, 55, 90, 95)), ratio=1.0)
    both = subject_of(a_mask((30, 70, 10, 40), (30, 60, 70, 95)), ratio=1.0)

    assert alone is not None
    assert both is not None
    assert (alone.box.left, alone.box.right) == (0.1, 0.4)
    assert (both.box.left, both.box.right) == (0.1, 0.95)


def test_the_head_of_a_standing_figure_is_what_is_above_its_shoulders() -> None:
    figure = a_mask((10, 24, 45, 57), (24, 95, 30, 70))

    found = subject_of(figure, ratio=1.0)

    assert found is not None
    assert found.head.top == 0.1
    assert 0.2 < found.head.bottom < 0.32


class Told:
    """What a child is told of, instead of the server."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, str | float]]] = []

    def __call__(self, fraction: float) -> None:
        del fraction

    def note(self, name: str, /, **fields: str | float) -> None:
        self.notes.append((name, fields))


@pytest.mark.parametrize("has_weights", [True, False])
def test_a_video_is_made_without_the_weights_too_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_weights: bool
) -> None:
    made_ready.cache_clear()
    if not has_weights:
        missing = partial(salient, weights=tmp_path / "missing.onnx")
        monkeypatch.setattr("unstill.engines.camera.subject.salient", missing)
    out, told = tmp_path / "v.part", Told()
    size, photo = Size(256, 144), str(still_path("astronaut"))
    request = a_request(duration_s=1, frame_rate=8)

    made = render_and_note(RenderTask("job-1", request, size, {"first": photo}, str(out)), told)

    assert (made.frame_count, out.read_bytes()[4:8]) == (8, b"ftyp")
    assert [name for name, _ in told.notes] == [NO_MASK] * (not has_weights)
    assert all("missing.onnx" in str(fields["why"]) for _, fields in told.notes)
