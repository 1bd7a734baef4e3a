"""What is asked of jobs: submit, status, lists, cancel and delete, in whatever dialect."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec
import structlog

from unstill.backend.port import Slice
from unstill.board import Board
from unstill.dialects.dashscope import STORED, DashScope
from unstill.dialects.dashscope_wanted import Wanted
from unstill.dialects.route import Look
from unstill.dialects.route import Verb as VerbName
from unstill.dialects.videos import Videos
from unstill.downloads import Downloads
from unstill.errors import NoSuchJob
from unstill.job import Job
from unstill.outlook import Outlook
from unstill.quoting import plain
from unstill.server.asking import Answer, Asking, Verb, json_answer
from unstill.server.sending import sending_of
from unstill.server.waiting import Presence, unless_gone, wait_s_of
from unstill.service import Service
from unstill.stalls import Stall
from unstill.uploading import Uploading

log = structlog.get_logger()

_MOST_IGNORED = 20  # names in one answer and one line of the log
_MOST_NAME_CHARS = 80


class JobVerbs:
    """The verbs that are about jobs."""

    def __init__(
        self,
        *,
        service: Service,
        uploading: Uploading,
        downloads: Downloads,
        outlook: Outlook,
        board: Board,
        public_url: str,
    ) -> None:
        """`public_url`: begins the links in answers; empty: the caller's own scheme and host."""
        self._service = service
        self._uploading = uploading
        self._downloads = downloads
        self._outlook = outlook
        self._board = board
        self._public_url = public_url
        self.by_name: Mapping[VerbName, Verb] = {
            "submit": self._submit,
            "status": self._status,
            "query": self._query,
            "list": self._list,
            "numbered": self._numbered,
            "cancel": self._cancel,
            "delete": self._delete,
        }

    async def _submit(self, asking: Asking) -> Answer:
        dialect = asking.dialect
        asked = dialect.parse(asking.call)
        if isinstance(dialect, DashScope):
            asked = await self._uploading.with_uploads(asked, STORED, asking.owner)
        submitted = await self._service.submit(
            asked,
            owner=asking.owner,
            dialect=dialect.name,
            words=dialect.words(asking.call),
            sending=sending_of(asking.call.headers),
            request_id=asking.call.request_id,
        )
        look = self._look(submitted.job, asking)
        headers = self._job_headers(submitted.job, asking, look.stall)
        if submitted.ignored:
            names = [name[:_MOST_NAME_CHARS] for name in submitted.ignored[:_MOST_IGNORED]]
            headers += ((b"x-unstill-ignored", _listed(names)),)
            look = msgspec.structs.replace(look, ignored=names)
            logged = [plain(name) for name in names]  # some callers' bodies have keys as names
            log.info("fields_ignored", job_id=submitted.job.id, dialect=dialect.name, fields=logged)
        return json_answer(dialect.submitted(submitted.job, look), headers)

    async def _status(self, asking: Asking) -> Answer:
        job_id = asking.dialect.job_id(asking.call)
        if "wait" in asking.call.query:
            return await self._changed_status(job_id, asking)
        return self._told(await self._service.find(job_id, asking.owner), asking)

    async def _changed_status(self, job_id: str, asking: Asking) -> Answer:
        """The status once it differs from what it is now; as it is, where the wait ends first."""
        ends_s = time.monotonic() + wait_s_of(asking.call.query)
        with self._board.waiter(job_id, asking.address) as waiter:
            job = await self._service.find(job_id, asking.owner)
            answer = self._told(job, asking)
            if job.state.is_final:
                return answer
            shown = answer.body
            del job, answer  # of thousands that sleep, each would keep its own
            with Presence(asking.receive, waiter):
                while not waiter.is_over and (left_s := ends_s - time.monotonic()) > 0:
                    await waiter.woken(within_s=left_s)
                    answer = self._told(await self._service.find(job_id, asking.owner), asking)
                    if answer.body != shown:
                        return answer
                    del answer
            return self._told(await self._service.find(job_id, asking.owner), asking)

    def _told(self, job: Job, asking: Asking) -> Answer:
        look = self._look(job, asking)
        return json_answer(
            asking.dialect.status(job, look), self._job_headers(job, asking, look.stall)
        )

    async def _query(self, asking: Asking) -> Answer:
        """A status that is told of unknown jobs too."""
        try:
            return await self._status(asking)
        except NoSuchJob:
            return json_answer(asking.dashscope.unknown(asking.call))

    async def _list(self, asking: Asking) -> Answer:
        dialect = asking.videos
        paging = dialect.paging(asking.call)
        reading = self._service.page(
            asking.owner,
            limit=paging.limit,
            after=paging.after,
            newest_first=paging.newest_first,
        )
        page = await unless_gone(asking.receive, reading)
        videos = [dialect.status(job, self._look(job, asking)) for job in page.jobs]
        return json_answer(dialect.listed(videos, has_more=page.has_more))

    async def _numbered(self, asking: Asking) -> Answer:
        dialect = asking.dashscope
        wanted = dialect.wanted(asking.call)
        if wanted.task_id is not None:
            found = await self._found(wanted.task_id, wanted, asking.owner)
        else:
            reading = self._service.slice(
                asking.owner,
                window_ms=wanted.window_ms,
                states=wanted.states,
                model=wanted.model,
                offset=(wanted.page_no - 1) * wanted.page_size,
                limit=wanted.page_size,
            )
            found = await unless_gone(asking.receive, reading)
        return json_answer(dialect.numbered(asking.call, wanted, found.jobs, total=found.total))

    async def _found(self, job_id: str, wanted: Wanted, owner: str) -> Slice:
        """The one job of a list that names it, whenever it was made, or none."""
        try:
            job = await self._service.find(job_id, owner)
        except NoSuchJob:
            return Slice((), 0)
        if not wanted.takes(job):
            return Slice((), 0)
        return Slice((job,) if wanted.page_no == 1 else (), 1)

    async def _cancel(self, asking: Asking) -> Answer:
        dialect = asking.dashscope
        await self._service.cancel(dialect.job_id(asking.call), asking.owner)
        return json_answer(dialect.cancelled(asking.call))

    async def _delete(self, asking: Asking) -> Answer:
        dialect = asking.videos
        job = await self._service.delete(dialect.job_id(asking.call), asking.owner)
        return json_answer(dialect.deleted(job))

    def _look(self, job: Job, asking: Asking) -> Look:
        link = self._downloads.link(job) if asking.dialect.shows_link else None
        url = None
        if link is not None:
            url = (self._public_url or asking.own_url) + link
        return Look(asking.call, url, self._outlook.progress(job), self._outlook.stall(job))

    def _job_headers(
        self, job: Job, asking: Asking, stall: Stall | None
    ) -> tuple[tuple[bytes, bytes], ...]:
        engine = (b"x-unstill-engine", job.engine.encode())
        if job.state.is_final:
            return (engine,)
        headers = [engine]
        prospect = self._outlook.prospect(job)
        if prospect.queue_position is not None:
            headers.append((b"x-unstill-queue-position", b"%d" % prospect.queue_position))
        if prospect.expected_end_ms is not None:
            end_s = -(-prospect.expected_end_ms // 1000)  # not a moment too early
            headers.append((b"x-unstill-expected-end", b"%d" % end_s))
        if stall is not None:
            since_s = stall.since_ms // 1000
            headers.append((b"x-unstill-waiting", f"{stall.code}; since={since_s}".encode()))
        dialect = asking.dialect
        # A part of OpenAI's protocol, and of no other.
        if isinstance(dialect, Videos) and dialect.takes_advice(job, asking.call):
            headers.append((b"openai-poll-after-ms", b"%d" % self._outlook.poll_after_ms(job)))
        return tuple(headers)


def _listed(names: Sequence[str]) -> bytes:
    """Field names as a caller wrote them, safe in a header."""
    return ", ".join(quote(name, safe="[].-_ ") for name in names).encode()
