"""What must hold when the fault campaign is over, checked against the upstreams' own books."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from benchmarks.chaos_engines import ENGINES, FREE, SETTLES
from benchmarks.chaos_records import Row
from benchmarks.chaos_upstreams import DOUBTFUL, TOO_LARGE, Call

from unstill.domain.attempts import Attempt, Outcome
from unstill.emulators import KINDS_IN_MEMORY
from unstill.emulators.faults import Fault, FaultSite
from unstill.steps.save_retries import MOST_TOO_LARGE
from unstill.steps.submit_outcome import SETTLED
from unstill.upstreams.port import TooLarge

IN_MEMORY = {name for name in SETTLES if ENGINES[name].kind in KINDS_IN_MEMORY}
MOST_UNKNOWN = 10  # per kill and account: as many calls as an account has slots
_FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Books(msgspec.Struct, frozen=True):
    """The store and the upstreams' logs, read after the end."""

    rows: Mapping[str, Row]  # by id
    attempts: Mapping[str, Sequence[Attempt]]  # by job, oldest first
    calls: Sequence[Call]
    charges: Mapping[str, Mapping[str, Any]]  # by engine, as its emulator counts them
    finished: Mapping[str, Collection[str]]  # by engine, the tasks whose videos it still gives
    kills_ms: Sequence[int]
    deleted: frozenset[str]  # prompts: their rows may be gone, and their ledger with them
    held_in_call: frozenset[str] = frozenset()  # jobs that were held then: no upstream is asked

    @property
    def taken(self) -> list[Call]:
        """The submits that made a task, whatever was answered."""
        return [call for call in self.calls if call.task is not None]


class Findings(msgspec.Struct, frozen=True):
    """The counts, and a sentence for each thing that must not be."""

    states: Mapping[str, int]
    failures: Mapping[str, int]
    accepted: int  # by the upstreams
    unknown_by_kill: int
    unknown_by_fault: int
    most_unknown: int  # of one kill and account
    settled: int  # calls in doubt of which their upstream told that it had them
    repeats: int  # of jobs that were lost where repeating is free
    finished: int  # tasks of the ledger whose videos the upstreams have
    thrown_away: int  # of these, without a video here
    wrongs: Sequence[str]


def audit(books: Books, acknowledged: Mapping[str, str]) -> Findings:
    """acknowledged: the prompt of each job that a caller was told the id of, by that id."""
    unknown = [
        attempt
        for attempts in books.attempts.values()
        for attempt in attempts
        if attempt.outcome is Outcome.UNKNOWN
    ]
    by_kill = _by_kill(unknown, books.kills_ms)
    killed = {(each.job_id, each.n) for group in by_kill.values() for each in group}
    wrongs = [
        *_lost(books, acknowledged),
        *_paid_twice(books),
        *_not_in_the_ledger(books),
        *_sent_after_the_end(books),
        *_unexplained(books, [each for each in unknown if (each.job_id, each.n) not in killed]),
        *_too_many_unknown(by_kill),
        *_unsettled([each for each in unknown if each.job_id not in books.held_in_call]),
        *_undeserved(books, {job_id for job_id, _ in killed}),
        *(thrown_away := list(_thrown_away(books))),
    ]
    return Findings(
        states=Counter(row.state for row in books.rows.values()),
        failures=Counter(f"{row.code}: {row.message}" for row in books.rows.values() if row.code),
        accepted=len(books.taken),
        unknown_by_kill=len(killed),
        unknown_by_fault=len(unknown) - len(killed),
        most_unknown=max(map(len, by_kill.values()), default=0),
        settled=sum(a.code == SETTLED for each in books.attempts.values() for a in each),
        repeats=_repeats(books),
        finished=len(_finished(books)),
        thrown_away=len(thrown_away),
        wrongs=wrongs,
    )


