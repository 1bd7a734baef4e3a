"""A network that the operator names says what is near; here the one that finds subjects does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from support.stills import still
from unstill.domain.errors import BadSetting, OperatorError
from unstill.domain.request import Size
from unstill.engines.camera import Camera
from unstill.engines.camera.depth import guess_depth
from unstill.engines.camera.depth_network import network_depth
from unstill.engines.camera.framing import framed_pair, framed_photo
from unstill.engines.camera.saliency import WEIGHTS
from unstill.media.yuv import Floats

SIZE = Size(192, 320)


def test_depth_is_what_the_network_says() -> None:
    rgb = still("rocket")

    near = network_depth(rgb, WEIGHTS)

    rows, columns = near.shape
    assert near.min() == 0.0
    assert near.max() == 1.0
    rocket, sky = near[rows * 6 // 10, columns // 2], near[rows // 10, columns // 10]
    assert sky < 0.4
    assert rocket > sky + 0.4


@pytest.mark.slow
def test_it_is_cut_as_the_photo_is_and_moves_what_it_says_is_near() -> None:
    rgb = still("rocket")

    named = framed_photo(rgb, SIZE, depth_model=str(WEIGHTS))
    plain = framed_photo(rgb, SIZE)

    assert plain.near is None
    assert named.near is not None
    whole = network_depth(rgb, WEIGHTS)
    assert named.near.shape[0] == whole.shape[0]
    assert named.near.shape[1] < 0.8 * whole.shape[1]
    told, guessed = (agreement(guess_depth(photo).near, named.near) for photo in (named, plain))
    assert told > 0.5
    assert told > guessed + 0.1


def agreement(near: Floats, said: Floats) -> float:
    grown = cv2.resize(said, (near.shape[1], near.shape[0])).astype(np.float32)
    return float(np.corrcoef(near.ravel(), grown.ravel())[0, 1])


@pytest.mark.slow
def test_both_pictures_of_a_pair_have_theirs() -> None:
    rgb = still("rocket")

    one, other = framed_pair(rgb, rgb, SIZE, depth_model=str(WEIGHTS))

    assert one.near is not None
    assert other.near is not None
    assert (one.near == other.near).all()


def test_a_file_that_is_no_network_is_told_by_its_name(tmp_path: Path) -> None:
    broken = tmp_path / "depth.onnx"
    broken.write_bytes(b"no network at all")

    with pytest.raises(OperatorError, match=r"depth\.onnx"):
        network_depth(np.zeros((40, 60, 3), np.uint8), broken)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"engines\.deep\.depth_model"):
        Camera("deep", slots=1, depth_model=str(tmp_path / "missing.onnx"))

    assert Camera("deep", slots=1, depth_model=str(WEIGHTS)).slots == 1
