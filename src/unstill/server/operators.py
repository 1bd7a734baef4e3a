"""Who may ask what operators may: who shows an admin key, or sits at the machine of a server that
asks for none.

Such a server is asked by everybody whom a proxy in front of it lets in, and by every page that its
own users look at; none of them is an operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from unstill.domain.access_errors import AdminOnly
from unstill.domain.caller import KEYLESS, Caller
from unstill.server.cors import is_foreign_page, is_own
from unstill.server.proxies import FORWARDED, address_in

BY_KEY = "keys of scope admin"

_OF_PROXIES = frozenset(name.decode() for name in FORWARDED)


def check_operator(
    caller: Caller, headers: Mapping[str, str], address: str, *, who: str = BY_KEY
) -> None:
    """Raises AdminOnly. `address`: where the caller is; `who`: whom this is for, in a refusal."""
    if not caller.is_admin:
        raise AdminOnly(f"this is for {who}")
    if caller is KEYLESS and not _is_beside(headers, address):
        raise AdminOnly(
            f"this is for {who}, or while there is no key for callers on this machine itself, "
            "without a proxy and not from another's page; make one: "
            "unstill keys create OWNER --scope admin"
        )


def _is_beside(headers: Mapping[str, str], address: str) -> bool:
    """Whether a call comes from this machine, and through no proxy that says that it is one."""
    host, known = headers.get("host", ""), address_in(address.partition("%")[0])
    is_here = known != "" and ip_address(known).is_loopback and is_own(host, frozenset())
    came_through = any(name in headers for name in _OF_PROXIES)
    return is_here and not came_through and not is_foreign_page(headers, host)
