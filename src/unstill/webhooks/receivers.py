"""Who is told of a job's end: the address that its caller gave, or the operator's for its owner.

A caller's address is guarded like every address that somebody else chose. The operator's own are
reached wherever they are, and are looked up when they are used: a receiver that has moved is told
of earlier jobs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

import httpx2

from unstill.domain.delivery import MOST_URL_CHARS, Delivery
from unstill.domain.errors import BadField, BadSetting, FetchFailed
from unstill.domain.owner import Owner
from unstill.domain.request import GivenValue
from unstill.net.addresses import IPNetwork, is_allowed
from unstill.net.fetcher import Own, checked_url, origin_of

_ALLOWED = f"an http or https URL of at most {MOST_URL_CHARS} characters"
_OFF = "absent: this server sends no webhooks until its operator sets UNSTILL_WEBHOOK_SECRET"


class Address(NamedTuple):
    url: str
    own: Own | None  # set where the operator named it


class Receivers:
    """Addresses for events, as callers and the operator give them."""

    def __init__(
        self,
        owners: Mapping[Owner, str],
        *,
        has_secret: bool,
        allow_networks: Iterable[IPNetwork] = (),
    ) -> None:
        """`owners`: the operator's addresses, by owner. Raises BadSetting for one that is none."""
        self._owners = {owner: _operators(owner, url) for owner, url in owners.items()}
        self._has_secret = has_secret
        self._allow_networks = tuple(allow_networks)

    def receiver_of(self, given: GivenValue | None, owner: Owner) -> str | None:
        """What a new job keeps: the caller's address, "" for the operator's, None for neither.

        Raises BadField.
        """
        if given is None:
            return "" if owner in self._owners else None
        if not self._has_secret:
            raise BadField(given.param, _OFF, given.value)
        if not isinstance(given.value, str) or len(given.value) > MOST_URL_CHARS:
            raise BadField(given.param, _ALLOWED, given.value)
        try:
            url = checked_url(given.value)
        except FetchFailed as error:
            raise BadField(given.param, f"{_ALLOWED} ({error.reason})", given.value) from error
        if not self._may_be_dialled(url):
            raise BadField(given.param, "an address on the public internet", given.value)
        return str(url)

    def address(self, delivery: Delivery) -> Address | None:
        """Where a delivery goes now; None if the operator has no address for its owner any more."""
        if delivery.url:
            return Address(delivery.url, None)
        return self._owners.get(delivery.owner)

    def _may_be_dialled(self, url: httpx2.URL) -> bool:
        """Whether an address in figures is allowed; what a name leads to is seen when dialled."""
        try:
            address = ip_address(url.raw_host.decode("ascii"))
        except ValueError:
            return True
        return is_allowed(address, self._allow_networks)


def _operators(owner: Owner, text: str) -> Address:
    try:
        url = checked_url(text)
    except FetchFailed as error:
        raise BadSetting(f"webhooks.{owner}", f"must be a URL: {error.reason}") from error
    return Address(str(url), Own(origin_of(url)))
