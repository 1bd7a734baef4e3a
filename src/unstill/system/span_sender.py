"""Ended spans on their way to a collector: they wait in a queue, and a thread sends them.

The SDK's own processor would do, but that it begins a thread in every child that is forked, and a
child program of ours is forked for a moment before it is one.
"""

from __future__ import annotations

from collections import deque
from threading import Event, Thread
from time import monotonic

import structlog
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = structlog.get_logger()

MOST_WAITING = 2048  # OpenTelemetry's defaults, "batching processor" (read 2026-11-29)
SENT_EVERY_MS = 5000
MOST_AT_ONCE = 512
TOLD_EVERY_S = 60.0

COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"


class SpanSender(SpanProcessor):
    """Sends spans; the log is told when some are lost, once a minute, and when all is well again.

    A span for which there is no room is lost: nobody who ends one waits.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        most_waiting: int = MOST_WAITING,
        sent_every_s: float = SENT_EVERY_MS / 1000,
    ) -> None:
        self._exporter = exporter
        self._most_waiting = most_waiting
        self._most_at_once = min(MOST_AT_ONCE, most_waiting)
        self._sent_every_s = sent_every_s
        self._waiting: deque[ReadableSpan] = deque()
        self._lost = 0  # since all was well
        self._lost_before = 0  # at the last look
        self._told_s: float | None = None  # None: all is well
        self._wake = Event()
        self._is_ending = False
        # A daemon: a collector that does not answer holds up no end of the process.
        self._thread = Thread(target=self._run, name="unstill-traces", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        if len(self._waiting) >= self._most_waiting:
            self._lost += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= self._most_at_once:
            self._wake.set()

    def end(self, within_s: float) -> None:
        """Send what waits; what has not been taken by then is lost."""
        self._is_ending = True
        self._wake.set()
        self._thread.join(within_s)
        if self._thread.is_alive():
            log.warning("traces_given_up", within_s=within_s)
        self._exporter.shutdown()

    # --- on the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_ending:
            self._wake.wait(self._sent_every_s)
            self._wake.clear()
            self._send()
        self._send()

    def _send(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), self._most_at_once)
            if not self._is_taken([self._waiting.popleft() for _ in range(count)]):
                self._lost += count
            self._tell()

    def _is_taken(self, spans: list[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:  # noqa: BLE001  - the next ones may be taken
            return False

    def _tell(self) -> None:
        if self._lost == self._lost_before:
            if self._told_s is not None:
                log.info("traces_sent_again", lost=self._lost)
            self._lost, self._told_s = 0, None
        elif self._told_s is None or monotonic() - self._told_s >= TOLD_EVERY_S:
            self._told_s = monotonic()
            mend = f"is a collector there, and {COLLECTOR} right?"
            log.warning("traces_not_sent", lost=self._lost, mend=mend)
        self._lost_before = self._lost
