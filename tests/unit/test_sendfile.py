"""Files past this process's memory: all of their bytes, or a reader who is hung up on."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from support.waits import until
from unstill.server.sendfile import LEAST_BYTES, PIECE_BYTES, Outlet, ReaderGone

SIZE_BYTES = 5 * PIECE_BYTES + 17  # more than the kernel takes from a reader with a small window


@pytest.fixture
def file() -> Iterator[int]:
    with TemporaryFile() as opened:
        opened.write(os.urandom(SIZE_BYTES))
        opened.flush()
        yield opened.fileno()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end and the reader's, over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(listener.getsockname())
        reader.setblocking(False)
        ours, _ = listener.accept()
        with ours:
            yield ours, reader


async def taken(reader: socket.socket, most_bytes: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < most_bytes:
        piece = await loop.sock_recv(reader, most_bytes - len(data))
        if not piece:
            break
        data += piece
    return data


async def test_a_reader_gets_just_the_stretch(
    file: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, reader = pair
    with closing(Outlet(ours.fileno(), file)) as outlet:
        sending = asyncio.create_task(outlet.send(3, SIZE_BYTES - 7))
        data = await taken(reader, SIZE_BYTES - 7)
        await sending

    assert data == os.pread(file, SIZE_BYTES - 7, 3)


async def test_a_reader_that_takes_nothing_is_given_up(
    file: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    outlet = Outlet(pair[0].fileno(), file, least_within_s=0.05)
    with closing(outlet), pytest.raises(ReaderGone):
        await outlet.send(0, SIZE_BYTES)


@pytest.mark.parametrize(("rate", "goes_on"), [(LEAST_BYTES + 8192, True), (2048, False)])
async def test_a_reader_has_to_take_so_much_in_each_window(
    file: int, pair: tuple[socket.socket, socket.socket], rate: int, *, goes_on: bool
) -> None:
    ours, reader = pair
    with closing(Outlet(ours.fileno(), file, least_within_s=1.0)) as outlet:
        sending = asyncio.create_task(outlet.send(0, SIZE_BYTES))
        for _ in range(8):
            await taken(reader, rate)
            await asyncio.sleep(0.2)
        assert sending.done() is not goes_on
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_reader_that_hangs_up_is_gone(
    file: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, reader = pair
    with closing(Outlet(ours.fileno(), file)) as outlet:
        sending = asyncio.create_task(outlet.send(0, SIZE_BYTES))
        await taken(reader, 10_000)
        reader.close()

        with pytest.raises(ReaderGone):
            await sending


async def test_a_file_that_ends_too_early_is_told(
    file: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    outlet = Outlet(pair[0].fileno(), file)
    with closing(outlet), pytest.raises(EOFError):
        await outlet.send(SIZE_BYTES - 2, 3)


async def test_no_descriptor_is_left_after_a_cancelled_send(
    file: int, pair: tuple[socket.socket, socket.socket]
) -> None:
    before = open_files()
    outlet = Outlet(pair[0].fileno(), file)
    sending = asyncio.create_task(outlet.send(0, SIZE_BYTES))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    outlet.close()

    await until(lambda: open_files() == before)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
