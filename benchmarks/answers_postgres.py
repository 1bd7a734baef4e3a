"""What answers cost on PostgreSQL: both status polls and a durable submit, each against its limit.

    python -m benchmarks.answers_postgres

As answers.py does it, with the jobs in a PostgreSQL that this starts, with its own defaults: each
commit is synced. The limit is a bare ASGI app with asyncpg (raw_postgres.py). The servers share a
core, wrk has another, and the database what is left of both: so the ratios say more than the
figures.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import raw_postgres, wrk
from benchmarks.answers import (
    BODY,
    HEADERS,
    KEYS,
    ROWS,
    Pair,
    a_job,
    check_same,
    compared,
    lines,
    loaded,
)
from benchmarks.figure import Figure, least_of_limit, table_of
from benchmarks.process import Running, running
from benchmarks.real_servers import PostgresServer, postgres
from benchmarks.store import finished
from rich.console import Console

from unstill.store.postgres.migrations import migrate
from unstill.store.postgres.store import PostgresStore
from unstill.system.installed import note

BUDGET = least_of_limit(0.75)
AT_ONCE = 200
# A server that only answers wants one; no poll and no submit of an address asks it anything.
NO_BUCKET = {
    "UNSTILL_FILES": "s3://unstill/none",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


def measure() -> list[Figure]:
    """Polls and submits a second; none where wrk or a second core is missing."""
    cores = sorted(os.sched_getaffinity(0))
    if not wrk.is_there() or len(cores) < 2:
        print("answers are not measured: they need wrk, taskset and two cores")
        return []
    with (
        TemporaryDirectory(prefix="unstill-") as folder,
        postgres() as server,
        postgres_pairs(server, Path(folder), cores[0]) as asked,
    ):
        return [
            compared(pair, windows)._replace(budget=BUDGET)
            for pair, windows in loaded(asked, cores[1])
        ]


@contextmanager
def postgres_pairs(server: PostgresServer, folder: Path, core: int) -> Iterator[list[Pair]]:
    """All servers, running on `core`."""
    stored, new, new_too = (server.new_database() for _ in range(3))
    for url in (stored, new, new_too):
        asyncio.run(migrate(url))
    asyncio.run(raw_postgres.install(new_too))
    ids = asyncio.run(filled(stored, folder / "filling"))
    statuses = wrk.Calls(
        "GET", lines(folder, "statuses", [f"/v1/tasks/status?task_id={i}" for i in ids]), HEADERS
    )
    videos = wrk.Calls("GET", lines(folder, "videos", [f"/v1/videos/{i}" for i in ids]), HEADERS)
    body = lines(folder, "body", [json.dumps(BODY)])
    submits = wrk.Calls("POST", lines(folder, "submits", ["/v1/tasks/submit"]), HEADERS, body)
    own = folder / "own"
    own.mkdir()
    note(own)  # no self-test beside what is measured
    with ExitStack() as stack:

        def start(*arguments: str, database: str = "") -> Running:
            environment = KEYS | ({"UNSTILL_DATABASE": database, **NO_BUCKET} if database else {})
            return stack.enter_context(running(arguments, core=core, environment=environment))

        serve = ("unstill", "serve", "--no-work", "--port", "0", "--data-dir", str(own))
        ours = start(*serve, database=stored)
        limit = start("benchmarks.raw_postgres", "poll", stored)
        check_same(ours, limit, ids[:2])
        yield [
            Pair("poll /v1/tasks/status, PostgreSQL", ours, limit, statuses),
            Pair("poll /v1/videos/{id}, PostgreSQL", ours, limit, videos),
            Pair(
                "durable submit of 1 KB, PostgreSQL, runner not started",
                start("benchmarks.submit_only", str(folder / "submitting"), database=new),
                start("benchmarks.raw_postgres", "submit", new_too),
                submits,
            ),
        ]


async def filled(url: str, folder: Path) -> list[str]:
    """A database with finished and waiting jobs, in turn; their ids."""
    store = PostgresStore(url, folder)
    await store.open()
    await store.link_secrets.all()
    jobs = [finished(a_job()) if number % 2 else a_job() for number in range(ROWS)]
    for first in range(0, ROWS, AT_ONCE):
        await asyncio.gather(*(store.jobs.add(job) for job in jobs[first : first + AT_ONCE]))
    await store.close()
    return [job.id for job in jobs]


if __name__ == "__main__":
    Console().print(table_of(measure(), title="Answers on PostgreSQL, 32 connections"))
