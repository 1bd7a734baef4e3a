"""The limits on PostgreSQL: the least that a server must do there, on the same uvicorn.

    python -m benchmarks.raw_postgres (poll | submit) URL

As raw.py has them, with a pool of asyncpg of the product's own size: `poll` reads the same row by
its id; `submit` stores the row and its entry in PgQueuer's queue in one transaction, as PgQueuer's
own documents do it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import asyncpg
import msgspec
import uvloop
from benchmarks.bare import answer, listen, serve, url_of
from benchmarks.raw import Input, Parameters, StatusAnswers, SubmitOutput, Submitted, owner_of
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries
from starlette.types import Receive, Scope, Send

from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, VideoRequest
from unstill.store import job_rows
from unstill.store.postgres import rows
from unstill.store.postgres.database import MOST_CONNECTIONS
from unstill.system.clock import clock_ms

QUEUE = DBSettings(prefix="raw_")
_encode = msgspec.json.Encoder().encode
_NAMES = f"INSERT INTO jobs ({job_rows.NAMES}) VALUES ({rows.places(1, len(job_rows.COLUMNS))})"  # noqa: S608


class Body(msgspec.Struct):
    model: str
    input: Input
    parameters: Parameters


_body_of = msgspec.json.Decoder(Body).decode


class PostgresPoll:
    """Both status polls over a store of finished and waiting jobs."""

    def __init__(self, pool: asyncpg.Pool[Any], answers: StatusAnswers) -> None:
        self._pool = pool
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        is_status = scope["path"] == "/v1/tasks/status"
        job_id = scope["query_string"][8:].decode() if is_status else scope["path"][11:]
        async with self._pool.acquire() as connection:
            row = tuple(await connection.fetchrow(rows.FIND, job_id))
        of = self._answers.status if is_status else self._answers.video
        await answer(send, of(scope, job_id, row))


class PostgresSubmit:
    """The tasks dialect's submit of one known shape, answered after the commit."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = owner_of(scope)
        body = _body_of((await receive())["body"])
        request = VideoRequest(
            model=body.model,
            prompt=body.input.prompt,
            first_frame=Frame("first", "input.first_frame_url", url=body.input.first_frame_url),
            duration_s=body.parameters.duration,
            frame_rate=16,
            seed=1,
        )
        now_ms = clock_ms()
        job = Job(
            new_id(now_ms), Owner(owner), "tasks", "unified", body.model, request, "camera", now_ms
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_NAMES, *job_rows.row_of(job))
            await queries(connection).enqueue("frames", job.id.encode(), dedupe_key=job.id)
        submitted = Submitted(SubmitOutput(job.id), os.urandom(16).hex())
        await answer(send, _encode(submitted))


def queries(connection: Any) -> Queries:
    made = Queries.from_asyncpg_connection(connection)
    made.qbe, made.qbq = QueryBuilderEnvironment(QUEUE), QueryQueueBuilder(QUEUE)
    return made


async def install(url: str) -> None:
    """PgQueuer's own tables, beside the product's."""
    connection = await asyncpg.connect(url)
    await queries(connection).install()
    await connection.close()


async def main(kind: str, url: str) -> None:
    listener = listen()
    pool = await asyncpg.create_pool(url, min_size=MOST_CONNECTIONS, max_size=MOST_CONNECTIONS)
    if kind == "poll":
        secret = bytes.fromhex(await pool.fetchval("SELECT secret FROM link_secrets"))
        await serve(PostgresPoll(pool, StatusAnswers(secret, url_of(listener))), listener)
    else:
        await serve(PostgresSubmit(pool), listener)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
