"""Request bodies: read within limits, and made into one shape whatever they came as.

A small one is read here; a large one by a child program, once its turn has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from unstill.domain.errors import BodyTooLarge
from unstill.server.body_limits import LARGE_BYTES, Admit, Gate, LargeBodies
from unstill.server.body_readers import Readers
from unstill.server.content_types import check_packing, kind_of, value_of
from unstill.server.fair_shares import Shares
from unstill.server.form import Form, MultipartForm
from unstill.server.server_limits import USUAL, ServerLimits

# Two 20 MiB pictures as base64 are 54 MiB (DashScope, media), and the rest is small.
MOST_BODY_BYTES = 64 * 1024**2
MIB = 1024**2
FORM_BYTES = 64 * 1024  # an upload's form has no more beside its file

PARSED_APART_BYTES = 256 * 1024  # from there on, in a thread
MOST_UNADMITTED_BYTES = (
    512 * 1024
)  # a form may have it ahead of its file and of what is read with that

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class ClientGone(Exception):
    """The caller hung up: nobody is there to answer."""


class Bodies:
    """Reads bodies; counts the bytes of all that are open, and refuses more than it may hold."""

    def __init__(
        self,
        *,
        readers: Readers | None = None,
        most_bytes: int = MOST_BODY_BYTES,
        most_open_bytes: int = USUAL.open_bodies_mib * MIB,
        limits: ServerLimits = USUAL,
    ) -> None:
        """`readers`: of large bodies; without them only a form that was admitted may be large.

        most_open_bytes: all that are being read at once have no more.
        limits: what one caller's have of these.
        """
        self.most_bytes = most_bytes
        self._readers = readers
        self._shares = Shares(most_open_bytes)
        self._turns = LargeBodies(at_once=limits.large_bodies)
        self._per_owner_bytes = limits.open_bodies_mib_per_owner * MIB
        self._per_address_bytes = limits.open_bodies_mib_per_address * MIB

    @classmethod
    def of_keys(cls, limits: ServerLimits, readers: Readers) -> Self:
        """For routes that ask for a key, or would if there were any."""
        return cls(readers=readers, most_open_bytes=limits.open_bodies_mib * MIB, limits=limits)

    @classmethod
    def of_strangers(cls, limits: ServerLimits, most_file_bytes: int) -> Self:
        """For open routes, which files of that size are sent to."""
        return cls(
            most_bytes=most_file_bytes + FORM_BYTES,
            most_open_bytes=limits.open_uploads_mib * MIB,
            limits=limits,
        )

    @property
    def open_bytes(self) -> int:
        return self._shares.taken

    def gate(
        self,
        caller: str,
        admit: Admit | None = None,
        *,
        is_owner: bool = False,
        most_bytes: int | None = None,
    ) -> Gate:
        """For one body of this caller: an owner, or an address where there is no key.

        `admit`: asked before a file of a form is taken; only such a form may be large then.
        most_bytes: of this one, where that is fewer.
        """
        most_bytes = self.most_bytes if most_bytes is None else most_bytes
        return Gate(
            self._shares,
            self._turns,
            caller=caller,
            most_bytes=most_bytes if admit is None else MOST_UNADMITTED_BYTES,
            most_of_caller=self._per_owner_bytes if is_owner else self._per_address_bytes,
            most_of_owner=self._per_owner_bytes,
            admit=admit,
        )

    async def read(
        self, headers: Mapping[str, str], receive: Receive, gate: Gate
    ) -> tuple[object, bool]:
        """The body's value and whether it was a form; of a large one, pictures are bytes.

        Raises BadBody, BodyTooLarge, UnsupportedBody, Overloaded, ClientGone; for a large one also
        BadField, EngineDied, StorageFull, StorageFailed.
        """
        _check_length(headers, gate.most_bytes if gate.admit is None else self.most_bytes)
        if "content-encoding" in headers:
            check_packing(headers["content-encoding"])
        content_type = headers.get("content-type", "")
        kind = kind_of(content_type)
        if kind == "multipart" and gate.admit is not None:
            return await self._admitted(content_type, receive, gate, gate.admit), True
        return await self._value(content_type, receive, gate), kind != "json"

    async def read_raw(self, headers: Mapping[str, str], receive: Receive, gate: Gate) -> bytes:
        """The body as it came, for what is signed.

        Raises BodyTooLarge, Overloaded, ClientGone.
        """
        _check_length(headers, gate.most_bytes)
        pieces, is_last = list[bytes](), False
        while not is_last:
            piece, is_last = await _piece(receive, gate)
            pieces.append(piece)
        return b"".join(pieces)

    async def _value(self, content_type: str, receive: Receive, gate: Gate) -> object:
        data, is_last = await _piece(receive, gate)
        if not is_last:
            pieces = [data]
            while not is_last and gate.taken_bytes <= LARGE_BYTES:
                piece, is_last = await _piece(receive, gate)
                pieces.append(piece)
            data = b"".join(pieces)
        if len(data) > LARGE_BYTES:
            return await self._value_of_large(content_type, data, receive, gate, is_whole=is_last)
        if len(data) < PARSED_APART_BYTES:
            return value_of(data, content_type)
        return await asyncio.to_thread(value_of, data, content_type)

    async def _value_of_large(
        self, content_type: str, data: bytes, receive: Receive, gate: Gate, *, is_whole: bool
    ) -> object:
        if self._readers is None:
            raise BodyTooLarge(LARGE_BYTES)
        async with self._readers.spool() as spool:
            await spool.add(data)
            while not is_whole:
                piece, is_whole = await _piece(receive, gate)
                await spool.add(piece)
            await gate.turn()
            return await self._readers.read(spool, content_type)

    async def _admitted(
        self, content_type: str, receive: Receive, gate: Gate, admit: Admit
    ) -> Form:
        """A form whose fields give leave for the file behind them."""

        def begins_file(fields: Form) -> None:
            gate.let_in(admit(fields), self.most_bytes)

        form = MultipartForm(content_type, begins_file=begins_file)
        is_last = False
        while not is_last:
            piece, is_last = await _piece(receive, gate)
            form.feed(piece)
        form.close()
        await gate.turn()
        return form.fields


def _check_length(headers: Mapping[str, str], most_bytes: int) -> None:
    """Refuse by its own word what is too large; raises BodyTooLarge."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > most_bytes:
        raise BodyTooLarge(most_bytes)


async def _piece(receive: Receive, gate: Gate) -> tuple[bytes, bool]:
    """The next piece of a body, counted, and whether it is the last; raises ClientGone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    piece: bytes = message.get("body", b"")
    gate.take(len(piece))
    return piece, not message.get("more_body", False)
