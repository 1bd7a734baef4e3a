"""Files past this process's memory, on a guarded connection."""

from __future__ import annotations

from support.guarded_connection import ENDING, connected, heard_to_the_end
from support.waits import until


async def test_a_file_comes_between_the_head_and_what_is_written_after_it() -> None:
    async with connected() as line:
        await line.send(b"GET /file HTTP/1.1\r\nhost: x\r\n\r\n" + ENDING)
        answers = await heard_to_the_end(line)

    head, _, rest = answers.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert rest[: 10 * 2**19] == b"0123456789" * 2**19
    assert rest[10 * 2**19 :].startswith(b".HTTP/1.1 200 ")


async def test_a_file_whose_reader_hangs_up_ends_the_connection() -> None:
    async with connected() as line:
        await line.send(b"GET /file HTTP/1.1\r\nhost: x\r\n\r\n")
        await line.hear()
        line.hang_up()

        await until(lambda: not line.protocol.server_state.connections)
