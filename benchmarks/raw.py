"""The limits: the least that a server must do for the same answers, on the same uvicorn.

    python -m benchmarks.raw (poll | submit) FOLDER

Plain ASGI functions without routes, models, dialects or guards against slow callers. `poll` checks
the key, reads the same row by its id and answers the same bytes; `submit` reads the JSON and
stores it with the same group commit.

That is less than a real server may do: no answer has the headers that name its request and its
engine, no error has an answer, a body has no bound, a row is read only as far as the answer shows
it, and of a request nothing is checked but its key and its JSON.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
import time
from base64 import urlsafe_b64encode
from operator import itemgetter
from pathlib import Path

import apsw
import msgspec
import uvloop
from benchmarks.bare import answer, listen, serve, url_of
from starlette.types import Receive, Scope, Send

from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, VideoRequest
from unstill.files.signed_links import LIFETIME_S, STEP_S
from unstill.store import job_rows
from unstill.store.embedded import rows
from unstill.store.embedded.link_secrets import load_secrets
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms

KEY, OWNER = "sk-benchmark", "team-a"
OWNERS = {hashlib.sha256(KEY.encode()).digest(): OWNER}

_encode = msgspec.json.Encoder().encode


class Output(msgspec.Struct, omit_defaults=True):
    task_id: str
    task_status: str
    submit_time: int
    progress: int
    urls: list[str] | None = None
    finish_time: int | None = None


class Usage(msgspec.Struct, omit_defaults=True):
    duration: int | None = None


class Status(msgspec.Struct):
    output: Output
    usage: Usage
    request_id: str


class Video(msgspec.Struct, omit_defaults=True):
    id: str
    object: str
    status: str
    created_at: int
    model: str
    prompt: str
    size: str
    seconds: str
    progress: int
    completed_at: int | None = None


class Size(msgspec.Struct):
    width: int
    height: int


class Asked(msgspec.Struct):
    """The two fields of a stored request that an answer shows."""

    prompt: str
    duration_s: int


_usage_of = msgspec.json.Decoder(dict[str, int]).decode
_size_of = msgspec.json.Decoder(Size).decode
_asked_of = msgspec.json.Decoder(Asked).decode

_PLACES = [
    job_rows.COLUMNS.index(name)
    for name in ("owner", "state", "created_ms", "ended_ms", "model", "request", "size", "usage")
]
_of_row = itemgetter(*_PLACES)


def owner_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return OWNERS[hashlib.sha256(value[7:]).digest()]
    raise KeyError


class Poll:
    """Both status polls over a store of finished and waiting jobs."""

    def __init__(self, folder: Path, url: str) -> None:
        self._answers = StatusAnswers(load_secrets(folder)[0], url)
        connection = apsw.Connection(str(folder / "unstill.sqlite3"))
        connection.pragma("query_only", value=True)
        self._find = connection.cursor().execute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        if scope["path"] == "/v1/tasks/status":
            job_id = scope["query_string"][8:].decode()
            row = self._find(rows.FIND, (job_id,)).fetchall()[0]
            await answer(send, self._answers.status(scope, job_id, row))
        else:
            job_id = scope["path"][11:]
            row = self._find(rows.FIND, (job_id,)).fetchall()[0]
            await answer(send, self._answers.video(scope, job_id, row))


class StatusAnswers:
    """What both polls answer of a row, whatever it was read from."""

    def __init__(self, secret: bytes, url: str) -> None:
        """`secret`: of links."""
        self._url = url
        self._secret = secret

    def status(self, scope: Scope, job_id: str, row: job_rows.Row) -> bytes:
        owner, state, created_ms, ended_ms, _, _, _, usage = _of_row(row)
        if owner != owner_of(scope):
            raise KeyError
        output = Output(job_id, "Pending", created_ms // 1000, 0)
        seconds = None
        if state == "succeeded":
            seconds = _usage_of(usage)["duration_s"]
            urls, finish_time = [self._link(job_id)], ended_ms // 1000
            output = Output(job_id, "Success", created_ms // 1000, 100, urls, finish_time)
        return _encode(Status(output, Usage(seconds), os.urandom(16).hex()))

    def _link(self, job_id: str) -> str:
        expires_s = -(-(int(time.time()) + LIFETIME_S) // STEP_S) * STEP_S
        signed = hmac.digest(self._secret, f"{job_id}\nvideo\n{expires_s}".encode(), "sha256")
        signature = urlsafe_b64encode(signed).rstrip(b"=").decode()
        path = f"/files/{job_id}/video.mp4"
        return f"{self._url}{path}?expires={expires_s}&signature={signature}"

    def video(self, scope: Scope, job_id: str, row: job_rows.Row) -> bytes:
        owner, state, created_ms, ended_ms, model, request, size, _ = _of_row(row)
        if owner != owner_of(scope):
            raise KeyError
        asked, pixels = _asked_of(request), _size_of(size)
        is_done = state == "succeeded"
        return _encode(
            Video(
                job_id,
                "video",
                "SUCCESS" if is_done else "QUEUED",
                created_ms // 1000,
                model,
                asked.prompt,
                f"{pixels.width}x{pixels.height}",
                str(asked.duration_s),
                100 if is_done else 0,
                ended_ms // 1000 if is_done else None,
            )
        )


class Input(msgspec.Struct):
    first_frame_url: str
    prompt: str


class Parameters(msgspec.Struct):
    resolution: str
    duration: int


class Body(msgspec.Struct):
    model: str
    input: Input
    parameters: Parameters


class SubmitOutput(msgspec.Struct):
    task_id: str


class Submitted(msgspec.Struct):
    output: SubmitOutput
    request_id: str


_body_of = msgspec.json.Decoder(Body).decode


class Submit:
    """The tasks dialect's submit of one known shape, answered after the commit."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._backend = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = owner_of(scope)
        body = _body_of(await _all(receive))
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
        await self._backend.jobs.add(job)
        submitted = Submitted(SubmitOutput(job.id), os.urandom(16).hex())
        await answer(send, _encode(submitted))


async def _all(receive: Receive) -> bytes:
    message = await receive()
    data: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        data += message["body"]
    return data


async def main(kind: str, folder: Path) -> None:
    listener = listen()
    if kind == "poll":
        await serve(Poll(folder, url_of(listener)), listener)
        return
    store = EmbeddedStore(folder)
    await store.open()
    await serve(Submit(store), listener)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
