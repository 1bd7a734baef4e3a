"""Why no connection came about, in words that are fit for callers. Pure."""

from __future__ import annotations

import re
import ssl

import httpcore2

from unstill.domain.errors import FetchFailed
from unstill.domain.redaction import plain

# RFC 9110 and 6585: those that a later try may not get; 52x are Cloudflare's, of a host behind it
PASSING = frozenset((408, 425, 429, 500, 502, 503, 504, *range(520, 525)))

_NO_PROXY = "could not be asked for: this server's own proxy could not be connected to"
_STATUS = re.compile(r"\d{3}(?=\s|$)")


def not_connected(error: Exception, *, by_proxy: bool) -> FetchFailed:
    """What an error of connecting means; `by_proxy` if it was a proxy that was dialled."""
    match error.__cause__:
        case ssl.SSLCertVerificationError(verify_message=message):
            return FetchFailed(f"has a certificate that cannot be trusted: {message}")
        case ssl.SSLError():
            return FetchFailed("could not be connected to securely", is_passing=True)
        case _ if by_proxy:  # TLS is spoken with the host behind it alone
            return no_proxy()
        case _:
            # Where nobody listens, nobody will in a second.
            is_passing = not _was_refused(error)
            return FetchFailed("could not be connected to", is_passing=is_passing)


def no_proxy() -> FetchFailed:
    """It is not the host that is away: a proxy that is started anew is back in a moment."""
    return FetchFailed(_NO_PROXY, is_passing=True)


def refused_by_proxy(said: str) -> FetchFailed:
    """`said`: the status and the words that the proxy answered."""
    status = _STATUS.match(said)
    is_passing = status is not None and int(status[0]) in PASSING
    return FetchFailed(f"was refused by the proxy: {plain(said)}", is_passing=is_passing)


def check_proxy_answer(answer: httpcore2.Response) -> None:
    """Raises FetchFailed for a 407: it is always the proxy's own, and nothing was passed on."""
    if answer.status == 407:
        phrase = answer.extensions.get("reason_phrase", b"").decode("latin-1")
        raise refused_by_proxy(f"407 {phrase}".strip())


def _was_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False
