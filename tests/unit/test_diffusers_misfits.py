"""What an engine of open weights refuses before the answer, by what its pipeline can do."""

from __future__ import annotations

from typing import Any

import pytest

from support.profiles import a_profile
from support.requests import WAN22, WAN27, a_request
from unstill.domain.errors import BadField
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.engines.diffusers.elsewhere import DiffusersElsewhere
from unstill.engines.diffusers.misfits import misfit_of
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.warm_up import legal_shapes

LAST = Frame("last", "input.last_frame_url", sha256="")


def misfit(
    *,
    fps: int = 0,
    guidance: float | None = None,
    steps: int = 0,
    models: tuple[str, ...] = (WAN22,),
    **pipeline: Any,
) -> Any:
    """The engine's misfit, for a pipeline of 16 frames a second and of 129 at the most."""

    asked: dict[str, Any] = {"path": "", "fps": fps, "guidance": guidance, "steps": steps}

    def of(**fields: Any) -> BadField | None:
        return misfit_of(
            a_request(**{"model": WAN22} | fields),
            models=models,
            options=PipelineOptions(**asked),
            profile=a_profile(**pipeline),
        )

    return of


def test_a_plain_request_of_a_model_that_is_served_fits() -> None:
    assert misfit()() is None
    assert misfit()(watermark=True, size=Size(1000, 562), seed=0, prompt="") is None


def test_a_model_that_is_not_served_is_refused_with_those_that_are() -> None:
    refusal = misfit(models=(WAN22, "x"))(model=WAN27)

    assert (refusal.param, refusal.got) == ("model", WAN27)
    assert refusal.allowed == f"one of {WAN22}, x"
    assert misfit(models=(WAN27,))(model=WAN27) is None


def test_a_larger_video_than_any_engine_of_this_machine_makes_is_refused() -> None:
    of = misfit()

    assert of(tier="1080P") is None
    assert of(size=Size(1920, 1088)) is None
    assert of(tier="2K").param == "resolution"
    assert of(size=Size(1920, 1090)).param == "size"
    elsewhere = DiffusersElsewhere("gpu", models=(WAN22,), slots=1)
    assert elsewhere.misfit(a_request(model=WAN22, tier="1080P")) is None
    assert elsewhere.misfit(a_request(model=WAN22, tier="4K")) is not None


def test_a_last_frame_is_refused_in_the_callers_words_where_it_would_be_ignored() -> None:
    refusal = misfit(last_frame="none")(last_frame=LAST)

    assert refusal.message == (
        "input.last_frame_url must be absent: Toy has no last frame, got a picture"
    )
    assert misfit(last_frame="none")() is None
    assert misfit(last_frame="argument")(last_frame=LAST) is None
    assert misfit(last_frame="conditions")(last_frame=LAST) is None


def test_sound_is_refused_only_where_it_was_asked_for_and_none_is_made() -> None:
    assert misfit()(generate_audio=True).param == "generate_audio"
    assert misfit()(generate_audio=False) is None
    assert misfit(sound=True)(generate_audio=True) is None


def test_a_negative_prompt_is_refused_only_where_the_pipeline_takes_none() -> None:
    assert misfit(negative_prompt=False)(negative_prompt="rain").param == "negative_prompt"
    assert misfit(negative_prompt=False)() is None
    assert misfit()(negative_prompt="rain") is None


def test_a_negative_prompt_is_taken_where_distilled_weights_do_nothing_with_it() -> None:
    assert misfit(guidance=1.0)(negative_prompt="rain") is None
    assert misfit(steps=8)(negative_prompt="rain") is None


@pytest.mark.parametrize(
    ("fps", "longest_frames", "fits_s", "beyond_s"),
    [(0, 129, 8, 9), (0, 81, 5, 6), (24, 129, 5, 6), (25, 129, 5, 6), (1, 5, 5, 6)],
)
def test_a_video_longer_than_the_pipeline_makes_is_refused_with_the_longest(
    fps: int, longest_frames: int, fits_s: int, beyond_s: int
) -> None:
    of = misfit(fps=fps, longest_frames=longest_frames)

    assert of(duration_s=fits_s) is None
    refusal = of(duration_s=beyond_s)
    assert (refusal.param, refusal.got) == ("duration", beyond_s)
    assert refusal.allowed == f"at most {fits_s}: Toy makes no longer video"


def shapes_of(*models: str, **pipeline: Any) -> list[tuple[Size, int]]:
    def refused(request: VideoRequest) -> BadField | None:
        profile = a_profile(**pipeline)
        return misfit_of(
            request, models=(WAN22,), options=PipelineOptions(path=""), profile=profile
        )

    return list(legal_shapes(models, refused))


def test_the_shapes_to_compile_for_are_those_of_the_cards_that_it_makes() -> None:
    all_of_them = shapes_of(WAN22)

    assert sorted(all_of_them, key=str) == sorted(
        [
            (Size(width, height), seconds)
            for seconds in (5, 8)
            for width, height in ((832, 480), (480, 832), (1280, 720), (720, 1280))
        ],
        key=str,
    )
    assert {seconds for _, seconds in shapes_of(WAN22, longest_frames=81)} == {5}
    assert shapes_of() == []
