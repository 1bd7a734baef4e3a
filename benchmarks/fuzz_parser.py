"""A parser of foreign bytes, as the fuzz knows it: what is well, what may be refused, and how."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from benchmarks.fuzz_edits import KINDS, Kind

from unstill.domain.errors import OperatorError, UnstillError

MOST_MESSAGE_CHARS = 2500


class Parser(NamedTuple):
    """`read` raises only `refusals`, and asserts what else is to be true of what it has read."""

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
    tokens: tuple[bytes, ...] = ()
    kinds: tuple[Kind, ...] = KINDS  # what is done to the seeds, the oftener the likelier
    is_slow: bool = False  # a try takes milliseconds

    def try_one(self, data: bytes) -> bool:
        """Whether it was read, and not refused. Raises whatever is a fault."""
        try:
            self.read(data)
        except self.refusals as refusal:
            _check_refusal(refusal)
            return False
        return True


def _check_refusal(refusal: Exception) -> None:
    """A refusal is a sentence that can be sent; of what strangers wrote it shows a part."""
    if isinstance(refusal, UnstillError):
        is_operators = isinstance(refusal, OperatorError)
        assert is_operators or len(refusal.message) <= MOST_MESSAGE_CHARS, "a refusal without end"
        assert refusal.message
        refusal.message.encode()


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise AssertionError("it waits for something")


def latin(data: bytes) -> str:
    """A header's text, as servers read it."""
    return data.decode("latin-1")


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def header_lines(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values as a server has them, from `name: value` lines."""
    pairs = (line.partition(b":") for line in data.split(b"\n") if b":" in line)
    return [(name.strip().lower(), value.strip(b" \t\r")) for name, _, value in pairs]


def by_name(data: bytes) -> Mapping[str, str]:
    return {latin(name): latin(value) for name, value in header_lines(data)}
