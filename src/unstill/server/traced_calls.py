"""A span for each call that makes or changes something, by whoever was let in.

Those that only ask, a job's many polls above all, have none: there would be hundreds of them to a
job, and metrics count what goes wrong with them. Nobody who has shown no key where one is needed
makes any.
"""

from __future__ import annotations

from typing import Any

from unstill.dialects.port import Described
from unstill.dialects.route import Route
from unstill.domain.errors import UnstillError
from unstill.server.exchange import Answer, Exchange, Handler
from unstill.system.tracing import NO_TRACES, Span, Traces


def traced(traces: Traces, dialect: Described, route: Route[Any], handler: Handler) -> Handler:
    """What does the route's verb, with a span around it where there is to be one."""
    if traces is NO_TRACES or route.method == "GET":
        return handler

    async def handle(exchange: Exchange[Any]) -> Answer | None:
        facts = {
            "http.request.method": route.method,
            "http.route": route.path,
            "unstill.owner": exchange.owner,
            "unstill.request_id": exchange.call.request_id,
        }
        traceparent = exchange.call.headers.get("traceparent", "")
        name = f"{route.method} {route.path}"
        with traces.call(name, facts, traceparent=traceparent) as span:
            try:
                answer = await handler(exchange)
            except UnstillError as error:
                refusal = error
                _note_refused(span, error.code, dialect.error_status(type(error)))
            else:
                status = 200 if answer is None else answer.status
                span.note({"http.response.status_code": status})
                return answer
        raise refusal

    return handle


def _note_refused(span: Span, code: str, status: int) -> None:
    """A refusal is the caller's error, not the server's (OpenTelemetry, "HTTP spans": status)."""
    span.note({"http.response.status_code": status, "error.type": code})
    if status >= 500:
        span.fail(code)
