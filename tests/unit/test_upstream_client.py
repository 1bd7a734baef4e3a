"""What is sure about a call to an upstream, over real sockets on loopback."""

import asyncio
import gzip
from collections.abc import AsyncGenerator
from email.utils import formatdate
from itertools import count
from time import time

import pytest

from support.heard_upstream import serving, upstream_at
from unstill.domain.call_counts import CallCounts
from unstill.net.fetcher import Fetcher
from unstill.upstreams.calls import MOST_REPLY_BYTES
from unstill.upstreams.client import ASKS_AT_ONCE, Trouble, Upstream
from unstill.upstreams.poll_rounds import MOST_TROUBLES_IN_A_ROW, look_at_each
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Doubt,
    Prepared,
    Refused,
    Running,
    Submission,
    Ticket,
    Unclear,
    Verdict,
)
from unstill.upstreams.rate_limits import LONGEST_HOLD_S, Pace
from unstill.upstreams.replies import Odd, Reply
from unstill.upstreams.submit_answers import Codes, judged

PREPARED = Prepared("/submit", {"Content-Type": "application/json"}, b'{"a":1}', "m")
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"a"}'


def judge(reply: Reply) -> Submission:
    return judged(reply, Codes())


async def submitted(answer: bytes) -> Submission:
    async with (
        serving(answer) as server,
        upstream_at(f"http://127.0.0.1:{server.port}") as upstream,
    ):
        return await upstream.submit(PREPARED, judge)


async def test_each_submit_has_a_connection_of_its_own() -> None:
    async with serving(OK) as server, upstream_at(f"http://127.0.0.1:{server.port}/v1") as upstream:
        for _ in range(3):
            assert await upstream.submit(PREPARED, judge) == Accepted("a")

    assert server.connections == 3
    assert server.heads[0].startswith("POST /v1/submit HTTP/1.1")
    assert "Authorization: Bearer sk-1" in server.heads[0]


async def test_a_key_goes_behind_the_word_that_the_upstream_wants() -> None:
    async with serving(OK) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with upstream_at(url, key_scheme="Key") as upstream:
            await upstream.ask("GET", "/a")

    assert "Authorization: Key sk-1" in server.heads[0]


async def test_a_question_may_have_a_name_twice_and_a_body() -> None:
    async with serving(OK) as server, upstream_at(f"http://127.0.0.1:{server.port}") as upstream:
        await upstream.ask("GET", "/tasks", {"page": 1, "filter.ids": ["a", "b&c"]})
        await upstream.ask("POST", "/tasks", body=[{"id": "a"}])

    assert server.heads[0].startswith("GET /tasks?page=1&filter.ids=a&filter.ids=b%26c HTTP")
    assert "Content-Length: 12" in server.heads[1]
    assert "Content-Type: application/json" in server.heads[1]


async def test_an_answers_own_headers_are_kept_and_no_others() -> None:
    told = b"X-Fal-Error-Type: nsfw\r\nServer: nginx\r\n"
    async with (
        serving(OK.replace(b"Content-Length", told + b"Content-Length")) as server,
        upstream_at(f"http://127.0.0.1:{server.port}") as upstream,
    ):
        reply = await upstream.ask("GET", "/a")

    assert reply.told == {"x-fal-error-type": "nsfw"}


async def test_polls_share_a_connection() -> None:
    async with serving(OK) as server, upstream_at(f"http://127.0.0.1:{server.port}/v1") as upstream:
        for _ in range(3):
            assert (await upstream.ask("GET", "/tasks")).status == 200

    assert server.connections == 1


async def test_a_host_that_speaks_no_tls_has_surely_taken_nothing() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        async with upstream_at(f"https://127.0.0.1:{port}") as upstream:
            submission = await upstream.submit(PREPARED, judge)

    assert isinstance(submission, Refused)
    assert submission.unreached


async def test_an_answer_that_is_cut_short_is_a_doubt() -> None:
    assert isinstance(
        await submitted(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b'{"id":'), Doubt
    )


