"""The one way to talk to an upstream's HTTP API: what is sure about a call, and what is not.

    submit      one POST on a fresh connection, sent once. `NotSent` promises that no byte of it
                left; anything else that is no answer is `ReplyLost`.
    ask         polls, lists and cancels, in the account's pace, on kept connections
    fetch       the finished video, through the guarded fetcher

Nothing here is sent twice by itself, follows a redirect or logs a key or a body.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import httpcore2
import httpx2
import msgspec
import structlog

from unstill import USER_AGENT
from unstill.domain.call_counts import CallCounts
from unstill.domain.errors import BadSetting, FetchFailed, UpstreamError
from unstill.domain.redaction import plain
from unstill.net.addresses import FAKE_IP
from unstill.net.decompression import PackedOddly
from unstill.net.dial import OF_FAKE_IP, NotFound, NotPublic
from unstill.net.fetcher import Fetcher, LinkAnswered, LinkTooLarge, Own, origin_of
from unstill.net.least_pace import LeastPace
from unstill.system.tracing import note_status, outgoing
from unstill.upstreams.calls import NotSent, Params, ReplyLost, called
from unstill.upstreams.port import (
    Accepted,
    Doubt,
    NotThere,
    Prepared,
    Refused,
    Submission,
    TooLarge,
)
from unstill.upstreams.rate_limits import Pace
from unstill.upstreams.replies import Reply, said
from unstill.upstreams.video_answers import link_at

log = structlog.get_logger()

MOST_VIDEO_BYTES = 512 * 2**20  # 15 s at 1080p have some 50 MB
CONNECT_TIMEOUT_S = 10.0
SUBMIT_TIMEOUT_S = 55.0  # under the submitter's own minute, so that this one says what happened
ASK_TIMEOUT_S = 30.0
FETCH_TIMEOUT_S = 3600.0  # a slow line brings a video home too, at `FETCH_PACE` at least
FETCH_PACE = LeastPace()
UPLOAD_TIMEOUT_S = 120.0
ASKS_AT_ONCE = 16
MOST_LINKS = 8  # no more are tried for one video
PAUSE_S = 2.0  # after a 429 that does not say for how long
KEPT_CONNECTIONS_S = 4.0  # under the idle limits of common servers, 5 s and more

_NOT_PUBLIC = (
    "is not on the public internet, and this server's operator has to open its network by"
    " allow_networks"
)

Links = Sequence[str]  # to one video, in the order in which they are tried


class Trouble(UpstreamError):
    """The upstream could not say, now; `is_general` if others would hear the same."""

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, is_general: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.is_general = is_general


class Unreachable(Trouble):
    """Nobody was there to ask; `refusal` is what it means for a job that was to be sent there."""

    def __init__(self, error: NotSent) -> None:
        super().__init__(error.message, is_general=True)
        self.refusal = _unreached(error)


class DeadLink(UpstreamError):
    """A link to a finished video that has ended."""


class Upstream:
    """One upstream's API as one engine uses it."""

    def __init__(
        self,
        *,
        engine: str,
        base_url: str,
        api_key: str,
        key_scheme: str = "Bearer",
        pace: Pace,
        fetcher: Fetcher,
        tls: ssl.SSLContext | None = None,
        counts: CallCounts | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        key = f"{key_scheme} {checked_key(api_key, engine)}"
        headers = {"Authorization": key} if api_key else {}
        self._engine = engine
        self._counts = counts or CallCounts()
        self._pace = pace
        self._fetcher = fetcher
        address = httpx2.URL(self._base_url)
        self._own = Own(origin_of(address), headers)
        self._proxy = fetcher.proxy_to(address.host)
        self._tls = tls or httpcore2.default_ssl_context()
        # A kept connection may be closed by the other side just as a call leaves: a poll is asked
        # again, a submit would be in doubt.
        self._fresh = self._client(headers, SUBMIT_TIMEOUT_S, kept=0)
        self._kept = self._client(headers, ASK_TIMEOUT_S, kept=ASKS_AT_ONCE)

    async def submit(self, prepared: Prepared, judge: Callable[[Reply], Submission]) -> Submission:
        """The one call that may cost."""
        try:
            with outgoing("POST", self._kept.base_url.host) as span:
                reply = await called(
                    self._fresh,
                    "POST",
                    prepared.path or self._base_url,
                    timeout_s=SUBMIT_TIMEOUT_S,
                    headers=prepared.headers,
                    content=prepared.body,
                    through_proxy=self._proxy is not None,
                )
                note_status(span, reply.status)
        except NotSent as error:
            self._counts.unanswered(self._engine, is_sent=False)
            return _unreached(error)
        except ReplyLost as error:
            self._counts.unanswered(self._engine, is_sent=True)
            # What it names has been taken, whatever was to come after that.
            seen = None if error.part is None else judge(error.part)
            return seen if isinstance(seen, Accepted) else Doubt("reply_lost", error.message)
        self._counts.answered(self._engine, reply.status)
        return judge(reply)

    async def ask(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        body: object = None,
        form: tuple[bytes, str] | None = None,
    ) -> Reply:
        """A call that costs nothing, when the account's pace allows it; raises Trouble.

        body: sent as JSON; None: there is none.
        form: what is sent in its place, and its media type.
        """
        if body is not None:
            form = msgspec.json.encode(body), "application/json"
        await self._pace.turn()
        try:
            with outgoing(method, self._kept.base_url.host) as span:
                reply = await called(
                    self._kept,
                    method,
                    path or self._base_url,
                    timeout_s=ASK_TIMEOUT_S,
                    params=params,
                    headers=None if form is None else {"Content-Type": form[1]},
                    content=None if form is None else form[0],
                    through_proxy=self._proxy is not None,
                )
                note_status(span, reply.status)
        except NotSent as error:
            self._counts.unanswered(self._engine, is_sent=False)
            raise Unreachable(error) from error
        except ReplyLost as error:
            self._counts.unanswered(self._engine, is_sent=True)
            raise Trouble(error.message) from error
        self._counts.answered(self._engine, reply.status)
        if reply.status == 429:
            pause_s = PAUSE_S if reply.retry_after_s is None else reply.retry_after_s
            self._pace.hold(pause_s)
            raise Trouble("the upstream asks us to wait", retry_after_s=pause_s, is_general=True)
        return reply

    async def upload(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        """POST to an address that the upstream named, without the key; returns the status."""
        host_only = Own(self._own.origin)
        try:
            with outgoing("POST") as span:
                status = await self._fetcher.post(
                    url, content, headers=headers, timeout_s=UPLOAD_TIMEOUT_S, own=host_only
                )
                note_status(span, status)
                return status
        except FetchFailed as error:
            log.warning("upload_failed", engine=self._engine, why=error.reason)
            raise Trouble("a frame could not be uploaded to the upstream") from error

    async def fetch(self, links: Links, out: Path, refresh: Callable[[], Awaitable[Links]]) -> None:
        """Write the video at the first link that gives it to `out`.

        Where all of them are dead, `refresh` gives them anew, once.
        Raises Trouble where another try may help, NotThere or TooLarge. None names a host: what
        the fetcher said goes to the log.
        """
        try:
            await self._fetch_any(links, out)
        except DeadLink:
            log.info("link_refreshed", engine=self._engine)
        else:
            return
        try:
            await self._fetch_any(await refresh(), out)
        except DeadLink as error:
            raise NotThere(
                f"the upstream's link to the finished video has died ({error.message}), and it gave"
                " no living one"
            ) from error

    def link(self, path: str) -> str:
        """The address of something that lies at the upstream itself."""
        return f"{self._base_url}{path}"

    def named(self, url: str) -> Links:
        """The addresses that an answer may mean by a link, written as it is."""
        url = url.replace("&amp;", "&")
        if re.match("https?://", url, re.IGNORECASE):
            return (url,)
        if url.startswith("//"):
            return (f"{self._own.origin.partition('//')[0]}{url}",)
        path = f"/{url.removeprefix('/')}"
        here = tuple(dict.fromkeys((f"{self._own.origin}{path}", f"{self._base_url}{path}")))
        is_host = not url.startswith("/") and "." in url.partition("/")[0]
        return (f"https://{url}", *here) if is_host else here

    async def close(self) -> None:
        await self._fresh.aclose()
        await self._kept.aclose()

    async def _fetch_any(self, links: Links, out: Path) -> None:
        """Raises DeadLink if all are, else what is wrong with the first one that is not."""
        trouble: Trouble | NotThere | TooLarge | None = None
        dead = DeadLink("it named none")
        to_try = deque(links)
        for _ in range(MOST_LINKS):
            if not to_try:
                break
            try:
                with outgoing("GET"):
                    await self._fetch_once(to_try.popleft(), out)
                named = await asyncio.to_thread(link_at, out)
            except DeadLink as error:
                dead = error
            except (Trouble, NotThere, TooLarge) as error:
                trouble = trouble or error
            else:
                if named is None:
                    return
                to_try.extendleft(reversed(self.named(named)))
        raise trouble or dead

    async def _fetch_once(self, link: str, out: Path) -> None:
        try:
            await self._fetcher.fetch(
                link,
                out,
                max_bytes=MOST_VIDEO_BYTES,
                timeout_s=FETCH_TIMEOUT_S,
                own=self._own,
                pace=FETCH_PACE,
            )
        except LinkAnswered as error:
            log.warning("fetch_failed", engine=self._engine, why=error.reason)
            # Storage services answer 403 to a signature that is over, some 400.
            if 400 <= error.answer_status < 500 and error.answer_status not in {408, 425, 429}:
                raise DeadLink(error.reason) from error
            raise Trouble(f"the finished video's link {error.reason}") from error
        except LinkTooLarge as error:
            log.warning("fetch_failed", engine=self._engine, why=error.reason)
            raise TooLarge(f"the finished video {error.reason}, or has no end") from error
        except PackedOddly as error:
            log.warning("fetch_failed", engine=self._engine, why=error.reason)
            raise NotThere(f"the finished video's host {error.reason}") from error
        except (NotFound, NotPublic) as error:  # their reasons name the host
            log.warning("fetch_failed", engine=self._engine, why=error.reason)
            why = "is not found on the public internet"
            if isinstance(error, NotPublic):
                why = f"is at {FAKE_IP} here: {OF_FAKE_IP}" if error.is_fake else _NOT_PUBLIC
            raise Trouble(f"the finished video's host {why}") from error
        except FetchFailed as error:
            log.warning("fetch_failed", engine=self._engine, why=error.reason)
            why = plain(error.reason)
            raise Trouble(f"the finished video could not be fetched: its link {why}") from error

    def _client(
        self, headers: Mapping[str, str], timeout_s: float, *, kept: int
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self._base_url,
            headers={
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a small answer must not unpack into a large one
                **headers,
            },
            timeout=httpx2.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S, pool=None),
            limits=httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=kept,
                keepalive_expiry=KEPT_CONNECTIONS_S,
            ),
            verify=self._tls,
            proxy=self._proxy,
            # Neither a proxy nor a netrc of the environment: the settings say where and with what.
            trust_env=False,
        )


def _unreached(error: NotSent) -> Refused:
    return Refused("connection_failed", error.message, of_account=True, unreached=True)


def unanswered(reply: Reply) -> Trouble:
    """The trouble that an answer is which says nothing of what was asked."""
    words = said(reply.fields())
    said_words = " ".join(filter(None, (words.code, words.message)))
    return Trouble(f"the upstream answered {reply.head} {said_words}".strip())


def checked_key(api_key: str, engine: str) -> str:
    """Raises BadSetting, which does not show the key."""
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise BadSetting(f"engines.{engine}.api_key", "must be printable ASCII without spaces")
    return api_key
