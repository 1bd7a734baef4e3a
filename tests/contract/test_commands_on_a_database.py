"""What operators' commands do where the settings name a database, with servers up or not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from support.books import ANN, TICKET, a_booked_job, answered_late, lost_in
from support.fork_server import ran
from support.free_ports import free_port
from support.open_stores import a_row, opened
from support.postgres_servers import shared
from support.reserves import a_reserve
from unstill.domain.job import Failure, failed
from unstill.domain.owner import Owner
from unstill.settings.databases import shown_database
from unstill.store.ports.store import Store
from unstill.store.stores import store_at
from unstill.system.clock import clock_ms

WITHIN_S = 60
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def database() -> str:
    return shared().new_store()


def run_on(database: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, as an operator gives it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    data_dir = {"UNSTILL_DATA_DIR": str(folder / "scratch")}
    return ran(
        ["-m", "unstill", *words],
        environment=inherited | data_dir | {"UNSTILL_DATABASE": database},
        folder=folder,
        within_s=WITHIN_S,
    )


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    return lambda *words: run_on(database, tmp_path, *words)


@pytest.fixture
async def store(database: str, tmp_path: Path) -> AsyncIterator[Store]:
    """That of a server that is up."""
    make = store_at(database)
    async with opened(lambda: make(tmp_path / "server", clock_ms)) as store:
        yield store


def done(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """One line for people, and no trace."""
    assert ended.returncode == 1, ended.stdout
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    return ended.stderr.strip()


async def test_a_key_that_is_made_is_every_servers_own_and_goes_on_under_its_name(
    run: Run, store: Store, database: str
) -> None:
    made = run("keys", "create", "team-a", "--name", "laptop")
    listed = done(run("keys", "list"))
    renewed = done(run("keys", "rotate", "laptop"))
    done(run("keys", "set", "laptop", "--in-flight", "2"))
    ended = done(run("keys", "revoke", "laptop"))

    assert done(made).startswith("unstill_")
    assert made.stderr.rstrip().endswith(f"in {shown_database(database)}")
    assert "laptop" in listed
    assert renewed != made.stdout
    assert "is revoked" in ended
    [key] = await store.keys.all()
    assert (key.name, key.owner, key.limits.in_flight) == ("laptop", "team-a", 2)
    assert key.revoked_ms is not None


async def test_what_is_set_for_an_owner_is_set_for_all_servers(run: Run, store: Store) -> None:
    nothing = done(run("owners", "list"))
    done(run("owners", "set", "team-a", "--in-flight", "3", "--weight", "2"))

    assert nothing.startswith("no owner has a limit in postgresql://")
    assert "team-a" in done(run("owners", "list"))
    limits = (await store.owners.limits())[Owner("team-a")]
    assert (limits.in_flight, limits.weight) == (3, 2)


async def test_an_event_is_sent_again_by_whichever_server_sends(run: Run, store: Store) -> None:
    job = await store.jobs.add(a_row("told", webhook_url="https://hooks.example.com/a"))
    assert await store.jobs.change(job.id, failed(Failure("x", "y"), job.created_ms + 9))

    listed = done(run("webhooks", "list"))
    again = done(run("webhooks", "replay", "told"))
    unknown = refused(run("webhooks", "replay", "another"))

    assert "told" in listed
    assert again.strip() == "told is due now"
    assert "no webhook to replay for another" in unknown
    [due] = await store.outbox.due(0, limit=5)
    assert due.job_id == "told"


async def test_what_waits_in_a_database_that_was_put_back_is_held_and_released(
    run: Run, database: str, tmp_path: Path
) -> None:
    make = store_at(database)
    async with opened(lambda: make(tmp_path / "server", clock_ms)) as store:
        await store.jobs.add(a_row("waits", engine="ali"))

    recovered = done(run("recover"))
    held = done(run("jobs", "held"))
    released = done(run("jobs", "release"))

    assert "goes on with 1 jobs" in recovered
    assert "the next start lets in every caller" in recovered
    assert held.strip() == "waits"
    assert released.strip() == "waits is released"
    assert done(run("jobs", "held")).startswith("no job is held in postgresql://")


def test_what_the_keys_of_such_a_database_are_worth_is_said(run: Run) -> None:
    done(run("keys", "create", "ann"))

    assert "its API keys are those of its day" in done(run("recover"))


async def test_a_doubt_is_resolved_and_the_book_is_proved_beside_a_server(
    run: Run, store: Store, database: str
) -> None:
    job = a_booked_job("lost", ANN)
    await store.jobs.add(job, reserve=a_reserve(job))
    await lost_in(store, job)
    await answered_late(store, "lost")

    listed = done(run("jobs", "doubts"))
    unknown = refused(run("jobs", "resolve", "nowhere", "--free"))
    known = refused(run("jobs", "resolve", "lost", "--free"))
    said = done(run("jobs", "resolve", "lost", "--charged"))
    summed = done(run("usage", "--csv"))
    proved = done(run("usage", "check"))
    shared().sql("UPDATE charges SET amount = amount + 1", database.rpartition("/")[2])
    disproved = run("usage", "check")

    assert "lost" in listed
    assert "no job nowhere in postgresql://" in unknown
    assert "the upstream has taken the call of lost" in known
    links = await store.doubts.links_of("lost")
    assert links.continued_by is not None
    assert links.continued_by in said
    assert [each.ticket async for some in store.backlog.tickets() for each in some] == [TICKET]
    assert summed.splitlines()[1:] == ["ann,0,0.45,0,EUR,2,0,0"]
    assert proved.startswith("proved: 3 rows of 2 jobs, 0 settled, 0.45 reserved, 0 cost; in post")
    assert disproved.returncode == 1
    assert "row 1 (reserve of job lost)" in disproved.stdout


def test_a_backup_of_a_database_is_its_own_affair(run: Run, tmp_path: Path) -> None:
    assert "pg_dump" in refused(run("backup", str(tmp_path / "copy")))
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("words", ["keys list", "owners list", "webhooks list", "jobs held"])
def test_a_database_that_is_away_is_one_line_without_its_password(
    words: str, tmp_path: Path
) -> None:
    away = f"postgresql://unstill:hunter2@127.0.0.1:{free_port()}/unstill"

    said = refused(run_on(away, tmp_path, *words.split()))

    assert f"{away.rpartition(':')[2]}" in said
    assert "hunter2" not in said


def test_an_empty_database_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    said = refused(run_on(shared().new_database(), tmp_path, "keys", "create", "team-a"))

    assert "unstill migrate" in said
