"""/_emulator/: what a test asks an emulator about, and how it is told to misbehave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.domain.errors import BadSetting
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Rates, parse_rates, parse_script
from unstill.emulators.jobs import Filter
from unstill.emulators.request_log import Log
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json

PREFIX = "/_emulator"
MOST_ROWS = 10_000


class FaultOrders(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST faults: new probabilities, or what the next requests get, or both."""

    rates: str | None = None  # as for --faults; "" ends all
    next: Mapping[str, Sequence[str]] = {}  # place -> faults in their order; "ok" is none


class Control:
    """Reads and steers one desk; only callers on this machine get here."""

    def __init__(self, desk: Desk, log: Log) -> None:
        self._desk = desk
        self._log = log
        self.endpoints = (
            Endpoint("GET", f"{PREFIX}/charges", self._charges),
            Endpoint("GET", f"{PREFIX}/charges/jobs", self._book),
            Endpoint("GET", f"{PREFIX}/jobs", self._jobs),
            Endpoint("GET", f"{PREFIX}/log", self._show_log),
            Endpoint("GET", f"{PREFIX}/callbacks", self._callbacks),
            Endpoint("GET", f"{PREFIX}/faults", self._faults),
            Endpoint("POST", f"{PREFIX}/faults", self._set_faults),
            Endpoint("POST", f"{PREFIX}/lose_jobs", self._lose),
            Endpoint("POST", f"{PREFIX}/finish", self._finish),
        )

    def _charges(self, _: Ask) -> Answer:
        """Submits since the start of this process; the rest over all jobs, kept ones too."""
        counts = self._desk.jobs.counts()
        return as_json({"submits": self._log.submits} | msgspec.to_builtins(counts))

    def _book(self, ask: Ask) -> Answer:
        """What each job would be charged with, deleted ones too: `offset` and `limit`."""
        page = self._desk.jobs.book(offset=whole(ask.query, "offset", 0), limit=_limit(ask))
        return as_json(msgspec.to_builtins(page))

    def _jobs(self, ask: Ask) -> Answer:
        """Every job, oldest first: `offset` and `limit`."""
        page = self._desk.jobs.page(
            Filter(newest_first=False),
            now_ms=now_ms(),
            offset=whole(ask.query, "offset", 0),
            limit=_limit(ask),
        )
        rows = [{**msgspec.to_builtins(job), "digest": f"{job.digest:016x}"} for job in page.jobs]
        return as_json({"jobs": rows, "total": page.total, "has_more": page.has_more})

    def _show_log(self, ask: Ask) -> Answer:
        limit = whole(ask.query, "limit", self._desk.options.logged)
        return as_json({"requests": self._log.last(limit)})

    def _callbacks(self, _: Ask) -> Answer:
        """Every try to tell of a job's end, oldest first."""
        return as_json({"callbacks": self._desk.callbacks.tries})

    def _faults(self, _: Ask) -> Answer:
        return as_json({"rates": _as_text(self._desk.faults.rates)})

    def _set_faults(self, ask: Ask) -> Answer:
        try:
            orders = msgspec.json.decode(ask.body, type=FaultOrders)
            if orders.rates is not None:
                self._desk.faults.replace(parse_rates(orders.rates))
            for place, faults in orders.next.items():
                self._desk.faults.script(*parse_script(place, faults))
        except (msgspec.MsgspecError, BadSetting) as error:
            raise Refusal(400, "bad_faults", str(error)) from None
        return self._faults(ask)

    def _lose(self, _: Ask) -> Answer:
        return as_json({"lost": self._desk.jobs.forget_all(now_ms())})

    def _finish(self, _: Ask) -> Answer:
        return as_json({"finished": self._desk.jobs.finish_all(now_ms())})


def _limit(ask: Ask) -> int:
    """Raises Refusal."""
    return min(whole(ask.query, "limit", MOST_ROWS), MOST_ROWS)


def whole(query: Mapping[str, Any], name: str, default: int) -> int:
    """Raises Refusal."""
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise Refusal(400, "bad_query", f"{name} must be a whole number, got {text[:80]!r}")
    return int(text)


def _as_text(rates: Rates) -> str:
    return ",".join(
        f"{place}.{fault}={rate:g}"
        for place, faults in rates.items()
        for fault, rate in faults.items()
    )
