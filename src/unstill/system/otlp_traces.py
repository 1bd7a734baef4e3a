"""Traces by OpenTelemetry, sent to a collector as OTLP over HTTP. Needs the `otel` extra.

Where they go and how many are kept is said by the variables of OpenTelemetry
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER` and the like). Ended spans wait in a queue of
limited length, and a thread sends them: a collector that is slow or away costs spans, never a job.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtlpSpan

from unstill import __version__
from unstill.domain.errors import BadSetting, UnstillError
from unstill.system.span_sender import COLLECTOR, MOST_WAITING, SENT_EVERY_MS, SpanSender
from unstill.system.tracing import NO_SPAN, NOTHING, Facts, Kind, Span, Traces, opened

CLOSED_WITHIN_S = 3.0
# W3C, Trace Context, 3.2 (read 2026-11-29): later versions may have more behind the flags.
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)
_CODE = re.compile(r"[\w.:-]{1,80}")
_ADDRESS_VARIABLES = (COLLECTOR, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
_SAMPLER_VARIABLE = "OTEL_TRACES_SAMPLER"
_SAMPLERS = ("always_on", "always_off", "traceidratio")  # each also behind `parentbased_`
_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}


def otlp_traces() -> Traces:
    """Traces that are sent as the environment says. Raises BadSetting, by the variable's name."""
    return OtlpTraces(otlp_sender(os.environ))


def otlp_sender(environment: Mapping[str, str]) -> SpanSender:
    """Sends to the collector that `environment` names; the SDK itself reads the process's own."""
    _check(environment)
    # Its words quote headers, which may be keys; what matters of them is said by `SpanSender`.
    quiet = logging.getLogger("opentelemetry")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a netrc of the environment
    try:
        exporter = OTLPSpanExporter(session=session)
    except ValueError as error:  # where the number is none
        reason = "one of OpenTelemetry's variables (OTEL_...) is not as it has to be"
        raise BadSetting("server.traces", reason) from error
    return SpanSender(
        exporter,
        most_waiting=_whole(environment, "OTEL_BSP_MAX_QUEUE_SIZE", MOST_WAITING),
        sent_every_s=_whole(environment, "OTEL_BSP_SCHEDULE_DELAY", SENT_EVERY_MS) / 1000,
    )


class OtlpTraces:
    def __init__(self, sender: SpanSender, operators: Sampler | None = None) -> None:
        """`operators`: says which calls are traced; None: as the environment has it."""
        sampler = operators or TracerProvider(shutdown_on_exit=False).sampler
        provider = TracerProvider(
            sampler=OneChoice(sampler), resource=_resource(), shutdown_on_exit=False
        )
        provider.add_span_processor(sender)
        self._sender = sender
        self._tracer = provider.get_tracer("unstill", __version__)

    def call(self, name: str, facts: Facts, *, traceparent: str) -> AbstractContextManager[Span]:
        return self._opened(name, facts, "server", _context_of(traceparent, is_remote=True))

    def step(self, name: str, facts: Facts, *, context: str) -> AbstractContextManager[Span]:
        if not context:
            return opened(NO_SPAN)  # its call was not traced: nobody would find it
        return self._opened(name, facts, "internal", _context_of(context))

    def add(
        self, name: str, facts: Facts, *, context: str, begun_ms: int, ended_ms: int, code: str = ""
    ) -> None:
        if not context:
            return
        span = self._tracer.start_span(
            name, _context_of(context), attributes=facts, start_time=begun_ms * 10**6
        )
        if code:
            _fail(span, code)
        span.end(ended_ms * 10**6)

    async def close(self) -> None:
        await asyncio.to_thread(self._sender.end, CLOSED_WITHIN_S)

    @contextmanager
    def _opened(self, name: str, facts: Facts, kind: Kind, parent: Context) -> Iterator[Span]:
        span = self._tracer.start_span(name, parent, _KINDS[kind], facts)
        try:
            with opened(_Open(self, span)) as ours:
                yield ours
        except asyncio.CancelledError:
            span.set_attribute("unstill.cancelled", True)
            raise
        except UnstillError as error:
            _fail(span, error.code)
            raise
        except Exception as error:
            _fail(span, type(error).__name__)
            raise
        finally:
            span.end()

    def part(
        self, name: str, facts: Facts, kind: Kind, within: OtlpSpan
    ) -> AbstractContextManager[Span]:
        return self._opened(name, facts, kind, set_span_in_context(within, Context()))


