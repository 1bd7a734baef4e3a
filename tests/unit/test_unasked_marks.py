"""HappyHorse has a watermark by default: an engine that draws none makes the video without it."""

from __future__ import annotations

from typing import Any

import pytest

from support.create_calls import made, parsed
from support.requests import HAPPYHORSE
from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.service.model_engines import ModelEngines
from unstill.upstreams.unsupported import Has, unsupported

PICTURE = "https://example.com/cat.png"


class Scripted:
    """An engine that has everything, a watermark where it is told to."""

    def __init__(self, name: str, *, draws: bool, longest_s: int = 15) -> None:
        self.name, self._longest_s = name, longest_s
        self._has = Has(last_frame=True, negative_prompt=True, watermark=draws, sound=True)

    def misfit(self, request: VideoRequest) -> BadField | None:
        if request.duration_s > self._longest_s:
            return BadField("duration", f"at most {self._longest_s}", request.duration_s)
        return unsupported(request, self._has, name=self.name)


def chosen(*engines: Scripted, **parameters: Any) -> tuple[str, bool]:
    """The engine that a call goes to, and whether its request has a mark."""
    body = {
        "model": HAPPYHORSE,
        "input": {"img_url": PICTURE},
        "parameters": parameters,
    }
    by_name = {each.name: each for each in engines}
    behind = ModelEngines(by_name, routes={HAPPYHORSE: list(by_name)})  # type: ignore[arg-type]
    engine, request = behind.engine_for(
        HAPPYHORSE, made("tasks", body).request, create_call=parsed("tasks", body)
    )
    return engine, request.watermark


PLAIN, DRAWS = Scripted("plain", draws=False), Scripted("draws", draws=True)


def test_a_mark_that_nobody_asked_for_gives_way_where_the_engine_draws_none() -> None:
    assert chosen(PLAIN) == ("plain", False)


def test_it_stays_where_the_engine_draws_it() -> None:
    assert chosen(DRAWS) == ("draws", True)
    assert chosen(DRAWS, watermark=False) == ("draws", False)


def test_the_operators_order_is_kept() -> None:
    assert chosen(PLAIN, DRAWS) == ("plain", False)
    assert chosen(DRAWS, PLAIN) == ("draws", True)


def test_a_mark_that_is_asked_for_is_drawn_or_refused() -> None:
    assert chosen(PLAIN, DRAWS, watermark=True) == ("draws", True)
    with pytest.raises(BadField, match=r"parameters\.watermark must be false: plain draws none"):
        chosen(PLAIN, watermark=True)


def test_what_is_refused_besides_is_told_and_not_the_mark() -> None:
    with pytest.raises(BadField, match=r"parameters\.duration must be at most 5, got 6"):
        chosen(Scripted("short", draws=False, longest_s=5), duration=6)
