"""What callers are told of a model is what at least one engine behind its name makes."""

from __future__ import annotations

from typing import Any

import pytest

from support.requests import HAPPYHORSE, KLING, MINIMAX, SEEDANCE20, SEEDANCE25, WAN22, WAN27
from unstill.domain.errors import BadField
from unstill.domain.request import GivenValue, TierName, VideoRequest
from unstill.models.card import Card
from unstill.models.catalogue import CARDS
from unstill.models.field_kinds import Exact, Flag, Whole
from unstill.models.served import Misfit, served_card
from unstill.models.sizes import too_large_for_here
from unstill.upstreams import dashscope_models as dashscope

BY_ID = {card.id: card for card in CARDS}


def engine(
    *,
    tiers: tuple[TierName, ...] = ("480P", "720P", "1080P"),
    durations_s: range | tuple[int, ...] = range(1, 99),
    last_frame: bool = True,
    sound: bool = True,
    mark: bool = True,
    negative_prompt: bool = True,
) -> Misfit:
    def misfit(request: VideoRequest) -> BadField | None:
        if request.tier not in tiers:
            return BadField("resolution", "another", request.tier)
        if request.duration_s not in durations_s:
            return BadField("duration", "another", request.duration_s)
        if request.last_frame is not None and not last_frame:
            return BadField("last_frame", "absent", "a picture")
        if request.generate_audio and not sound:
            return BadField("generate_audio", "false", request.generate_audio)
        if request.negative_prompt and not negative_prompt:
            return BadField("negative_prompt", "absent", request.negative_prompt)
        if request.watermark and not mark:
            return BadField("watermark", "false", request.watermark)
        return None

    return misfit


def schema_of(card: Card) -> dict[str, Any]:
    return dict(card.schema()["properties"])


def test_what_all_engines_make_is_the_card_as_it_is() -> None:
    for card in CARDS:
        everything = engine(tiers=card.tiers)

        assert served_card(card, [everything]) is card


def test_what_no_engine_makes_at_all_is_the_card_as_it_is() -> None:
    assert served_card(BY_ID[WAN27], []) is BY_ID[WAN27]
    assert served_card(BY_ID[WAN27], [engine(tiers=())]) is BY_ID[WAN27]


def test_a_tier_that_no_engine_makes_is_left_out_of_resolution_and_size() -> None:
    card = served_card(BY_ID[KLING], [too_large_for_here])
    size = card.field("size")

    assert card.tiers == ("720P", "1080P")
    assert schema_of(card)["resolution"]["enum"] == ["720P", "1080P"]
    assert size is not None
    assert size.kind == Exact(("720P", "1080P"))
    assert card.size_limits.most_side_px == 2048
    assert served_card(BY_ID[MINIMAX], [too_large_for_here]).tiers == ("768P",)
    assert served_card(BY_ID[SEEDANCE20], [too_large_for_here, engine(tiers=("4K",))]).tiers == (
        BY_ID[SEEDANCE20].tiers
    )


@pytest.mark.parametrize(
    ("model", "durations_s", "kind"),
    [
        (WAN27, range(5, 11), Whole(least=5, most=10)),
        (WAN27, (5, 10, 15), Whole(choices=(5, 10, 15))),
        (WAN27, (5,), Whole(least=5, most=5)),
        (WAN22, (5,), Whole(choices=(5,))),
        (SEEDANCE25, range(2, 16), Whole(least=4, most=15)),
    ],
)
def test_lengths_are_those_that_an_engine_makes(
    model: str, durations_s: range | tuple[int, ...], kind: Whole
) -> None:
    duration = served_card(BY_ID[model], [engine(durations_s=durations_s)]).field("duration")

    assert duration is not None
    assert duration.kind == kind
    assert (duration.default, duration.is_required) == (5, False)
    assert duration.kind.read(GivenValue("duration", 5)) == 5


def test_two_engines_make_together_what_each_makes() -> None:
    short = engine(durations_s=(5,), tiers=("1080P",), last_frame=False)
    long = engine(durations_s=(10,), tiers=("720P",), sound=False)
    card = served_card(BY_ID[WAN27], [short, long])
    duration = card.field("duration")

    assert card.tiers == ("720P", "1080P")
    assert duration is not None
    assert duration.kind == Whole(choices=(5, 10))
    assert card.field("last_frame") is not None
    assert card.field("generate_audio") == BY_ID[WAN27].field("generate_audio")


def test_a_last_frame_is_left_out_where_no_engine_takes_one() -> None:
    card = served_card(BY_ID[WAN27], [engine(last_frame=False)])

    assert card.field("last_frame") is None
    assert "last_frame" not in schema_of(card)


def test_a_negative_prompt_that_every_engine_refuses_is_left_out() -> None:
    card, name, without = BY_ID[WAN27], "negative_prompt", engine(negative_prompt=False)

    assert card.field(name) is not None
    assert served_card(card, [without]).field(name) is None
    assert name not in schema_of(served_card(card, [without]))
    assert served_card(card, [without, engine()]).field(name) == card.field(name)


def test_a_mark_that_no_engine_draws_is_off_by_default() -> None:
    card = served_card(BY_ID[HAPPYHORSE], [engine(mark=False)])
    mark = card.field("watermark")

    assert mark is not None
    assert (mark.kind, mark.default, mark.is_required) == (Flag(only=False), False, False)
    assert served_card(BY_ID[HAPPYHORSE], [engine(mark=False), engine()]) is BY_ID[HAPPYHORSE]


def test_a_default_that_no_engine_makes_has_to_be_chosen() -> None:
    card = served_card(BY_ID[WAN27], [engine(tiers=("720P",), durations_s=(8, 9))])

    for name in ("resolution", "duration"):
        field = card.field(name)
        assert field is not None
        assert (field.default, field.is_required) == (None, True)
    assert {"resolution", "duration"} <= set(card.schema()["required"])


def test_sound_that_no_engine_makes_can_only_be_left_out() -> None:
    silent = engine(sound=False)
    wan, seedance = (served_card(BY_ID[each], [silent]) for each in (WAN27, SEEDANCE20))
    usual, must = wan.field("generate_audio"), seedance.field("generate_audio")

    assert usual is not None
    assert (usual.kind, usual.is_required) == (Flag(only=False), False)
    assert schema_of(wan)["generate_audio"]["enum"] == [False]
    assert must is not None  # it is true by default
    assert (must.kind, must.default, must.is_required) == (Flag(only=False), None, True)
    assert Flag(only=False).read(GivenValue("audio", "off")) is False
    with pytest.raises(BadField, match="audio must be false, got 'on'"):
        Flag(only=False).read(GivenValue("audio", "on"))
    assert "true" not in Flag(only=False).wire_schema()["enum"]


def test_it_is_told_by_the_engines_own_misfits() -> None:
    kling = dashscope.MODELS["kling/kling-v3-video-generation"]
    flash = dashscope.MODELS["wan2.2-i2v-flash"]
    at_kling = served_card(BY_ID[KLING], [lambda each: dashscope.misfit(kling, each)])
    at_flash = served_card(BY_ID[WAN22], [lambda each: dashscope.misfit(flash, each)])
    lengths = at_flash.field("duration")

    assert at_kling.tiers == ("720P", "1080P")
    assert at_kling.field("last_frame") is not None
    assert lengths is not None
    assert lengths.kind == Whole(choices=(5,))
    assert at_flash.field("last_frame") is None  # by another model, which the engine names itself
