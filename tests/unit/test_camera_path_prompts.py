"""What a prompt says of the camera is what the camera does: from the words to the look."""

from __future__ import annotations

from functools import cache

import pytest

from support.camera_motion import Motion, drawn, filmed, looked
from support.requests import a_request
from support.stills import still
from unstill.domain.request import Size
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto

SIZE = Size(480, 270)
TUNED, JUDGED = ("chelsea", "mountains", "dune"), ("butterfly", "meadow", "toys")
FAR, HARDLY = 0.06, 0.02  # shares of the frame's side


@cache
def photo(name: str) -> Photo:
    return fit_photo(still(name), SIZE)


def scene(prompt: str, name: str, seed: int) -> OnePhoto:
    plan = read_prompt(prompt, "", seed)
    return OnePhoto(photo(name), plan, a_request(prompt=prompt, duration_s=5, seed=seed))


def over_seeds(prompt: str, begin: float = 0, end: float = 1) -> list[Motion]:
    """The motion of 20 seeds, each over the next one of the photos."""
    names = [*TUNED, *JUDGED]
    scenes = [scene(prompt, names[seed % len(names)], seed) for seed in range(20)]
    return [looked(seen.lens, seen.path, SIZE, begin, end) for seen in scenes]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompt", "right", "down"),
    [
        ("the camera pans from right to left", -1, 0),
        ("camera moves from left to right", 1, 0),
        ("pan from bottom to top", 0, -1),
        ("镜头从右到左平移", -1, 0),
        ("从下往上摇", 0, -1),
        ("镜头从上到下移动", 0, 1),
    ],
)
def test_a_direction_is_kept_and_no_other_is_added(prompt: str, right: int, down: int) -> None:
    for motion in over_seeds(prompt):
        assert motion.right * right > FAR if right else abs(motion.right) < HARDLY
        assert motion.down * down > FAR if down else abs(motion.down) < HARDLY


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["pan left then zoom in", "先向左平移,再推近"])
def test_a_sequence_is_made_in_its_order(prompt: str) -> None:
    for first, second in zip(over_seeds(prompt, 0, 0.45), over_seeds(prompt, 0.55, 1), strict=True):
        assert first.right < -FAR
        assert abs(first.zoom - 1) < 0.02
        assert abs(second.right) < HARDLY
        assert second.zoom > 1.05


@pytest.mark.parametrize("name", ["mountains", "meadow"])
def test_the_frames_go_where_the_words_say(name: str) -> None:
    motion = filmed(drawn(scene("the camera pans from right to left", name, 3), SIZE, frames=17))

    assert motion.right < -FAR
    assert abs(motion.down) < HARDLY
