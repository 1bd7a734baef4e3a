"""The `result` column: what earlier releases wrote is read, and they can read what is written."""

from __future__ import annotations

import msgspec
import pytest

from unstill.domain.job import Result
from unstill.store.job_rows import value_of


class First(msgspec.Struct, frozen=True):
    """The column as 0.1.0 reads it."""

    url: str | None = None
    usage: dict[str, int | float] = {}


EARLIER = {
    '{"url":null,"usage":{}}': Result(),
    '{"url":null,"usage":{"SR":480}}': Result(usage={"SR": 480}),
    '{"url":"https://a.example/v.mp4","usage":{"duration":5.5}}': Result(
        "https://a.example/v.mp4", {"duration": 5.5}
    ),
}


@pytest.mark.parametrize(("text", "meant"), EARLIER.items(), ids=str)
def test_a_result_of_before_is_read_as_it_was_meant(text: str, meant: Result) -> None:
    assert msgspec.json.decode(text, type=Result) == meant


@pytest.mark.parametrize("meant", EARLIER.values(), ids=str)
@pytest.mark.parametrize("made_by", ["", "gpu; kind=diffusers; steps=40"])
def test_a_result_is_read_by_the_release_before(meant: Result, made_by: str) -> None:
    written = value_of("result", msgspec.structs.replace(meant, made_by=made_by))
    read = msgspec.json.decode(str(written), type=First)

    assert (read.url, read.usage) == (meant.url, meant.usage)
    assert ("made_by" in str(written)) is bool(made_by)
    assert msgspec.json.decode(str(written), type=Result).made_by == made_by


def test_the_words_that_had_no_effect_are_written_only_where_there_are_any() -> None:
    told = Result(unheard=("waves crash",))
    written = str(value_of("result", told))

    assert "unheard" not in str(value_of("result", Result()))
    assert msgspec.json.decode(written, type=Result) == told
    assert msgspec.json.decode(written, type=First) == First()
