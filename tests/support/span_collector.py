"""A collector of spans on loopback: OTLP over HTTP, as the protocol's own messages read it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


class SpanGot(NamedTuple):
    """One span; ids in hexadecimal, `parent_id` empty for the first of a trace."""

    name: str
    trace_id: str
    id: str
    parent_id: str
    kind: str
    facts: Mapping[str, object]
    is_failed: bool
    took_ns: int
    service: object


class Collector(ThreadingHTTPServer):
    """Takes spans, or says nothing at all while it `hangs`."""

    daemon_threads = True

    def __init__(self, *, hangs: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hangs = hangs
        self.ending = threading.Event()  # lets go of what hangs
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a server has to be told to send its spans here, soon."""
        return {
            "UNSTILL_TRACES": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_address[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    @property
    def spans(self) -> list[SpanGot]:
        return [
            _got(span, {each.key: _value(each) for each in of_one.resource.attributes})
            for body in list(self.bodies)
            for of_one in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in of_one.scope_spans
            for span in scope.spans
        ]

    def of_job(self, job_id: str) -> list[SpanGot]:
        return [each for each in self.spans if each.facts.get("unstill.job_id") == job_id]

    def names_of(self, job_id: str) -> set[str]:
        return {each.name for each in self.of_job(job_id)}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.hangs:
            self.server.ending.wait(60)
            self.close_connection = True
            return
        assert self.path == "/v1/traces"
        self.server.headers.append(dict(self.headers.items()))
        self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
        """Say nothing."""


@contextmanager
def collecting(*, hangs: bool = False) -> Iterator[Collector]:
    with Collector(hangs=hangs) as collector:
        thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            collector.ending.set()
            collector.shutdown()
            thread.join()


def _got(span: Span, resource: Mapping[str, object]) -> SpanGot:
    return SpanGot(
        name=span.name,
        trace_id=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        facts={each.key: _value(each) for each in span.attributes},
        is_failed=span.status.code == Status.STATUS_CODE_ERROR,
        took_ns=span.end_time_unix_nano - span.start_time_unix_nano,
        service=resource.get("service.name"),
    )


def _value(pair: KeyValue) -> object:
    kind = pair.value.WhichOneof("value")
    return None if kind is None else getattr(pair.value, kind)
