"""What is asked of jobs: submit, status, lists, cancel and delete, in whatever dialect."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import quote

import msgspec
import structlog

from unstill.dialects.call import JobView
from unstill.dialects.port import (
    Cancels,
    Deletes,
    Dialect,
    GivesAdvice,
    KnowsUnknown,
    ListFilter,
    ListsByCursor,
    ListsByOffset,
    TakesUploads,
    able,
)
from unstill.domain.access_errors import OverLimit
from unstill.domain.errors import NoSuchJob
from unstill.domain.job import Job
from unstill.domain.log_fields import job_facts, job_fields
from unstill.domain.owner import Owner
from unstill.domain.redaction import plain
from unstill.domain.stall import Stall
from unstill.progress.board import Board
from unstill.progress.estimate import Estimates
from unstill.server.api_keys import Keys
from unstill.server.exchange import Answer, Exchange, header_text, json_answer
from unstill.server.idempotency_headers import sending_of
from unstill.server.long_poll import WaitingCaller, WaitLimits, unless_gone, wait_s_of
from unstill.server.server_limits import ServerLimits
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service
from unstill.service.paces import Requests
from unstill.service.uploads import Uploading
from unstill.system.tracing import open_span

log = structlog.get_logger()

_MOST_IGNORED = 20  # names in one answer and one line of the log
_MOST_NAME_CHARS = 80
# A list in a header is cut. Proxies take 4 KiB for the whole head of an answer, and make a 502 of a
# longer one: nginx, proxy_buffer_size.
_MOST_LIST_BYTES = 1024
_NAME_CHARS = "[].-_ "  # as they are in a list of names, beside letters and digits
_PROSE = "".join(mark for mark in map(chr, range(0x20, 0x7F)) if mark not in ",%")


class JobVerbs:
    """The verbs that are about jobs."""

    def __init__(
        self,
        *,
        service: Service,
        uploading: Uploading,
        downloads: Downloads,
        estimates: Estimates,
        board: Board,
        keys: Keys,
        requests: Requests,
        dialects: Sequence[Dialect],
        limits: ServerLimits,
        public_url: str,
    ) -> None:
        """`public_url`: begins the links in answers; empty: the caller's own scheme and host."""
        self._service = service
        self._uploading = uploading
        self._downloads = downloads
        self._estimates = estimates
        self._board = board
        self._keys = keys
        self._requests = requests
        self._wait_limits = WaitLimits(limits.waiting_per_address, limits.waiting_per_owner)
        self._public_url = public_url
        self._uploaders = able(dialects, TakesUploads)
        self._advisers = able(dialects, GivesAdvice)

    async def submit(self, exchange: Exchange[Dialect]) -> Answer:
        dialect = exchange.dialect
        create_call = dialect.parse(exchange.call)
        uploader = self._uploaders.get(dialect)
        if uploader is not None:
            create_call = await self._uploading.with_uploads(
                create_call, uploader.upload_prefix, exchange.owner
            )
        submitted = await self._service.submit(
            create_call,
            owner=exchange.owner,
            models=exchange.caller.models,
            dialect=dialect.name,
            words=dialect.words(exchange.call),
            retry=sending_of(exchange.call.headers),
            request_id=exchange.call.request_id,
            key_id=exchange.caller.key_id,
            trace=open_span().context,
        )
        open_span().note(job_facts(submitted.job))
        view = self._view(submitted.job, exchange)
        headers = self._job_headers(submitted.job, exchange, view.stall)
        if submitted.ignored:
            names = [name[:_MOST_NAME_CHARS] for name in submitted.ignored[:_MOST_IGNORED]]
            headers += ((b"x-unstill-ignored", _listed(names, safe=_NAME_CHARS)),)
            view = msgspec.structs.replace(view, ignored=names)
            logged = [plain(name) for name in names]  # some callers' bodies have keys as names
            about = job_fields(submitted.job)
            log.info("fields_ignored", **about, dialect=dialect.name, fields=logged)
        return json_answer(dialect.submitted(submitted.job, view), headers)

    async def status(self, exchange: Exchange[Dialect]) -> Answer:
        job_id = exchange.dialect.job_id(exchange.call)
        if "wait" in exchange.call.query:
            return await self._changed_status(job_id, exchange)
        return self._told(await self._service.find(job_id, exchange.owner), exchange)

    async def _changed_status(self, job_id: str, exchange: Exchange[Dialect]) -> Answer:
        """The status once it differs from what it is now; as it is, where the wait ends first."""
        ends_s = time.monotonic() + wait_s_of(exchange.call.query)
        caller = exchange.caller
        try:
            self._wait_limits.check(self._board, exchange.address, caller.owner)
        except OverLimit:
            # A poll of a job that is there is not refused: it is one that does not wait.
            return self._told(await self._service.find(job_id, caller.owner), exchange)
        with self._board.waiter(
            job_id, exchange.address, owner=caller.owner, key_id=caller.key_id
        ) as waiter:
            job = await self._service.find(job_id, exchange.owner)
            answer = self._told(job, exchange)
            if job.state.is_final:
                return answer
            shown = answer.body
            del job, answer  # each of thousands that sleep would keep its own
            with WaitingCaller(exchange.receive, waiter):
                while not waiter.is_over and (left_s := ends_s - time.monotonic()) > 0:
                    await waiter.woken(within_s=left_s)
                    self._keys.check(exchange.caller)
                    answer = self._told(await self._service.find(job_id, exchange.owner), exchange)
                    if answer.body != shown:
                        return answer
                    del answer
            return self._told(await self._service.find(job_id, exchange.owner), exchange)

    def _told(self, job: Job, exchange: Exchange[Dialect]) -> Answer:
        view = self._view(job, exchange)
        return json_answer(
            exchange.dialect.status(job, view), self._job_headers(job, exchange, view.stall)
        )

    async def status_of_any(self, exchange: Exchange[KnowsUnknown]) -> Answer:
        """A status that is told of unknown jobs too."""
        try:
            return await self.status(exchange)
        except NoSuchJob:
            self._requests.count(exchange.caller.party)
            return json_answer(exchange.dialect.unknown(exchange.call))

    async def list_by_cursor(self, exchange: Exchange[ListsByCursor]) -> Answer:
        dialect = exchange.dialect
        paging = dialect.paging(exchange.call)
        reading = self._service.page(
            exchange.owner,
            limit=paging.limit,
            after=paging.after,
            newest_first=paging.newest_first,
        )
        page = await unless_gone(exchange.receive, reading)
        jobs = [(job, self._view(job, exchange)) for job in page.jobs]
        return json_answer(dialect.listed(jobs, has_more=page.has_more))

    async def list_by_offset(self, exchange: Exchange[ListsByOffset]) -> Answer:
        dialect = exchange.dialect
        wanted = dialect.wanted(exchange.call)
        if wanted.job_id is not None:
            jobs, total = await self._named(wanted.job_id, wanted, exchange.owner)
        else:
            reading = self._service.list_by_offset(
                exchange.owner,
                window_ms=wanted.window_ms,
                states=wanted.states,
                model=wanted.model,
                offset=(wanted.page_no - 1) * wanted.page_size,
                limit=wanted.page_size,
            )
            page = await unless_gone(exchange.receive, reading)
            jobs, total = page.jobs, page.total
        return json_answer(dialect.list_by_offset(exchange.call, wanted, jobs, total=total))

    async def _named(
        self, job_id: str, wanted: ListFilter, owner: Owner
    ) -> tuple[tuple[Job, ...], int]:
        """The one job of a list that names it, whenever it was made, or none."""
        try:
            job = await self._service.find(job_id, owner)
        except NoSuchJob:
            return (), 0
        if not wanted.takes(job):
            return (), 0
        return (job,) if wanted.page_no == 1 else (), 1

    async def cancel(self, exchange: Exchange[Cancels]) -> Answer:
        dialect = exchange.dialect
        await self._service.cancel(dialect.job_id(exchange.call), exchange.owner)
        return json_answer(dialect.cancelled(exchange.call))

    async def delete(self, exchange: Exchange[Deletes]) -> Answer:
        dialect = exchange.dialect
        job = await self._service.delete(dialect.job_id(exchange.call), exchange.owner)
        return json_answer(dialect.deleted(job))

    def _view(self, job: Job, exchange: Exchange[Dialect]) -> JobView:
        link = self._downloads.link(job) if exchange.dialect.shows_link else None
        url = None
        if link is not None:
            url = (self._public_url or exchange.own_url) + link
        return JobView(
            exchange.call,
            url,
            self._estimates.progress(job),
            self._estimates.stall(job),
            video_until_ms=self._downloads.until_ms(job),
        )

    def _job_headers(
        self, job: Job, exchange: Exchange[Dialect], stall: Stall | None
    ) -> tuple[tuple[bytes, bytes], ...]:
        engine = (b"x-unstill-engine", header_text(self._service.made_by(job)))
        if job.state.is_final:
            return (engine, *_unheard(job))
        headers = [engine]
        estimate = self._estimates.estimate(job)
        if estimate.queue_position is not None:
            headers.append((b"x-unstill-queue-position", b"%d" % estimate.queue_position))
        if estimate.expected_end_ms is not None:
            end_s = -(-estimate.expected_end_ms // 1000)  # not a moment too early
            headers.append((b"x-unstill-expected-end", b"%d" % end_s))
        if stall is not None:
            since_s = stall.since_ms // 1000
            headers.append((b"x-unstill-waiting", f"{stall.code}; since={since_s}".encode()))
        adviser = self._advisers.get(exchange.dialect)
        if adviser is not None and adviser.takes_advice(job, exchange.call):
            poll_after_ms = self._estimates.poll_after_ms(job, estimate)
            headers.append((b"openai-poll-after-ms", b"%d" % poll_after_ms))
        return tuple(headers)


def _unheard(job: Job) -> tuple[tuple[bytes, bytes], ...]:
    """The pieces of the prompt that had no effect."""
    return ((b"x-unstill-unheard", _listed(job.unheard, safe=_PROSE)),) if job.unheard else ()


def _listed(items: Sequence[str], *, safe: str) -> bytes:
    """The first of a caller's own words, safe in a header; a comma stands between two, in none."""
    listed = b""
    for item in items:
        more = (b", " if listed else b"") + quote(item, safe=safe).encode()
        if len(listed) + len(more) > _MOST_LIST_BYTES:
            break
        listed += more
    return listed
