"""The field `region`: alike in every dialect, held to its limits, its masks taken as pictures."""

from __future__ import annotations

import json
from base64 import b64encode
from io import BytesIO
from typing import Any

import msgspec
import pytest
from PIL import Image

from support.create_calls import DIALECTS, FLAT, body_of, made, parsed
from support.requests import HAPPYHORSE, SORA, WAN22, WAN27, a_request
from unstill.domain.errors import BadField, BadImage
from unstill.domain.request import Frame, GivenValue, MarkedRegion, RegionKind, Size
from unstill.models.catalogue import Catalogue
from unstill.models.region_list import MOST_BOXES, MOST_REGIONS, RegionList
from unstill.server.body_pictures import put_back, unpacked
from unstill.service.admission import Admission
from unstill.service.checked_calls import CheckedCall, checked_call, quoted_call
from unstill.service.idempotency import RetryHeaders, mark_of
from unstill.service.model_engines import ModelEngines
from unstill.store.job_rows import read_request, write_request

WATER = {"kind": "water", "boxes": [[0, 0.6, 1, 1], [0.25, 0.5, 0.5, 0.6]]}
MEANT = MarkedRegion(RegionKind.WATER, ((0.0, 0.6, 1.0, 1.0), (0.25, 0.5, 0.5, 0.6)))
MASK_URL = "https://example.com/mask.png"


def png(side_px: int = 32, shade: int = 255) -> bytes:
    file = BytesIO()
    Image.new("L", (side_px, side_px), shade).save(file, "PNG")
    return file.getvalue()


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + b64encode(data).decode()


def param_of(dialect: str) -> str:
    return "region" if dialect in FLAT else "parameters.region"


def read(value: object) -> tuple[MarkedRegion, ...]:
    return RegionList().read(GivenValue("region", value))


async def checked(value: object, dialect: str = "videos") -> CheckedCall:
    create_call = parsed(dialect, body_of(dialect, region=value))
    return await checked_call(create_call, Catalogue(), models=None)


async def number(value: object) -> str:
    create_call = parsed("videos", body_of("videos", region=value))
    found = await checked_call(create_call, Catalogue(), models=None)
    return mark_of(RetryHeaders("k", is_retry=False), create_call, found, now_ms=0).fingerprint


# --- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [WAN22, SORA, WAN27, HAPPYHORSE])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_and_model_has_it_as_a_list_and_as_json_text(
    dialect: str, model: str
) -> None:
    for value in ([WATER], json.dumps([WATER])):
        found = made(dialect, body_of(dialect, model, region=value))

        assert found.request.regions == (MEANT,)
        assert found.request.options.keys() & {"region"} == set()
        assert found.ignored == ()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("value", [None, "", [], "  "])
def test_one_that_says_nothing_is_none(dialect: str, value: object) -> None:
    assert made(dialect, body_of(dialect, region=value)).request.regions == ()


