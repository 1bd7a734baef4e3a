"""What of a caller's pictures this server refuses at once: before there is a job, in the answer.

What a name leads to and what a picture shows is found out later, in a lane.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, ip_address

import msgspec

from unstill.domain.errors import BadImage, FetchFailed
from unstill.media.picture_formats import FORMATS, Format, format_of
from unstill.media.picture_limits import check_readable
from unstill.net.addresses import IPAddress, IPNetwork, is_allowed
from unstill.net.fetcher import checked_url
from unstill.service.pictures import IncomingFrame

LOOPBACK = IPv4Address("127.0.0.1")  # RFC 6761, 6.3: localhost and all below it
MEND = (
    "send the picture itself, as a data URL or an upload,"
    " or have the server's operator name its network in allow_networks"
)
# Nearly every picture's address: a plain name that ends in letters. Its form is right
# and it is no address in figures; to read it as any URL was a tenth of a submit, in a
# profile of 2026-11-28.
_ADDRESS = re.compile(
    r"https?://([a-z0-9.-]{1,253})(?:[/?#][A-Za-z0-9._~/?#&=+,;:@!*()-]{0,4000})?"
)
_PLAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}(?!localhost$)[a-z]{2,24}")


@lru_cache(512)
def _is_plain(host: str) -> bool:
    return "xn--" not in host and _PLAIN.fullmatch(host) is not None


class Admission(msgspec.Struct, frozen=True):
    """The formats that are decoded here, and the networks that may be dialled."""

    formats: Collection[Format] = FORMATS
    allow_networks: tuple[IPNetwork, ...] = ()

    def check(self, taken: IncomingFrame) -> None:
        """Raises BadImage, in the caller's name of the picture."""
        if taken.frame.url is not None:
            self._check_address(taken.frame.url, taken.frame.param)
        elif taken.data is not None and (name := format_of(taken.data)) is not None:
            check_readable(name, self.formats, taken.frame.param)

    def _check_address(self, text: str, param: str) -> None:
        """The URL's form, and where it leads if that can be told without asking anybody."""
        address = _ADDRESS.fullmatch(text)
        if address is not None and _is_plain(address[1]):
            return
        try:
            host = checked_url(text).raw_host.decode("ascii")
        except FetchFailed as error:
            raise BadImage(param, error.reason) from error
        figures = _in_figures(host)
        if figures is not None and not is_allowed(figures, self.allow_networks):
            raise BadImage(param, f"the address {host} is not on the public internet: {MEND}")


def _in_figures(host: str) -> IPAddress | None:
    labels = host.lower().rstrip(".").split(".")
    if labels[-1] == "localhost":
        return LOOPBACK
    try:
        return ip_address(host)
    except ValueError:
        return None
