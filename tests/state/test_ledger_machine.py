"""Calls that may cost, against upstreams that do anything, in a server that is killed at any point.

Whatever happens: one call for one attempt, begun only after its intent was stored; none for a job
that may have been taken; every job ends; and a kill leaves no more calls in doubt than an account
has slots.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from state.ledger_process import FREE, SLOTS, Call, Script
from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.job import Job, State
from unstill.store.embedded.store import EmbeddedStore

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
PROGRAM = "state.ledger_process"
START_MS = 1_763_600_000_000
BETWEEN_STARTS_MS = 600_000
MOST_KILLS = 3  # in one example: each start costs half a second
NEVER = 10**9
SURELY_NOT_TAKEN = {"busy", "busy_for_days", "unreached", "bad_key", "refused"}

routes = st.sampled_from(
    [["bailian"], [FREE], ["bailian", FREE], ["bailian", "bailian2"], [FREE, "bailian2"]]
)
words = st.lists(
    st.sampled_from([*sorted(SURELY_NOT_TAKEN), "busy", "rejected", "doubt", "bug", "accepted"]),
    max_size=4,
)
fates = st.lists(st.sampled_from(["waiting", "gone", "done"]), max_size=3)
jobs = st.lists(st.tuples(routes, words, fates), min_size=1, max_size=5)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.script = Script({}, {}, {})
        self.starts = 0
        self.kills = 0

    @initialize(jobs=jobs)
    def begin(self, jobs: Sequence[tuple[list[str], list[str], list[str]]]) -> None:
        self.add(jobs)

    @rule(jobs=jobs)
    def add(self, jobs: Sequence[tuple[list[str], list[str], list[str]]]) -> None:
        for route, says, becomes in jobs:
            job_id = f"job-{len(self.script.routes)}"
            self.script.routes[job_id] = route
            self.script.words[job_id] = says
            self.script.fates[job_id] = becomes

    @precondition(lambda self: self.kills < MOST_KILLS)
    @rule(crash_at=st.integers(1, 40))
    def run_and_kill(self, crash_at: int) -> None:
        self.run_server(crash_at)
        self.check_calls()

    def teardown(self) -> None:
        try:
            ended = self.run_server(NEVER)
            self.check_calls()
            assert ended
            self.check_ends()
        finally:
            self.folder.cleanup()

    def run_server(self, crash_at: int) -> bool:
        """Whether it ended by itself."""
        now_ms = START_MS + self.starts * BETWEEN_STARTS_MS
        self.starts += 1
        server = subprocess.run(
            [sys.executable, "-m", PROGRAM, self.folder.name, str(now_ms), str(crash_at)],
            cwd=TESTS,
            input=msgspec.json.encode(self.left()),
            stdout=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        self.kills += server.returncode == -signal.SIGKILL
        assert server.returncode in {0, -signal.SIGKILL}
        return server.returncode == 0

    def left(self) -> Script:
        """The script without the words that earlier calls have used up."""
        used = Counter(call.job_id for call in self.calls() if call.end is None)
        return msgspec.structs.replace(
            self.script,
            words={job_id: says[used[job_id] :] for job_id, says in self.script.words.items()},
        )

    def calls(self) -> list[Call]:
        """The lines of the log: each call's begin and, unless a kill came between, its end."""
        log = Path(self.folder.name) / "calls.jsonl"
        lines = log.read_bytes().splitlines() if log.exists() else []
        return [msgspec.json.decode(line, type=Call) for line in lines]

    def check_calls(self) -> None:
        rows, ledger = asyncio.run(stored(Path(self.folder.name), list(self.script.routes)))
        calls = self.calls()
        begun = [call for call in calls if call.end is None]
        ends = {(call.job_id, call.n): call.end for call in calls if call.end is not None}
        intents = {(attempt.job_id, attempt.n) for attempt in ledger}

        assert {call.state for call in begun} <= {"submitting"}
        assert max(Counter((call.job_id, call.n) for call in begun).values(), default=0) <= 1
        assert {(call.job_id, call.n) for call in begun} <= intents
        for job_id in self.script.routes:
            for call in [call for call in begun if call.job_id == job_id][:-1]:
                end = ends.get((call.job_id, call.n))
                assert end in SURELY_NOT_TAKEN or (end == "accepted" and call.engine == FREE)
        open_now = Counter(each.account for each in ledger if each.outcome is Outcome.OPEN)
        assert max(open_now.values(), default=0) <= SLOTS
        assert sum(job.state is State.SUBMITTING for job in rows) == open_now.total()

    def check_ends(self) -> None:
        rows, ledger = asyncio.run(stored(Path(self.folder.name), list(self.script.routes)))
        last = {attempt.job_id: attempt for attempt in ledger}
        doubts = {each.job_id for each in ledger if each.outcome is Outcome.UNKNOWN}
        ended = {call.job_id for call in self.calls() if call.end == "accepted"}

        assert len(rows) == len(self.script.routes)
        assert all(job.state.is_final for job in rows)
        assert doubts == {
            job.id for job in rows if job.failure and job.failure.code == "submit_unknown"
        }
        for job in rows:
            if job.state is State.SUCCEEDED:
                assert job.id in ended
                assert last[job.id].outcome is Outcome.ACCEPTED
                assert job.ticket == last[job.id].ticket


async def stored(folder: Path, job_ids: Sequence[str]) -> tuple[list[Job], list[Attempt]]:
    """The rows, and all attempts, oldest first for each job."""
    store = EmbeddedStore(folder)
    await store.open()
    found = [await store.jobs.find(job_id) for job_id in job_ids]
    ledger = [attempt for job_id in job_ids for attempt in await store.attempts.of(job_id)]
    await store.close()
    return [job for job in found if job is not None], ledger


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=10,
    stateful_step_count=5,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),  # to shrink a failure would take minutes
    suppress_health_check=[HealthCheck.too_slow],  # each example starts processes
)