@pytest.mark.parametrize("dialect", ["tasks", "dashscope"])
@pytest.mark.parametrize("place", ["input", "body"])
def test_at_another_place_it_is_told_where_it_belongs(dialect: str, place: str) -> None:
    body = body_of(dialect)
    (body if place == "body" else body["input"])["region"] = [WATER]

    with pytest.raises(BadField, match="absent: region belongs into parameters"):
        made(dialect, body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_its_plural_is_told_its_name(dialect: str) -> None:
    with pytest.raises(BadField, match="absent: region belongs"):
        made(dialect, body_of(dialect, regions=[WATER]))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_errors_name_the_part_in_the_callers_words(dialect: str) -> None:
    wrong = [WATER, {"kind": "smoke", "boxes": [[0, 0, 1, 1], [0, 0, 1, 1.01]]}]

    with pytest.raises(BadField) as error:
        made(dialect, body_of(dialect, region=wrong))
    assert error.value.param == f"{param_of(dialect)}[1].boxes[1]"
    assert "got [0, 0, 1, 1.01]" in error.value.message


@pytest.mark.parametrize(
    ("value", "param", "told"),
    [
        ("water", "region", "as JSON, got 'water'"),
        ('{"kind": "water"}', "region", "a list of at most 8 regions"),
        ("[" * 5000, "region", "as JSON"),
        (7, "region", "got 7"),
        (True, "region", "got true"),
        (WATER, "region", "got an object"),
        (["water"], "region[0]", "an object with kind"),
        (
            [{"boxes": [[0, 0, 1, 1]]}],
            "region[0].kind",
            "water, smoke, hair or leaves, got nothing",
        ),
        ([WATER | {"kind": "fire"}], "region[0].kind", "got 'fire'"),
        ([WATER | {"kind": ["water"]}], "region[0].kind", "got a list"),
        ([WATER | {"speed": 2}], "region[0].speed", "absent: a region has kind, boxes and mask"),
        ([{"kind": "water"}], "region[0]", "got neither of them"),
        ([{"kind": "water", "boxes": None, "mask": None}], "region[0]", "got neither of them"),
        ([{"kind": "water", "boxes": []}], "region[0].boxes", "got a list (none in it)"),
        ([{"kind": "water", "mask": " "}], "region[0].mask", "a picture as http(s) URL"),
        ([{"kind": "water", "boxes": {"x": 1}}], "region[0].boxes", "a list of boxes"),
        ([{"kind": "water", "boxes": [0, 0, 1, 1]}], "region[0].boxes[0]", "got 0"),
        ([{"kind": "water", "boxes": [[0, 0, 1]]}], "region[0].boxes[0]", "four numbers"),
        ([{"kind": "water", "boxes": [[0, 0, "1", 1]]}], "region[0].boxes[0]", "four numbers"),
        ([{"kind": "water", "boxes": [[0, 0, True, 1]]}], "region[0].boxes[0]", "four numbers"),
        ([{"kind": "water", "boxes": [[0, 0, 10**400, 1]]}], "region[0].boxes[0]", "four numbers"),
        ([{"kind": "water", "boxes": [[-0.01, 0, 1, 1]]}], "region[0].boxes[0]", "got [-0.01"),
        (
            [{"kind": "water", "boxes": [[0.5, 0, 0.5, 1]]}],
            "region[0].boxes[0]",
            "got [0.5, 0, 0.5",
        ),
        ([{"kind": "water", "boxes": [[0, 1, 1, 0]]}], "region[0].boxes[0]", "top before bottom"),
        ([{"kind": "water", "mask": 5}], "region[0].mask", "a picture as http(s) URL"),
        ([{"kind": "water", "mask": {"url": "x"}}], "region[0].mask", "a picture as http(s) URL"),
    ],
)
def test_what_is_wrong_is_refused_by_its_own_name(value: object, param: str, told: str) -> None:
    with pytest.raises(BadField) as error:
        read(value)
    assert error.value.param == param
    assert told in error.value.message


def test_null_in_a_region_is_as_if_it_were_not_there() -> None:
    assert read([WATER | {"mask": None}]) == read([WATER]) == (MEANT,)
    assert read([{"kind": "hair", "mask": MASK_URL, "boxes": None}])[0].mask == "mask1"


def test_there_are_as_many_regions_and_boxes_as_the_limits_say() -> None:
    box = [0, 0, 1, 1]

    assert len(read([WATER] * MOST_REGIONS)) == MOST_REGIONS == 8
    with pytest.raises(BadField, match="at most 8 regions, got 9 of them"):
        read([WATER] * (MOST_REGIONS + 1))
    boxes = read([{"kind": "hair", "boxes": [box] * MOST_BOXES}])[0].boxes
    assert len(boxes) == MOST_BOXES == 8
    with pytest.raises(BadField, match="at most 8 boxes, got 9 of them"):
        read([{"kind": "hair", "boxes": [box] * (MOST_BOXES + 1)}])


# --- masks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_mask_is_taken_as_a_picture_of_its_regions_number(dialect: str) -> None:
    value = [WATER, {"kind": "smoke", "mask": data_url(png())}, {"kind": "hair", "mask": MASK_URL}]
    call = await checked(value, dialect)

    assert [region.mask for region in call.request.regions] == [None, "mask2", "mask3"]
    inline, fetched = call.request.masks
    assert (inline.role, inline.url, fetched.url) == ("mask2", None, MASK_URL)
    assert fetched.param == f"{param_of(dialect)}[2].mask"
    assert call.taken["mask2"].data == png()
    assert call.taken["mask3"].data is None
    assert [frame.role for frame in call.request.frames] == ["first", "mask2", "mask3"]
    assert {frame.file_name for frame in call.request.masks} == {"mask2-frame", "mask3-frame"}


async def test_a_mask_may_be_smaller_than_a_models_frames_but_no_speck() -> None:
    assert (await checked([{"kind": "hair", "mask": data_url(png(8))}])).request.masks
    with pytest.raises(BadImage, match=r"region\[0\].mask: the sides must be at least 8 px"):
        await checked([{"kind": "hair", "mask": data_url(png(7))}])


@pytest.mark.parametrize("mask", ["data:image/png;base64,aGVsbG8gd29ybGQ=", "null", "data:,x"])
async def test_a_mask_that_is_no_picture_is_refused(mask: str) -> None:
    with pytest.raises(BadField) as error:
        await checked([{"kind": "hair", "mask": mask}])
    assert error.value.param == "region[0].mask"


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("http://169.254.169.254/latest/meta-data", True),
        ("http://localhost/mask.png", True),
        ("http://[::1]/mask.png", True),
        (MASK_URL, False),
    ],
)
async def test_a_masks_address_is_held_to_the_rules_of_any_pictures(
    url: str, *, is_refused: bool
) -> None:
    call = await checked([{"kind": "hair", "mask": url}])

    if is_refused:
        with pytest.raises(BadImage, match=r"region\[0\].mask: the address"):
            Admission().check(call.taken["mask1"])
    else:
        Admission().check(call.taken["mask1"])