def _lost(books: Books, acknowledged: Mapping[str, str]) -> Iterator[str]:
    for job_id, prompt in acknowledged.items():
        row = books.rows.get(job_id)
        if row is None and prompt not in books.deleted:
            yield f"lost: {job_id} was acknowledged and has no row"
    for row in books.rows.values():
        if row.state not in _FINAL:
            yield f"not ended: {row.id} is {row.state}"


def _paid_twice(books: Books) -> Iterator[str]:
    """A prompt is one job's alone: where repeating is not free, one task is all it may have.

    Not counted is a task of which a server that can tell, and keeps its tasks in memory, has said
    that it has none: whatever it took, it renders no more.
    """
    denied = [
        (call.engine, call.path)
        for call in books.calls
        if call.engine in IN_MEMORY and call.fault in {Fault.NOT_FOUND, Fault.LOSE}
    ]
    paid = Counter(
        call.prompt
        for call in books.taken
        if call.engine != FREE
        and not any(call.engine == engine and str(call.task) in path for engine, path in denied)
    )
    for prompt, count in paid.items():
        if count > 1:
            yield f"paid twice: {prompt!r} was taken {count} times"
    logged = Counter(call.engine for call in books.taken)
    for engine, charges in books.charges.items():
        if charges["accepted"] != logged[engine]:
            yield f"not logged: {engine} took {charges['accepted']}, its log has {logged[engine]}"
        if engine != FREE and charges["doubles"]:
            yield f"paid twice: {engine} got equal bodies in {charges['doubles']}"


def _not_in_the_ledger(books: Books) -> Iterator[str]:
    """Each task that an upstream took is a ticket in the ledger, or one of its unknown ends."""
    jobs = {row.prompt: row.id for row in books.rows.values()}
    tickets = {
        (attempt.engine, attempt.ticket)
        for attempts in books.attempts.values()
        for attempt in attempts
        if attempt.outcome is Outcome.ACCEPTED
    }
    for call in books.taken:
        job_id = jobs.get(call.prompt, "")
        is_forgotten = not job_id and call.prompt in books.deleted
        if is_forgotten or (call.engine, call.task) in tickets:
            continue
        ends = books.attempts.get(job_id, ())
        if not any(e.outcome is Outcome.UNKNOWN and e.engine == call.engine for e in ends):
            yield f"not in the ledger: {call.engine} has {call.task} of {call.prompt!r}"
    taken = {(call.engine, call.task) for call in books.taken}
    for engine, ticket in tickets - taken:
        yield f"made up: {engine} never gave out {ticket}"


def _sent_after_the_end(books: Books) -> Iterator[str]:
    """Nothing follows a call that was taken or may have been, but where repeating is free."""
    for job_id, attempts in books.attempts.items():
        for before in attempts[:-1]:
            is_free = before.engine == FREE and before.outcome is Outcome.ACCEPTED
            ends = {Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.REJECTED, Outcome.OPEN}
            if before.outcome in ends and not is_free:
                yield f"sent again: {job_id} after {before.outcome} at {before.engine}"
        if attempts[-1].outcome is Outcome.OPEN:
            yield f"left open: {job_id} at {attempts[-1].engine}"


def _unexplained(books: Books, unknown: Sequence[Attempt]) -> Iterator[str]:
    """Each end in doubt that no kill explains has a fault in its upstream's log."""
    faulty = {
        (call.engine, call.prompt)
        for call in books.calls
        if call.place == "submit" and call.fault in DOUBTFUL
    }
    for attempt in unknown:
        row = books.rows[attempt.job_id]
        if (attempt.engine, row.prompt) not in faulty:
            yield f"unexplained: {row.id} at {attempt.engine}: {attempt.message}"
        if row.code != "submit_unknown" and not row.is_hidden:
            yield f"untold: {row.id} is in doubt, its failure says {row.code!r}"


