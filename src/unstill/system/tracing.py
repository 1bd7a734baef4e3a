"""Traces: what was done for a job, from its create call to its webhook, as spans of one trace.

Whoever does something opens a span around it. What it calls in turn, an upstream's client or a pool
of children, opens parts of that one, and is handed nothing for it: the span that is open is known
to all that runs inside. Without `server.traces` there are `NO_TRACES`, whose spans are nothing;
those of OpenTelemetry are in otlp_traces.py.

A span has the operator's names, our own words and figures: never a prompt, a key, an address that a
caller chose, or what somebody else has said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal, Protocol

Value = str | int | float | bool
Facts = Mapping[str, Value]  # by the names of OpenTelemetry's conventions, or `unstill.` and ours
Kind = Literal["internal", "server", "client"]

NOTHING: Facts = {}


class Span(Protocol):
    """Something that is being done."""

    @property
    def context(self) -> str:
        """As W3C's `traceparent`, by which what comes later joins it; empty: nothing can."""

    def note(self, facts: Facts) -> None: ...

    def fail(self, code: str) -> None:
        """Say that it came to nothing, by a code: never by words, which may be somebody's own."""

    def part(
        self, name: str, facts: Facts, kind: Kind = "internal"
    ) -> AbstractContextManager[Span]:
        """Something that is done within it; an error that leaves it is noted by its code."""


class Traces(Protocol):
    """Where spans begin that are not part of an open one."""

    def call(self, name: str, facts: Facts, *, traceparent: str) -> AbstractContextManager[Span]:
        """A call to this server; `traceparent` as its caller sent it, believed or not."""

    def step(self, name: str, facts: Facts, *, context: str) -> AbstractContextManager[Span]:
        """A step of a job whose call had this context, in this life of the server or another."""

    def add(
        self, name: str, facts: Facts, *, context: str, begun_ms: int, ended_ms: int, code: str = ""
    ) -> None:
        """A step that has ended, and in which nothing was open; `code`: what it failed with."""

    async def close(self) -> None:
        """Send what has not been sent, within a few seconds."""


class _NoSpan:
    context = ""

    def note(self, facts: Facts) -> None:
        """Forget them."""

    def fail(self, code: str) -> None:
        """Forget it."""

    def part(
        self,
        name: str,  # noqa: ARG002  - the port's shape
        facts: Facts,  # noqa: ARG002
        kind: Kind = "internal",  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        return _NO_SPAN_OPEN


class _NoTraces:
    def call(
        self,
        name: str,  # noqa: ARG002  - the port's shape
        facts: Facts,  # noqa: ARG002
        *,
        traceparent: str,  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        return _NO_SPAN_OPEN

    def step(
        self,
        name: str,  # noqa: ARG002  - the port's shape
        facts: Facts,  # noqa: ARG002
        *,
        context: str,  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        return _NO_SPAN_OPEN

    def add(
        self, name: str, facts: Facts, *, context: str, begun_ms: int, ended_ms: int, code: str = ""
    ) -> None:
        """Forget it."""

    async def close(self) -> None:
        """There is nothing to send."""


NO_SPAN: Span = _NoSpan()
NO_TRACES: Traces = _NoTraces()
_NO_SPAN_OPEN: AbstractContextManager[Span] = nullcontext(NO_SPAN)

_open: ContextVar[Span] = ContextVar("open_span", default=NO_SPAN)


def open_span() -> Span:
    """The innermost one around the caller."""
    return _open.get()


@contextmanager
def opened(span: Span) -> Iterator[Span]:
    """Let `span` be the open one of all that runs inside, tasks that are begun there among it."""
    token = _open.set(span)
    try:
        yield span
    finally:
        _open.reset(token)


def outgoing(method: str, host: str = "") -> AbstractContextManager[Span]:
    """A call to somebody else, as part of the open span; `host` as the operator has it."""
    facts: dict[str, Value] = {"http.request.method": method}
    if host:
        facts["server.address"] = host
    return open_span().part(method, facts, "client")


def note_status(span: Span, status: int) -> None:
    """What a call to somebody else was answered."""
    span.note({"http.response.status_code": status})
    if status >= 400:
        span.fail(f"{status}")
