"""Request rows of every release that there was: all later ones read them.

A file in `rows` is the `request` column of one row, as that release wrote it; it never changes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unstill.domain.errors import OperatorError
from unstill.domain.request import Frame, MarkedRegion, RegionKind, Size, VideoRequest
from unstill.store.job_rows import NEWEST_REQUEST, read_request, write_request

ROWS = Path(__file__).with_name("rows")

MEANT = {
    "v1-least.json": VideoRequest(
        model="wan2.7-i2v",
        prompt="",
        first_frame=Frame("first", "img_url", url="https://example.com/cat.jpg"),
        duration_s=5,
        frame_rate=30,
        seed=0,
        size=None,
        tier="720P",
        last_frame=None,
        negative_prompt="",
        watermark=False,
        generate_audio=None,
        options={},
        version=1,
    ),
    "v1-full.json": VideoRequest(
        model="Wan-AI/Wan2.2-I2V",
        prompt='一只猫 🐈 wakes up\n"slowly"',
        first_frame=Frame(
            "first", "input.first_frame_url", url="https://example.com/a.png", sha256="ab" * 32
        ),
        duration_s=8,
        frame_rate=24,
        seed=2147483647,
        size=Size(1104, 816),
        tier="1080P",
        last_frame=Frame("last", "input.last_frame_url", sha256="cd" * 32),
        negative_prompt="blur",
        watermark=True,
        generate_audio=True,
        options={},
        version=1,
    ),
    "v1-options.json": VideoRequest(
        model="happyhorse-1.0-i2v",
        prompt="a horse runs",
        first_frame=Frame("first", "media[0].url", sha256="ef" * 32),
        duration_s=10,
        frame_rate=24,
        seed=7,
        size=None,
        tier="720P",
        last_frame=None,
        negative_prompt="",
        watermark=False,
        generate_audio=None,
        options={"shift": 5.5, "steps": 30, "mode": "pro", "prompt_extend": True},
        version=1,
    ),
    "v1-regions.json": VideoRequest(
        model="wan2.7-i2v",
        prompt="smoke rises",
        first_frame=Frame("first", "input_reference", sha256="ef" * 32),
        duration_s=5,
        frame_rate=30,
        seed=7,
        regions=(
            MarkedRegion(RegionKind.SMOKE, mask="mask1"),
            MarkedRegion(RegionKind.WATER, boxes=((0.0, 0.625, 1.0, 1.0),)),
        ),
        masks=(Frame("mask1", "region[0].mask", url="https://example.com/m.png"),),
        version=1,
    ),
}


@pytest.mark.parametrize("row", sorted(ROWS.iterdir()), ids=lambda row: str(row.name))
def test_a_request_row_is_read_as_it_was_meant(row: Path) -> None:
    assert read_request(row.read_text("utf-8")) == MEANT[row.name]


@pytest.mark.parametrize("meant", MEANT.values(), ids=MEANT)
def test_a_request_is_written_with_every_field_and_its_version(meant: VideoRequest) -> None:
    written = json.loads(write_request(meant))

    assert set(written) == set(VideoRequest.__struct_fields__)
    assert written["version"] == NEWEST_REQUEST
    assert read_request(write_request(meant)) == meant


@pytest.mark.parametrize(
    "text",
    [
        write_request(MEANT["v1-least.json"]).replace('"version":1', '"version":2'),
        '{"version": 2, "model": {"name": "wan"}}',
    ],
    ids=["same fields", "other fields"],
)
def test_a_request_of_a_newer_release_is_refused_as_such(text: str) -> None:
    with pytest.raises(OperatorError, match="layout 2, this release reads up to 1"):
        read_request(text)
