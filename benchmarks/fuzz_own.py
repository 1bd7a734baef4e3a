"""Parsers of what callers ask of our own routes: tickets, quotes, lists of their jobs."""

from __future__ import annotations

import msgspec
from benchmarks.fuzz_edits import OF_JSON
from benchmarks.fuzz_parser import Parser, latin

from unstill.dialects.call import Call
from unstill.domain.caller import Caller
from unstill.domain.errors import BadBody, BadField, BadKey, UnsupportedBody
from unstill.domain.owner import Owner
from unstill.server.admin.activity import hours_in
from unstill.server.api_keys import Keys
from unstill.server.caller_tickets import CallerTickets
from unstill.server.content_types import value_of
from unstill.server.headers import Headers
from unstill.server.own_job_routes import own_wanted_in
from unstill.server.query import query_of
from unstill.server.quotes import asked_in

_NOW_MS = 1_796_000_000_000
_HEADERS = Headers([(b"authorization", b"Bearer sk-fuzzed")])
_TICKETS = CallerTickets(Keys({"sk-fuzzed": Owner("team-a")}), lambda: _NOW_MS)
_TICKETS.take((b"s" * 32, b"t" * 32))
_TICKET = _TICKETS.issue(Caller(Owner("team-a")), _HEADERS).ticket or ""


def _ticket(data: bytes) -> None:
    assert _TICKETS.caller(latin(data), "127.0.0.1").owner == "team-a"
    assert latin(data) == _TICKET, "let in by another ticket"


def _own_jobs(data: bytes) -> None:
    query = query_of(data)
    wanted = own_wanted_in(Call("r", {}, query, {}))
    assert 1 <= wanted.limit <= 500
    hours_in(query)


def _quote(data: bytes) -> None:
    asked, sizes = asked_in(Call("r", {}, {}, {}, value_of(data, "application/json")))
    assert asked.frames == ()
    assert all(size.width > 0 and size.height > 0 for size in sizes.values())


PARSERS: tuple[Parser, ...] = (
    Parser(
        "tickets",
        (_TICKET.encode(),),
        _ticket,
        (BadKey,),
        (b".", b"..", b"key_0f1e2d3c4b5a", b"1796000000"),
    ),
    Parser(
        "lists of own jobs",
        (
            b"state=queued,failed&model=sora-2&prompt=cat&limit=500&since_ms=1796000000000",
            b"engine=camera&until_ms=1796000000000&after=01a226b5-661a-7d0e-81a1-849fc6d3c6b2",
            b"hours=24",
        ),
        _own_jobs,
        (BadField,),
        (b"&", b"state=", b"since_ms=", b"hours=", b"limit=", b"281474976710656"),
    ),
    Parser(
        "quotes",
        (
            msgspec.json.encode(
                {
                    "model": "wan2.7-i2v",
                    "fields": {"prompt": "slow push in", "resolution": "720P", "duration": 5},
                    "frames": {"first": {"width": 1600, "height": 1200}, "last": None},
                }
            ),
        ),
        _quote,
        (BadBody, BadField, UnsupportedBody),
        (b'"frames":', b'"width":', b'"first":', b'"fields":'),
        OF_JSON,
    ),
)
