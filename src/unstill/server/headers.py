"""The headers of a call, decoded when they are asked for: of a dozen sent, few are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, overload

Default = TypeVar("Default")


class Headers(Mapping[str, str]):
    """Values by name in lower case, read as Latin-1; of one sent twice, the last."""

    __slots__ = ("_values",)

    def __init__(self, sent: Iterable[tuple[bytes, bytes]]) -> None:
        """`sent`: as ASGI has them, names in lower case."""
        self._values = dict(sent)

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