@pytest.mark.parametrize("as_text", [False, True])
async def test_the_masks_of_a_large_body_are_files_as_its_frames_are(*, as_text: bool) -> None:
    noise = BytesIO()
    Image.effect_noise((256, 256), 90).save(noise, "PNG")
    value: Any = [{"kind": "hair", "mask": data_url(noise.getvalue())}]
    body = body_of("videos", region=json.dumps(value) if as_text else value)
    rest, files = unpacked(body)
    create_call = parsed("videos", put_back(rest, files))  # type: ignore[arg-type]
    call = await checked_call(create_call, Catalogue(), models=None)

    assert [each.data for each in files] == [noise.getvalue()]
    assert call.taken["mask1"].data == noise.getvalue()


# --- what becomes of it ------------------------------------------------------------------------


async def test_another_region_is_another_call_and_the_same_one_the_same() -> None:
    smoke = {"kind": "smoke", "mask": data_url(png())}
    plain = await number([])

    assert await number([WATER]) == await number(json.dumps([WATER])) != plain
    assert await number([WATER | {"kind": "smoke"}]) != await number([WATER])
    assert await number([WATER, smoke]) != await number([WATER])
    bare = b64encode(png()).decode()  # the same picture, written otherwise
    assert await number([smoke]) == await number([{"kind": "smoke", "mask": bare}])
    assert await number([smoke]) != await number(
        [{"kind": "smoke", "mask": data_url(png(shade=9))}]
    )


def test_it_is_in_the_row_and_comes_back_out_of_it() -> None:
    request = a_request(
        regions=(MEANT, MarkedRegion(RegionKind.HAIR, mask="mask2")),
        masks=(Frame("mask2", "region[1].mask", sha256="ab" * 32),),
    )

    assert read_request(write_request(request)) == request


def test_a_misfit_is_told_in_the_callers_words() -> None:
    create_call = parsed("tasks", body_of("tasks", region=[WATER]))
    request = made("tasks", body_of("tasks", region=[WATER])).request

    class Network:
        name = "network"

        def misfit(self, _: object) -> BadField:
            return BadField("region", "absent: it cannot be told", found="regions")

    engines = ModelEngines({"network": Network()}, routes={WAN27: ["network"]})  # type: ignore[dict-item]
    with pytest.raises(BadField, match=r"parameters\.region must be absent") as error:
        engines.engine_for(WAN27, request, create_call=create_call)
    assert error.value.param == "parameters.region"


def test_the_schema_is_json_and_names_every_kind() -> None:
    schema = RegionList().wire_schema()
    kinds = schema["anyOf"][0]["items"]["properties"]["kind"]["enum"]

    assert kinds == ["water", "smoke", "hair", "leaves"]
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema


def test_a_quote_reads_it_without_its_masks() -> None:
    create_call = parsed("tasks", body_of("tasks", region=[WATER, {"kind": "hair", "mask": "x"}]))
    call = quoted_call(create_call, {"first": Size(640, 480)}, Catalogue(), models=None)

    assert [region.mask for region in call.request.regions] == [None, "mask2"]
    assert call.request.masks == ()
