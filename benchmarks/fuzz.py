"""Every parser of foreign bytes, fed with what is nearly well: `python -m benchmarks.fuzz`.

    python -m benchmarks.fuzz [--seconds 60] [--seed N] [--only WORD ...]

Parsers take turns by time. A fault is told with the bytes that show it, cut to what is needed, and
the program ends with 1. The same seed asks the same again. tests/unit/test_fuzz.py asks a little of
each, in every run of the tests.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import (
    fuzz_bodies,
    fuzz_http,
    fuzz_operators,
    fuzz_own,
    fuzz_providers,
    fuzz_upstreams,
)
from benchmarks.fuzz_edits import Edit, edited, random_edits
from benchmarks.fuzz_parser import Parser

PARSERS: tuple[Parser, ...] = (
    *fuzz_http.PARSERS,
    *fuzz_own.PARSERS,
    *fuzz_bodies.PARSERS,
    *fuzz_upstreams.PARSERS,
    *fuzz_providers.PARSERS,
    *fuzz_operators.PARSERS,
)
TURN_S = 0.25
MOST_FAULTS = 20  # of one parser; then it has no more turns


class Fault(NamedTuple):
    parser: str
    data: bytes
    what: str

    @property
    def line(self) -> str:
        shown = repr(self.data) if len(self.data) < 600 else f"{self.data[:600]!r}..."
        return f"FAULT {self.parser}: {self.what}\n      {shown}"


class Tally:
    """What came of one parser's tries."""

    def __init__(self, parser: Parser, seed: int) -> None:
        self.parser = parser
        self.tries = self.read = 0
        self.slowest_s = 0.0
        self.faults: dict[str, Fault] = {}  # by what they are
        self.rng = random.Random(f"{seed} {parser.name}")

    def turn(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s and len(self.faults) < MOST_FAULTS:
            self.one()

    def one(self) -> None:
        """One text more."""
        began_s = time.monotonic()
        seed = self.rng.choice(self.parser.seeds)
        edits = random_edits(self.rng, self.parser.kinds)
        what = self._tried(seed, edits)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
        if what is not None and what not in self.faults:
            self.faults[what] = Fault(self.parser.name, self._least(seed, edits, what), what)

    def _tried(self, seed: bytes, edits: Sequence[Edit]) -> str | None:
        self.tries += 1
        try:
            self.read += self.parser.try_one(self._made(seed, edits))
        except Exception as error:  # noqa: BLE001  - any is a fault, which is what is looked for
            return _told(error)
        return None

    def _made(self, seed: bytes, edits: Sequence[Edit]) -> bytes:
        return edited(seed, edits, others=self.parser.seeds, tokens=self.parser.tokens)

    def _least(self, seed: bytes, edits: Sequence[Edit], fault: str) -> bytes:
        """With as few edits as show the same."""
        kept = list(edits)
        for edit in edits:
            fewer = [each for each in kept if each is not edit]
            if self._tried(seed, fewer) == fault:
                kept = fewer
        return self._made(seed, kept)


def _told(error: Exception) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f" at {frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
    return f"{type(error).__name__}: {str(error)[:120]}{place}"


def run(parsers: Sequence[Parser], *, seconds: float, seed: int) -> list[Tally]:
    tallies = [Tally(parser, seed) for parser in parsers]
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        for tally in tallies:
            known = len(tally.faults)
            tally.turn(min(TURN_S, left_s / len(tallies)))
            for fault in list(tally.faults.values())[known:]:
                print(fault.line, flush=True)
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--only", nargs="*", default=(), help="parsers with one of these words")
    asked = parser.parse_args()
    parsers = [p for p in PARSERS if not asked.only or any(word in p.name for word in asked.only)]
    print(f"seed {asked.seed}, {len(parsers)} parsers", flush=True)
    tallies = run(parsers, seconds=asked.seconds, seed=asked.seed)
    for tally in tallies:
        share = tally.read / tally.tries if tally.tries else 0
        print(
            f"{tally.parser.name:40} {tally.tries:9,} tries, {share:4.0%} read,"
            f" slowest {tally.slowest_s * 1000:7.1f} ms, {len(tally.faults)} faults"
        )
    sys.exit(any(tally.faults for tally in tallies))


if __name__ == "__main__":
    main()
