"""Ended spans: sent by the batch, dropped where nobody takes them, and never waited for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from support.waits import hold_until
from unstill.system.span_sender import MOST_AT_ONCE, SpanSender

GOOD, BAD = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
SOON_S = 0.01


class Scripted(SpanExporter):
    """Answers as it is told, and well after that; it waits before each answer while it `hangs`."""

    def __init__(self, *results: SpanExportResult | Exception) -> None:
        self.results = list(results)
        self.counts: list[int] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.has_begun = threading.Event()
        self.is_shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.has_begun.set()
        self.goes_on.wait(60)
        result = self.results.pop(0) if self.results else GOOD
        self.counts.append(len(spans))
        if isinstance(result, Exception):
            raise result
        return result

    def shutdown(self) -> None:
        self.is_shut = True


def end_spans(sender: SpanSender, count: int) -> None:
    for number in range(count):
        sender.on_end(ReadableSpan(f"span {number}"))


def test_what_waits_is_sent_after_a_while_and_all_of_it_at_the_end() -> None:
    exporter = Scripted()
    sender = SpanSender(exporter, sent_every_s=SOON_S)
    end_spans(sender, 3)
    hold_until(lambda: sum(exporter.counts) == 3)
    late = Scripted()
    slow = SpanSender(late, sent_every_s=3600)
    end_spans(slow, MOST_AT_ONCE - 1)
    assert late.counts == []
    slow.end(60)
    sender.end(60)

    assert late.counts == [MOST_AT_ONCE - 1]
    assert exporter.is_shut
    assert late.is_shut


def test_a_whole_batch_waits_for_no_time_and_no_batch_is_larger() -> None:
    exporter = Scripted()
    sender = SpanSender(exporter, sent_every_s=3600)
    exporter.goes_on.clear()
    end_spans(sender, MOST_AT_ONCE)
    exporter.has_begun.wait(60)
    end_spans(sender, MOST_AT_ONCE + 1)
    exporter.goes_on.set()
    sender.end(60)

    assert exporter.counts == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


def test_what_is_lost_is_counted_in_a_line_until_all_is_well_again() -> None:
    exporter = Scripted(GOOD, BAD, OSError("gone"), GOOD, GOOD, BAD)
    with capture_logs() as logs:
        sender = SpanSender(exporter, sent_every_s=3600)
        for count in (1, 2, 3, 1, 1, 4):
            end_spans(sender, count)
            sender._send()
        sender.end(60)

    assert [(each["event"], each["lost"]) for each in logs] == [
        ("traces_not_sent", 2),
        ("traces_sent_again", 5),
        ("traces_not_sent", 4),
    ]


def test_where_there_is_no_room_spans_are_lost_and_nobody_waits() -> None:
    exporter = Scripted()
    sender = SpanSender(exporter, most_waiting=10, sent_every_s=SOON_S)
    exporter.goes_on.clear()
    end_spans(sender, 1)
    exporter.has_begun.wait(60)
    with capture_logs() as logs:
        end_spans(sender, 15)
        exporter.goes_on.set()
        sender.end(60)

    assert exporter.counts == [1, 10]
    assert [(each["event"], each["lost"]) for each in logs][:1] == [("traces_not_sent", 5)]


def test_a_short_queue_is_sent_when_it_is_full_and_not_before() -> None:
    exporter = Scripted()
    sender = SpanSender(exporter, most_waiting=10, sent_every_s=3600)
    end_spans(sender, 9)
    waiting = exporter.has_begun.is_set()
    end_spans(sender, 1)
    sent = exporter.has_begun.wait(60)
    sender.end(60)

    assert (waiting, sent, exporter.counts) == (False, True, [10])


def test_an_exporter_that_hangs_is_given_up_at_the_end() -> None:
    exporter = Scripted()
    exporter.goes_on.clear()
    sender = SpanSender(exporter, sent_every_s=SOON_S)
    end_spans(sender, 1)
    exporter.has_begun.wait(60)
    with capture_logs() as logs:
        sender.end(SOON_S)
        sender.end(SOON_S)
    exporter.goes_on.set()
    sender.end(60)

    assert [each["event"] for each in logs] == ["traces_given_up"] * 2
    assert exporter.is_shut