class _Open:
    """A span of OpenTelemetry as those who open it know it."""

    def __init__(self, traces: OtlpTraces, span: OtlpSpan) -> None:
        self._traces = traces
        self._span = span

    @property
    def context(self) -> str:
        own = self._span.get_span_context()
        # One that is not kept has no context: all of its trace is left out.
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-01" if own.trace_flags.sampled else ""

    def note(self, facts: Facts) -> None:
        self._span.set_attributes(facts)

    def fail(self, code: str) -> None:
        _fail(self._span, code)

    def part(
        self, name: str, facts: Facts = NOTHING, kind: Kind = "internal"
    ) -> AbstractContextManager[Span]:
        return self._traces.part(name, facts, kind, self._span)


class OneChoice(Sampler):
    """A trace is kept or left out as a whole, as the operator's sampler says of its first span.

    A caller has no say in it, by the flag of its `traceparent` or by an id that a ratio would keep.
    """

    def __init__(self, operators: Sampler) -> None:
        self._operators = operators
        self._ids = RandomIdGenerator()

    def should_sample(  # noqa: PLR0917  - the port's shape
        self,
        parent_context: Context | None,
        trace_id: int,  # noqa: ARG002  - the port's shape
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,  # noqa: ARG002
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid and not parent.is_remote:
            is_kept = parent.trace_flags.sampled
            return SamplingResult(
                Decision.RECORD_AND_SAMPLE if is_kept else Decision.DROP,
                attributes if is_kept else None,
            )
        drawn = self._ids.generate_trace_id()
        return self._operators.should_sample(Context(), drawn, name, kind, attributes, links)

    def get_description(self) -> str:
        return f"OneChoice({self._operators.get_description()})"


def _fail(span: OtlpSpan, code: str) -> None:
    # Some are an upstream's, which may quote what it was asked.
    span.set_attribute("error.type", code if _CODE.fullmatch(code) else "other")
    span.set_status(Status(StatusCode.ERROR))


def _context_of(traceparent: str, *, is_remote: bool = False) -> Context:
    """The context that it names; an empty one where it is none."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"]):
        return Context()
    span = SpanContext(
        trace_id=int(match["trace"], 16),
        span_id=int(match["span"], 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    # Ids of zeros are none.
    return set_span_in_context(NonRecordingSpan(span), Context()) if span.is_valid else Context()


def _resource() -> Resource:
    """Who sends the spans: `unstill`, unless the environment has another name for it."""
    found = Resource.create({"service.version": __version__})
    if str(found.attributes.get("service.name", "")).startswith("unknown_service"):
        return found.merge(Resource({"service.name": "unstill"}))
    return found


def _check(environment: Mapping[str, str]) -> None:
    """What the SDK would take amiss without a word. Raises BadSetting."""
    for name in _ADDRESS_VARIABLES:
        address = environment.get(name, "")
        if address and not re.match(r"https?://[^/]", address, re.IGNORECASE):
            raise BadSetting(name, "must begin with http:// or https://")
    for name in _PROTOCOL_VARIABLES:
        if environment.get(name, "") not in {"", "http/protobuf"}:
            raise BadSetting(name, "must be http/protobuf: nothing else is spoken here")
    sampler = environment.get(_SAMPLER_VARIABLE, "").lower()
    if sampler and sampler.removeprefix("parentbased_") not in _SAMPLERS:
        known = ", ".join((*_SAMPLERS, *(f"parentbased_{each}" for each in _SAMPLERS)))
        raise BadSetting(_SAMPLER_VARIABLE, f"must be one of {known}")


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    """A number from 1 on. Raises BadSetting."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 10**9):
        raise BadSetting(name, "must be a whole number from 1 on")
    return int(text)