def _undeserved(books: Books, killed: Collection[str]) -> Iterator[str]:
    """No job fails by trouble with polls or downloads: by its submit or its upstream's memory.

    Or, where it had no submit, because its upstream refused an upload for good: that is one job for
    each such refusal.
    """
    submits: set[str] = set()  # prompts
    refused_uploads = 0
    paths: list[str] = []
    for call in books.calls:
        match call.place, call.fault:
            case (_, None | Fault.DELAY) | (FaultSite.FETCH, _):
                pass  # whatever is wrong with a download, it is made again
            case FaultSite.SUBMIT, _:
                submits.add(call.prompt)
            case FaultSite.UPLOAD, Fault.BAD_KEY | Fault.FORBIDDEN | Fault.NOT_FOUND:
                refused_uploads += 1
            # A server that keeps its jobs in memory says 404 when it has lost one, and after a
            # cancel whose answer was lost.
            case (FaultSite.CANCEL, _) | (_, Fault.LOSE | Fault.NOT_FOUND):
                paths.append(call.path)
    for row in books.rows.values():
        if row.state != "failed" or row.id in killed or row.prompt in submits:
            continue
        attempts = books.attempts.get(row.id, ())
        tickets = {each.ticket for each in attempts if each.ticket}
        is_lost = any(ticket in path for ticket in tickets for path in paths)
        if is_lost or _was_too_large(books, row, tickets):
            continue
        if refused_uploads and any(each.outcome is Outcome.REFUSED for each in attempts):
            refused_uploads -= 1
            continue
        yield f"undeserved: {row.id} failed with {row.code}: {row.message}"


def _was_too_large(books: Books, row: Row, tickets: Collection[str]) -> bool:
    """Twice: that is what ends a job."""
    if row.code != TooLarge.code:
        return False
    times = Counter(
        ticket
        for call in books.calls
        if call.place == FaultSite.FETCH and call.fault in TOO_LARGE
        for ticket in tickets
        if ticket in call.path
    )
    return max(times.values(), default=0) >= MOST_TOO_LARGE


def _finished(books: Books) -> list[Attempt]:
    """The attempts whose videos the upstreams have."""
    return [
        attempt
        for attempts in books.attempts.values()
        for attempt in attempts
        if attempt.ticket and attempt.ticket in books.finished.get(attempt.engine, ())
    ]


def _thrown_away(books: Books) -> Iterator[str]:
    """A video that is paid for and still to be had is brought home, whatever went wrong before.

    Not where an upstream has said, wrongly, that it knows the task no more.
    """
    denied = [
        call.path
        for call in books.calls
        if call.place in {FaultSite.POLL, FaultSite.CANCEL} and call.fault == Fault.NOT_FOUND
    ]
    for attempt in _finished(books):
        row, ticket = books.rows[attempt.job_id], str(attempt.ticket)
        if row.state != "failed" or any(ticket in path for path in denied):
            continue
        if _was_too_large(books, row, {ticket}):
            continue
        yield f"thrown away: {row.id} has a video at {attempt.engine}, and failed: {row.message}"


def _by_kill(
    unknown: Sequence[Attempt], kills_ms: Sequence[int]
) -> dict[tuple[int, str], list[Attempt]]:
    """The calls that were under way when the server was killed, by kill and account."""
    groups: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
    for attempt in unknown:
        during = [
            number
            for number, kill_ms in enumerate(kills_ms)
            if attempt.intent_ms <= kill_ms <= (attempt.settled_ms or 0)
        ]
        if during:
            groups[during[0], attempt.account].append(attempt)
    return groups


def _too_many_unknown(by_kill: Mapping[tuple[int, str], Sequence[Attempt]]) -> Iterator[str]:
    for (number, account), group in by_kill.items():
        if len(group) > MOST_UNKNOWN:
            yield f"too many in doubt: {len(group)} of account {account} at kill {number + 1}"


def _unsettled(unknown: Sequence[Attempt]) -> Iterator[str]:
    """No call is in doubt whose upstream can tell, whatever was lost or killed."""
    for attempt in unknown:
        if attempt.engine in SETTLES:
            yield f"not settled: {attempt.job_id} at {attempt.engine}: {attempt.message}"


def _repeats(books: Books) -> int:
    free = Counter(call.prompt for call in books.taken if call.engine == FREE)
    return sum(free.values()) - len(free)
