"""What a server does once for each of its commits, beside what follows all commits."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from support.open_stores import Make, a_row
from support.postgres_servers import shared
from support.waits import until
from unstill.domain.job import Job, State, made_ready
from unstill.domain.request import Size
from unstill.store.ports.queue import Listener
from unstill.store.postgres.store import PostgresStore


async def test_own_listeners_are_told_of_each_commit_behind_the_others(make: Make) -> None:
    told: list[tuple[str, State]] = []
    store = make()
    await store.open(
        [lambda job: told.append(("all", job.state))], [lambda job: told.append(("own", job.state))]
    )
    await store.jobs.add(a_row())
    await store.jobs.change("job", made_ready(Size(832, 480)))
    await store.close()

    states = [State.QUEUED, State.READY]
    assert told == [(who, state) for state in states for who in ("all", "own")]


async def test_of_what_another_server_commits_the_own_listeners_hear_nothing(
    tmp_path: Path,
) -> None:
    url = shared().new_store()
    heard: list[tuple[int, str]] = []
    own: list[tuple[int, str]] = []

    def noting(into: list[tuple[int, str]], number: int) -> list[Listener]:
        def note(job: Job) -> None:
            into.append((number, job.id))

        return [note]

    async with AsyncExitStack() as stack:
        stores = []
        for number in range(2):
            store = PostgresStore(url, tmp_path / str(number))
            await store.open(noting(heard, number), noting(own, number))
            stack.push_async_callback(store.close)
            stores.append(store)
        for number, store in enumerate(stores):
            await store.jobs.add(a_row(f"job-{number}"))
        await until(lambda: len(heard) == 4)

    assert sorted(heard) == [(n, f"job-{m}") for n in range(2) for m in range(2)]
    assert sorted(own) == [(0, "job-0"), (1, "job-1")]