@pytest.mark.parametrize("framing", ["Connection: close", "Content-Length: 100"])
async def test_an_answer_that_breaks_off_behind_the_id_names_what_was_taken(framing: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\n{framing}\r\n\r\n".encode()

    assert await submitted(head + b'{"id":"task-1","status":"que') == Accepted("task-1")
    assert isinstance(await submitted(head + b'{"id":"task-'), Doubt)
    # Nothing but an id is believed of it: what else was to come is not known.
    assert isinstance(await submitted(head + b'{"code":1,"message":"no","x":'), Doubt)
    assert isinstance(
        await submitted(head.replace(b"200 OK", b"500 Oh") + b'{"id":"task-1","x":'), Doubt
    )


async def test_an_answer_that_is_cut_anywhere_is_a_doubt_until_its_id_has_come() -> None:
    body = b'{"id":"task-1","x":1}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + body
    length = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        writer.write(answer[:length])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with upstream_at(f"http://127.0.0.1:{port}") as upstream:
            for length in range(0, len(answer) + 1, 3):
                submission = await upstream.submit(PREPARED, judge)
                is_named = length > len(answer) - len(body) + body.index(b",")
                assert isinstance(submission, Accepted if is_named else Doubt), length


async def test_an_answer_without_end_is_a_doubt_and_never_in_memory() -> None:
    size = MOST_REPLY_BYTES + 1
    endless = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b" " * size

    assert isinstance(await submitted(endless), Doubt)


async def test_an_answer_that_comes_packed_unasked_is_read() -> None:
    packed = gzip.compress(b'{"id":"a"}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"

    assert await submitted(head.encode() + packed) == Accepted("a")


async def test_a_packed_answer_that_unpacks_without_end_is_a_doubt() -> None:
    packed = gzip.compress(bytes(50 * MOST_REPLY_BYTES))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"

    doubt = await submitted(head.encode() + packed)

    assert isinstance(doubt, Doubt)
    assert "is larger than" in doubt.message


async def test_an_answer_in_a_packing_that_is_not_read_is_a_doubt_that_names_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"

    doubt = await submitted(head)

    assert isinstance(doubt, Doubt)
    assert "compressed with br" in doubt.message


async def test_a_redirect_is_not_followed() -> None:
    async with serving(OK) as elsewhere:
        location = f"http://127.0.0.1:{elsewhere.port}/"
        answer = f"HTTP/1.1 307 T\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()

        submission = await submitted(answer)

    assert isinstance(submission, Doubt)
    assert elsewhere.connections == 0


async def test_retry_after_may_be_a_date() -> None:
    date = formatdate(time() + 30, usegmt=True)
    answer = f"HTTP/1.1 429 T\r\nRetry-After: {date}\r\nContent-Length: 0\r\n\r\n".encode()

    submission = await submitted(answer)

    assert isinstance(submission, Busy)
    assert submission.retry_after_s == pytest.approx(30, abs=3)


async def test_a_retry_after_that_means_nothing_is_none() -> None:
    submission = await submitted(
        b"HTTP/1.1 429 T\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"
    )

    assert isinstance(submission, Busy)
    assert submission.retry_after_s is None


# --- rounds of looks -----------------------------------------------------------------------------


def tickets(number: int) -> list[Ticket]:
    return [Ticket(f"job-{i}", f"t-{i}", "m", 0) for i in range(number)]


async def collect(looks: AsyncGenerator[tuple[Ticket, Verdict]], into: dict[str, Verdict]) -> None:
    async for ticket, verdict in looks:
        into[ticket.id] = verdict


async def test_looks_are_made_some_at_a_time() -> None:
    under_way, most = 0, 0

    async def look(_: Ticket) -> Verdict:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return Running()

    seen: dict[str, Verdict] = {}
    await collect(look_at_each(tickets(100), look), seen)

    assert len(seen) == 100
    assert most == ASKS_AT_ONCE


async def test_trouble_of_all_ends_the_round_and_of_one_does_not() -> None:
    asked: list[str] = []

    async def look(ticket: Ticket) -> Verdict:
        asked.append(ticket.id)
        match ticket.id:
            case "t-0":
                raise Trouble("500")
            case "t-1":
                raise Odd("blessed")
            case "t-40":
                raise Trouble("429", is_general=True)
            case _:
                return Running()

    seen: dict[str, Verdict] = {}
    with pytest.raises(Trouble, match="429"):
        await collect(look_at_each(tickets(100), look), seen)

    assert seen["t-0"] == Unclear("no_answer", "500")
    assert seen["t-1"] == Unclear("odd_answer", "blessed")
    assert seen["t-3"] == Running()
    assert "t-40" not in seen
    assert len(asked) < 41 + 2 * ASKS_AT_ONCE


async def test_an_answer_that_we_cannot_read_stops_no_other_look() -> None:
    async def look(ticket: Ticket) -> Verdict:
        if ticket.id == "1":
            raise ValueError("a fault of ours")
        return Running()

    verdicts: dict[str, Verdict] = {}
    await collect(look_at_each([Ticket(n, n, "m", 0) for n in "012"], look), verdicts)

    assert verdicts["0"] == verdicts["2"] == Running()
    assert isinstance(verdicts["1"], Unclear)
    assert verdicts["1"].code == "internal_error"


async def test_an_upstream_that_is_down_is_left_alone_after_some_tries() -> None:
    tries = count()

    async def look(_: Ticket) -> Verdict:
        next(tries)
        await asyncio.sleep(0)
        raise Trouble("503")

    with pytest.raises(Trouble) as caught:
        await collect(look_at_each(tickets(1000), look), {})

    assert caught.value.is_general

    assert next(tries) <= MOST_TROUBLES_IN_A_ROW + 2 * ASKS_AT_ONCE


# --- pace ----------------------------------------------------------------------------------------


@pytest.mark.skips_pauses
async def test_turns_are_evenly_spaced_whoever_waits() -> None:
    pace = Pace(100)
    clock_s = asyncio.get_running_loop().time
    began_s = clock_s()

    await asyncio.gather(*(pace.turn() for _ in range(11)))

    assert clock_s() - began_s >= 0.1 - 0.001


@pytest.mark.skips_pauses
async def test_a_hold_also_holds_those_already_in_line() -> None:
    pace = Pace(50)
    clock_s = asyncio.get_running_loop().time
    began_s = clock_s()
    waiting = [asyncio.create_task(pace.turn()) for _ in range(2)]
    await asyncio.sleep(0.005)

    pace.hold(0.1)
    await asyncio.gather(*waiting)

    assert clock_s() - began_s >= 0.1


@pytest.mark.skips_pauses
async def test_a_hold_ends_within_a_minute_whatever_was_asked_for() -> None:
    pace = Pace(1)
    pace.hold(86_400)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pace.turn(), 0.01)
    assert pace._next_s <= asyncio.get_running_loop().time() + LONGEST_HOLD_S


async def test_calls_without_a_good_answer_are_counted_by_their_kind() -> None:
    counts, fetcher = CallCounts(), Fetcher()
    answers = {
        OK: Accepted,
        b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n": Refused,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{": Doubt,
    }
    for answer, kind in answers.items():
        async with serving(answer) as server:
            upstream = Upstream(
                engine="ours",
                base_url=f"http://127.0.0.1:{server.port}",
                api_key="sk-1",
                pace=Pace(1000),
                fetcher=fetcher,
                counts=counts,
            )
            assert isinstance(await upstream.submit(PREPARED, judge), kind)
    assert isinstance(await upstream.submit(PREPARED, judge), Refused)  # nobody is there any more
    with pytest.raises(Trouble):
        await upstream.ask("GET", "/tasks")
    await upstream.close()
    await fetcher.close()

    assert counts.errors == {
        ("ours", "key"): 1,
        ("ours", "no_answer"): 1,
        ("ours", "unreached"): 2,
    }
