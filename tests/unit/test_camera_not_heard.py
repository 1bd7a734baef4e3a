"""The words of a prompt that change nothing are told, and only those."""

from __future__ import annotations

import pytest

from unstill.engines.camera.prompt import read_prompt


@pytest.mark.parametrize(
    ("prompt", "unheard"),
    [
        ("The camera slowly pushes in.", ()),
        ("smooth cinematic dolly in on the cat, then pan left", ()),
        ("pull back to reveal the crowd", ()),
        ("zoom out to show the entire room", ()),
        ("no zoom, heavy rain", ()),
        ("镜头自下而上摇,展示整座大厦", ()),
        ("seamless loop, Camera movement: pan left", ()),
        ("push in, her dress blows in the wind", ("dress blows in the wind",)),
        ("The image is coming to life", ("image is coming to life",)),
        ("it stops raining", ("stops raining",)),
        ("aerial view, the camera pans left", ("aerial view",)),
        ("a zoom call, shallow depth of field", ("zoom call", "shallow depth of field")),
        ("The man walks left while the camera stays still", ("man walks left",)),
        (
            "让画面中的角色向前走两步,镜头轻微推进,电影感光影。",
            ("画面中的角色向前走两步", "电影感光影"),
        ),
    ],
)
def test_what_changes_nothing_is_told(prompt: str, unheard: tuple[str, ...]) -> None:
    assert read_prompt(prompt, "", 1).unheard == unheard


def test_a_piece_is_cut_and_so_is_their_number() -> None:
    told = read_prompt("she walks " * 20 + ". she waves" * 20, "", 1).unheard

    assert len(told) == 12
    assert len(told[0]) == 60
    assert told[0].endswith("…")
    assert told[1] == "she waves"
