"""Which part of an account's task list may show some tickets. Pure.

The list is filtered by time of submit, at most 24 hours at once, and has every task of the
account: tickets far apart are looked for apart, so that the pages between them are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from unstill.upstreams.port import Ticket

KEPT_MS = 24 * 3600 * 1000  # DashScope, manage asynchronous tasks: a task's life, a list's width
CLOCKS_DIFFER_MS = 30 * 1000  # and the call's own way; what they differ more, a query finds
CLOCKS_NEAR_MS = 4 * 1000  # between machines that follow the network's time
# Between two tickets that are not worth a list together: two lists reach so much further than one.
APART_MS = 2 * CLOCKS_DIFFER_MS
CHINA = timezone(timedelta(hours=8))  # the zone of every time on the wire


def runs_of(tickets: Sequence[Ticket]) -> list[list[Ticket]]:
    """The tickets in order of submit, in runs without a long gap, each less than a day long."""
    runs: list[list[Ticket]] = []
    for ticket in sorted(tickets, key=lambda each: each.submitted_ms):
        run = runs[-1] if runs else None
        if (
            run is not None
            and ticket.submitted_ms - run[-1].submitted_ms <= APART_MS
            and ticket.submitted_ms - run[0].submitted_ms <= KEPT_MS - 3 * CLOCKS_DIFFER_MS
        ):
            run.append(ticket)
        else:
            runs.append([ticket])
    return runs


def window_of(
    run: Sequence[Ticket], now_ms: int, margin_ms: int = CLOCKS_DIFFER_MS
) -> dict[str, str]:
    """The list's filters that show a run of tickets, where clocks differ by `margin_ms` at most."""
    start_ms = run[0].submitted_ms - margin_ms
    end_ms = min(run[-1].submitted_ms + margin_ms, now_ms + 1000)
    window = {"start_time": _spelt(start_ms), "end_time": _spelt(max(end_ms, start_ms))}
    models = {ticket.upstream_model for ticket in run}
    return window | ({"model_name": models.pop()} if len(models) == 1 else {})


def _spelt(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA).strftime("%Y%m%d%H%M%S")
