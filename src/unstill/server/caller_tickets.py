"""Tickets: what a browser sends in place of a key where it can send no header.

`img`, `video`, `EventSource` and a plain download take an address alone. A ticket in it lets in
whom its key lets in, on the routes that take one, for some minutes and never longer than the key
itself. It names a key and a moment, and is signed: no server has to keep it, and all servers of
one store know it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from unstill.domain.caller import KEYLESS, Caller
from unstill.domain.errors import BadKey
from unstill.server.api_keys import Keys, digest_in, given_in

LEAST_S = 600  # a ticket is good for as long, and at most a step more
STEP_S = 300  # a key's ticket changes as often, so that a browser knows what it has loaded by it

_AGAIN = "POST /v1/tickets gives one for a key"


class CallerTicket(msgspec.Struct, frozen=True):
    """Both are null while the server asks for no key: addresses need nothing then."""

    ticket: str | None
    expires_ms: int | None


class CallerTickets:
    """Signs with the first secret of links, believes all of them."""

    def __init__(self, keys: Keys, wall_ms: Callable[[], int]) -> None:
        """`wall_ms`: the time that keys expire by."""
        self._keys = keys
        self._wall_ms = wall_ms
        self._keyed: Sequence[hmac.HMAC] = ()
        self._of_settings: Mapping[str, Caller] = {}

    def take(self, link_secrets: Sequence[bytes]) -> None:
        """Go by these from now on."""
        # Secrets of their own, made of those of links: what is signed there says nothing here.
        own = [hmac.digest(secret, b"tickets", "sha256") for secret in link_secrets]
        self._keyed = [hmac.new(secret, digestmod="sha256") for secret in own]
        self._of_settings = {
            _name(keyed, digest): caller
            for keyed in self._keyed
            for digest, caller in self._keys.configured.items()
        }

    def issue(self, caller: Caller, headers: Mapping[str, str]) -> CallerTicket:
        """The ticket of who calls with the key in these headers."""
        if caller is KEYLESS:
            return CallerTicket(None, None)
        keyed = self._keyed[0]
        # A key of the settings has no id. Its name shows to nobody whether a guess of it is right.
        name = caller.key_id or _name(keyed, digest_in(given_in(headers)))
        expires_s = -(-(self._wall_ms() // 1000 + LEAST_S) // STEP_S) * STEP_S
        ticket = f"{name}.{expires_s}.{_signature(keyed, name, str(expires_s))}"
        return CallerTicket(ticket, expires_s * 1000)

    def caller(self, ticket: str, address: str) -> Caller:
        """Who sends a call with that ticket from that address, as one who asks as a user.

        Raises BadKey.
        """
        if self._keys.is_keyless:
            return KEYLESS
        name, _, rest = ticket.partition(".")
        expires, _, given = rest.partition(".")
        sent = given.encode(errors="replace")
        matches = [
            hmac.compare_digest(_signature(keyed, name, expires).encode(), sent)
            for keyed in self._keyed
        ]
        if not any(matches):
            raise BadKey(f"this ticket is not one of this server's; {_AGAIN}")
        # Signed by us, so it is a number.
        if self._wall_ms() >= int(expires) * 1000:
            over = datetime.fromtimestamp(int(expires), UTC)
            raise BadKey(f"this ticket expired at {over:%Y-%m-%dT%H:%M:%SZ}; {_AGAIN}")
        found = self._of_settings.get(name) or self._keys.user_of(name)
        if found is None:
            raise BadKey("this ticket's API key was revoked, has expired or was replaced")
        return self._keys.let_in(found, address)


def _name(keyed: hmac.HMAC, digest: bytes) -> str:
    """What a key of the settings is called, by its hash."""
    return _signed(keyed, b"key\n" + digest)[:22]


def _signature(keyed: hmac.HMAC, name: str, expires: str) -> str:
    return _signed(keyed, f"ticket\n{name}\n{expires}".encode(errors="replace"))


def _signed(keyed: hmac.HMAC, message: bytes) -> str:
    signed = keyed.copy()
    signed.update(message)
    return urlsafe_b64encode(signed.digest()).rstrip(b"=").decode()


SHOWN = CallerTicket(
    "key_0f1e2d3c4b5a.1795177200.p0sJ2qpd8x0oYTC0Zc8mZg0Vb2S3yX5uQ4wq9nJt1aE", 1_795_177_200_000
)
