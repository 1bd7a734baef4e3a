"""A data folder with jobs of all kinds, as a server that was killed has left it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from support.api_keys import a_key, adding
from support.books import LEASE, VIDEO, fill
from support.jobs import OWNER, a_job
from support.open_stores import opened
from support.reserves import a_reserve
from support.stored_files import made_with
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.job import (
    Failure,
    IdempotencyMark,
    Job,
    State,
    accepted,
    cancelled,
    failed,
    hidden,
    intended,
    made_ready,
    rendered,
    started,
)
from unstill.domain.limits import with_changes
from unstill.domain.request import Size
from unstill.files.local_uploads import LocalUploads
from unstill.files.port import PART
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.store import Store
from unstill.system.job_folders import JOBS, folder_of

SIZE = Size(1280, 720)
HOOK = "https://hooks.example.com/a"
MARK = IdempotencyMark("the key", "the print", None)
ACCOUNT = "account"
UPLOAD, PICTURE = b"an upload", b"a picture" * 1000
WHOLE = b"a video" * 300_000  # two megabytes
LARGE = b"a long one" * 900_000  # it goes in parts
FAILED = failed(Failure("x", "a \0 that PostgreSQL has not"), 9)


def call_of(job: Job, **fields: object) -> Attempt:
    call = Attempt(job.id, 1, "ali", ACCOUNT, "turbo", intent_ms=1, submit_by_ms=2)
    return msgspec.structs.replace(call, **fields)


async def fill_all(store: Store) -> None:
    """Beside the eight with money of `books.fill`, one for each place that a job may be at."""
    await fill(store)
    names = (
        "waits",
        "told",
        "running",
        "heard",
        "lost-call",
        "saving",
        "deleted",
        "called",
        "mine",
    )
    jobs = {name: a_job(id=f"job_{name}", webhook_url=HOOK) for name in names}
    for name, job in jobs.items():
        mark = MARK if name == "mine" else None
        await store.jobs.add(job, mark=mark, reserve=a_reserve(job))
    for name in ("running", "heard", "lost-call"):
        job = jobs[name]
        await store.jobs.change(job.id, made_ready(SIZE))
        await store.jobs.change(job.id, intended(call_of(job), LEASE))
    closes = Settlement(1, Outcome.ACCEPTED, 3, ticket="t-1")
    assert await store.jobs.change("job_running", accepted("t-1", "turbo", closes))
    # Its server was killed between the reply and its commit.
    heard = call_of(jobs["heard"], outcome=Outcome.ACCEPTED, ticket="t-2", settled_ms=3)
    await store.attempts.note_ahead(heard, SIZE)
    for change in (made_ready(SIZE), started(5, LEASE), rendered()):
        await store.jobs.change("job_saving", change)
    await store.jobs.change("job_told", FAILED)
    await store.jobs.change("job_deleted", FAILED)
    await store.jobs.change("job_deleted", hidden(State.FAILED))
    await store.jobs.change("job_called", cancelled(9, is_hidden=False))
    await store.keys.change(adding(a_key()))
    await store.owners.change(OWNER, lambda before: with_changes(before, {"in_flight": 3}))


async def a_full_folder(folder: Path) -> Path:
    async with opened(lambda: EmbeddedStore(folder)) as store:
        await fill_all(store)
        await store.link_secrets.all()
    made_with(folder, "INSERT INTO held VALUES ('job_waits')").close()
    files = {
        ("settled", VIDEO.file_name): WHOLE,
        ("for-free", VIDEO.file_name): b"free",
        ("costly", VIDEO.file_name): LARGE,
        ("job_waits", "frame-first.jpg"): PICTURE,
        ("job_saving", f"video-1{PART}"): WHOLE,
        ("job_running", "frame-first.jpg"): PICTURE,
        ("job_running", f"video-1{PART}"): b"half of",
    }
    for (job_id, name), data in files.items():
        place = folder_of(folder / JOBS, job_id)
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    await LocalUploads(folder).keep(OWNER, "its key", UPLOAD)
    return folder
