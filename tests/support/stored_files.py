"""Rows and files of an embedded store, those of older releases among them."""

from __future__ import annotations

from pathlib import Path

import apsw

from support.unfinished_jobs import left
from unstill.domain.job import Job
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, VideoRequest
from unstill.store.embedded.store import EmbeddedBackend

STORES = Path(__file__).parents[1] / "contract" / "stores"


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def made_with(folder: Path, sql: str) -> apsw.Connection:
    connection = apsw.Connection(str(folder / "unstill.sqlite3"))
    connection.execute(sql)
    return connection


def a_job(job_id: str) -> Job:
    return Job(
        id=job_id,
        owner=Owner("team-a"),
        dialect="tasks",
        words="unified",
        model="wan2.7-i2v",
        request=VideoRequest(
            model="wan2.7-i2v",
            prompt="a cat wakes up",
            first_frame=Frame("first", "img_url", sha256="ab" * 32),
            duration_s=5,
            frame_rate=30,
            seed=42,
        ),
        engine="camera",
        created_ms=1_763_600_000_000,
    )


async def ids_in(folder: Path) -> list[str]:
    store = EmbeddedBackend(folder)
    await store.open()
    ids = [place.job_id for place in await left(store)]
    await store.close()
    return ids
