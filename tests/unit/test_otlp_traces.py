"""Traces by OpenTelemetry: which calls are traced, what joins them, and what a span may say."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased

from unstill.domain.errors import BadImage, BadSetting
from unstill.system.otlp_traces import OtlpTraces, otlp_sender
from unstill.system.span_sender import SpanSender
from unstill.system.tracing import (
    NO_SPAN,
    NO_TRACES,
    note_status,
    open_span,
    opened,
    outgoing,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
THEIRS = f"00-{TRACE}-{SPAN}-01"


class Bench:
    """Traces, and what came out of them."""

    def __init__(self, operators: Sampler = ALWAYS_ON) -> None:
        self.exporter = InMemorySpanExporter()
        self.traces = OtlpTraces(SpanSender(self.exporter), operators)

    def call(self, traceparent: str = "") -> str:
        """The context of a call that is over."""
        with self.traces.call("POST /x", {"a": 1}, traceparent=traceparent) as span:
            return span.context

    async def ended(self) -> list[ReadableSpan]:
        """In the order in which they ended."""
        await self.traces.close()
        return list(self.exporter.get_finished_spans())


def trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}" if span.context is not None else ""


def parent_id(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


# --- whose trace it is -------------------------------------------------------------------------


async def test_a_call_joins_its_callers_trace_and_its_steps_join_the_call() -> None:
    bench = Bench()
    context = bench.call(THEIRS)
    later = Bench()  # after a restart
    with later.traces.step("frames", {}, context=context):
        pass
    (call,), (step,) = await bench.ended(), await later.ended()

    assert (trace_id(call), parent_id(call)) == (TRACE, SPAN)
    assert (trace_id(step), parent_id(step)) == (TRACE, context.split("-")[2])


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01" * 1000,
        f"00-{TRACE}-{SPAN}-01\n",
        f"٠٠-{TRACE}-{SPAN}-01",
    ],
)
async def test_a_header_that_is_none_begins_a_trace_of_its_own(traceparent: str) -> None:
    bench = Bench()
    bench.call(traceparent)
    (call,) = await bench.ended()

    assert call.parent is None
    assert trace_id(call) != TRACE


async def test_a_header_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    bench = Bench()
    bench.call(f"01-{TRACE}-{SPAN}-01-more")

    assert [trace_id(span) for span in await bench.ended()] == [TRACE]


@pytest.mark.parametrize("flags", ["00", "01", "ff"])
@pytest.mark.parametrize(("operators", "count"), [(ALWAYS_OFF, 0), (ALWAYS_ON, 1)])
async def test_whether_a_call_is_traced_is_the_operators_to_say_not_the_callers(
    flags: str, operators: Sampler, count: int
) -> None:
    bench = Bench(operators)
    context = bench.call(f"00-{TRACE}-{SPAN}-{flags}")

    assert len(await bench.ended()) == count
    assert bool(context) == bool(count)


async def test_no_caller_picks_an_id_that_a_ratio_keeps_or_leaves_out() -> None:
    bench = Bench(TraceIdRatioBased(0.5))
    kept, left_out = "0" * 31 + "1", "f" * 32
    for id_ in (kept, left_out):
        for _ in range(200):
            bench.call(f"00-{id_}-{SPAN}-01")
    counts = [0, 0]
    for span in await bench.ended():
        counts[trace_id(span) == kept] += 1

    assert all(40 < count < 160 for count in counts)  # one in 10^18 is otherwise


async def test_what_belongs_to_a_call_that_is_not_traced_is_not_either() -> None:
    bench = Bench(ALWAYS_OFF)
    with bench.traces.call("POST /x", {}, traceparent="") as call, call.part("inner", {}):
        pass
    with bench.traces.step("frames", {}, context=call.context) as step:
        assert step is NO_SPAN
        assert open_span() is NO_SPAN
    bench.traces.add("poll", {}, context=call.context, begun_ms=1, ended_ms=2)

    assert await bench.ended() == []


async def test_a_trace_that_was_begun_is_gone_on_with_whatever_the_sampler_says_now() -> None:
    before, bench = Bench(), Bench(ALWAYS_OFF)
    context = before.call()
    await before.ended()
    with bench.traces.step("save", {}, context=context):
        pass

    assert [span.name for span in await bench.ended()] == ["save"]


# --- what a span says --------------------------------------------------------------------------


async def test_a_part_is_within_the_open_span_also_in_a_task_that_is_begun_there() -> None:
    bench = Bench()

    async def calls() -> None:
        with outgoing("POST", "upstream.example") as span:
            note_status(span, 200)

    with bench.traces.step("submit", {}, context=bench.call()):
        begun = asyncio.create_task(calls())
    await begun
    with outgoing("GET"):
        pass  # within nothing, and no span
    _, step, part = await bench.ended()

    assert step.context is not None
    assert parent_id(part) == f"{step.context.span_id:016x}"
    assert dict(part.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "upstream.example",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadImage("input.first_frame_url", "is a secret plan"), "invalid_image"),
        (ZeroDivisionError("a secret plan"), "ZeroDivisionError"),
    ],
)
async def test_an_error_is_told_by_its_code_alone(error: Exception, code: str) -> None:
    bench = Bench()
    context = bench.call()
    with pytest.raises(type(error)), bench.traces.step("frames", {}, context=context):
        raise error
    step = (await bench.ended())[-1]

    assert step.attributes is not None
    assert step.attributes["error.type"] == code
    assert not step.status.is_ok
    assert "secret" not in step.to_json()
    assert step.events == ()


@pytest.mark.parametrize(
    ("code", "told"),
    [("InvalidParameter.DataInspection", "InvalidParameter.DataInspection"), ("a cat", "other")],
)
async def test_a_code_of_somebody_elses_is_told_where_it_is_one(code: str, told: str) -> None:
    bench = Bench()
    bench.traces.add("poll", {}, context=bench.call(), begun_ms=5, ended_ms=9, code=code)
    poll = (await bench.ended())[-1]

    assert poll.attributes == {"error.type": told}
    assert (poll.start_time, poll.end_time) == (5_000_000, 9_000_000)


async def test_a_step_that_is_called_off_is_no_failure() -> None:
    bench = Bench()
    context = bench.call()
    with (
        pytest.raises(asyncio.CancelledError),
        bench.traces.step("render", {}, context=context),
    ):
        raise asyncio.CancelledError
    step = (await bench.ended())[-1]

    assert step.attributes == {"unstill.cancelled": True}
    assert step.status.is_unset


def test_without_traces_nothing_is_open_and_nothing_is_made() -> None:
    with NO_TRACES.call("POST /x", {}, traceparent=THEIRS) as call:
        assert call is open_span() is NO_SPAN
        assert call.context == ""
        assert outgoing("GET") is outgoing("POST", "host") is call.part("x", {})


def test_what_was_open_before_is_open_again() -> None:
    inner = NO_TRACES.call("x", {}, traceparent="")
    with opened(NO_SPAN), inner as span:
        assert span is open_span()
    assert open_span() is NO_SPAN


# --- what the environment says -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/v1/traces", "grpc://c"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "", "http/json"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "sometimes"),
        ("OTEL_TRACES_SAMPLER", "always_off", "parentbased_ratio"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "", "many"),
        ("OTEL_BSP_SCHEDULE_DELAY", "999999999", "1000000000"),
    ],
)
def test_a_variable_that_would_be_taken_amiss_is_named(name: str, good: str, bad: str) -> None:
    otlp_sender({name: good}).end(60)
    with pytest.raises(BadSetting) as wrong:
        otlp_sender({name: bad})

    assert wrong.value.setting == name
    assert bad not in wrong.value.reason
