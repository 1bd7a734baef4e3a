"""The headers of a call, decoded when they are asked for: of a dozen sent, few are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar, overload

from unstill.domain.errors import BadField

_NEVER_TWICE = frozenset({b"host", b"transfer-encoding"})  # not the same twice either
_ONCE = (
    *sorted(_NEVER_TWICE),
    b"authorization",
    b"api-key",
    b"content-type",
    b"idempotency-key",
    b"origin",
    b"sec-fetch-site",
)
# RFC 9110, 7.2: a host as in a URL, with a port or without. Not its commas: some proxies join two.
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+;=-]*)(:\d{0,5})?")

Default = TypeVar("Default")


@lru_cache(64)
def _is_host(text: bytes) -> bool:
    return _HOST.fullmatch(text) is not None


class Headers(Mapping[str, str]):
    """Values by name in lower case, read as Latin-1; of one sent twice, the last."""

    __slots__ = ("_sent", "_values")

    def __init__(self, sent: Sequence[tuple[bytes, bytes]]) -> None:
        """`sent`: as ASGI has them, names in lower case."""
        self._sent = sent
        self._values = dict(sent)

    def check(self, http_version: str) -> None:
        """Refuse a head that a proxy may read otherwise than we do; raises BadField.

        Whoever stands before this server looks at one `Host`, one key and one length of the body;
        and what is no host in there would be one in the links of an answer.
        """
        values = self._values
        if b"host" not in values and http_version == "1.1":  # RFC 9112, 3.2
            raise BadField("Host", "sent, in HTTP/1.1", found="none")
        if len(values) != len(self._sent):
            self._check_once()
        if not _is_host(values.get(b"host", b"")):
            raise BadField("Host", "a host, with a port or without", self["host"])
        if b"transfer-encoding" in values:
            coding = self["transfer-encoding"].strip()
            if coding.lower() != "chunked":
                raise BadField("Transfer-Encoding", "chunked", coding)

    def _check_once(self) -> None:
        for name in _ONCE:
            found = [value for sent, value in self._sent if sent == name]
            if len(found) > 1 and (name in _NEVER_TWICE or len(set(found)) > 1):
                raise BadField(name.decode().title(), "sent once", found=f"{len(found)} of them")

    def has_any(self, names: frozenset[bytes]) -> bool:
        return not names.isdisjoint(self._values)

    def __getitem__(self, name: str) -> str:
        return self._values[name.encode("latin-1")].decode("latin-1")

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | Default) -> str | Default: ...

    def get(self, name: str, /, default: str | Default | None = None) -> str | Default | None:
        """Without the exception that Mapping's own makes of each header that is not there."""
        value = self._values.get(name.encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.encode("latin-1") in self._values

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._values)

    def __len__(self) -> int:
        return len(self._values)
