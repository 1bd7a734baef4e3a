"""Parsers of foreign bytes, fed with what is nearly well: a little in each run of the tests.

`python -m benchmarks.fuzz` goes on for as long as it is told.
"""

from __future__ import annotations

import pytest
from benchmarks.fuzz import PARSERS, Tally
from benchmarks.fuzz_edits import MOST_BYTES, edited, random_edits
from benchmarks.fuzz_parser import Parser

from unstill.domain.errors import BadBody

SEED = 20261129
FEW, MANY = 40, 600  # tries of a parser
FEW_SLOW, MANY_SLOW = 6, 60

each = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name.replace(" ", "-"))


def tallied(parser: Parser, tries: int, seed: int = SEED) -> Tally:
    tally = Tally(parser, seed)
    for _ in range(tries):
        tally.one()
    return tally


@each
def test_a_parser_meets_what_strangers_send_with_its_own_refusals_alone(parser: Parser) -> None:
    tally = tallied(parser, FEW_SLOW if parser.is_slow else FEW)

    assert [fault.line for fault in tally.faults.values()] == []


@pytest.mark.slow
@each
def test_it_does_so_for_as_long_as_it_is_asked(parser: Parser) -> None:
    tally = tallied(parser, MANY_SLOW if parser.is_slow else MANY, SEED + 1)

    assert [fault.line for fault in tally.faults.values()] == []


@each
def test_what_a_parser_is_fed_with_is_near_what_it_reads(parser: Parser) -> None:
    assert any(parser.try_one(seed) for seed in parser.seeds)


def planted(data: bytes) -> None:
    """A parser that trips over a byte, and refuses another."""
    if b"\xff" in data:
        raise KeyError("0xff")
    if b"\0" in data:
        raise BadBody("it has a zero")


def test_a_fault_is_found_by_its_kind_and_told_with_little_else() -> None:
    parser = Parser("planted", (b"a well-formed text",), planted, (BadBody,))

    first, again = (tallied(parser, 2000) for _ in range(2))

    [(what, fault)] = first.faults.items()
    assert what.startswith("KeyError: '0xff'")
    assert b"\xff" in fault.data
    assert again.faults == first.faults
    assert 0 < first.read < first.tries


def test_without_a_fault_nothing_is_found() -> None:
    parser = Parser("well", (b"a well-formed text",), lambda data: data.decode("latin-1"))

    assert tallied(parser, 2000).faults == {}


def test_a_refusal_without_end_is_a_fault() -> None:
    def refuses(data: bytes) -> None:
        raise BadBody(f"not this: {data!r}" * 100)

    tally = tallied(Parser("long", (b"a" * 20, b"b"), refuses, (BadBody,)), 5)

    assert next(iter(tally.faults)).startswith("AssertionError: a refusal without end")


def test_what_is_made_of_a_text_has_an_end() -> None:
    tally = Tally(Parser("any", (b"x" * 20_000,), lambda _: None), SEED)
    made = [
        edited(b"x" * 20_000, random_edits(tally.rng), others=(b"y" * 20_000,)) for _ in range(300)
    ]

    assert max(map(len, made)) <= MOST_BYTES
    assert len(set(made)) > 250
