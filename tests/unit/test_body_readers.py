"""Large bodies, read by a real child: the same values and refusals, and little of it here."""

from __future__ import annotations

import asyncio
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from unstill.domain.errors import BadBody, BadField, BadImage, StorageFailed
from unstill.server.body import Bodies, ClientGone, Receive
from unstill.server.body_limits import LARGE_BYTES
from unstill.server.body_readers import BODIES, Readers
from unstill.server.content_types import value_of
from unstill.server.large_body import MOST_REST_BYTES
from unstill.server.server_limits import LARGE_AT_ONCE

JSON = "application/json"
FORM = "multipart/form-data; boundary=cut"
URLENCODED = "application/x-www-form-urlencoded"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x0f\xbe\xef~picture" * (LARGE_BYTES // 10)
TEXT = "data:image/png;base64," + b64encode(PNG).decode()
PIECE_BYTES = 256 * 1024


@pytest.fixture
async def readers(tmp_path: Path) -> AsyncIterator[Readers]:
    readers = Readers(tmp_path)
    yield readers
    await readers.close()


def receiving(data: bytes, *, is_whole: bool = True) -> Receive:
    places = iter(range(0, len(data), PIECE_BYTES))

    async def receive() -> dict[str, Any]:
        place = next(places, None)
        if place is None:
            return {"type": "http.request" if is_whole else "http.disconnect"}
        piece = data[place : place + PIECE_BYTES]
        return {"type": "http.request", "body": piece, "more_body": True}

    return receive


async def read(bodies: Bodies, content_type: str, data: bytes) -> object:
    assert len(data) > LARGE_BYTES
    with bodies.gate("a") as gate:
        value, is_form = await bodies.read({"content-type": content_type}, receiving(data), gate)
    assert is_form == (content_type in {FORM, URLENCODED})
    return value


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


async def test_a_large_body_is_what_a_small_one_is_whatever_it_came_as(readers: Readers) -> None:
    bodies = Bodies(readers=readers)
    numbers = {"n": [0, -1, 2.5, 1e22, 2**70, True, None], "é\0": "猫\ud7ff\U0001f408"}
    sent = {"model": "m", "input": {"media": [{"type": "first_frame", "url": TEXT}]}, **numbers}
    json = msgspec.json.encode(sent)
    sent["input"] = {"media": [{"type": "first_frame", "url": PNG}]}

    assert await read(bodies, JSON, json) == sent
    assert await read(bodies, "", json.replace(b"/", rb"\/").replace(b"m", rb"\u006d")) == sent
    assert await read(bodies, f"{JSON}; charset=utf-16", json.decode().encode("utf-16")) == sent

    pairs = {"prompt": "a cat", "input[media][][type]": "first_frame", "input[media][][url]": TEXT}
    form = {"prompt": "a cat", "input": sent["input"]}
    fields = b"".join(part(name, value.encode()) for name, value in pairs.items())
    assert await read(bodies, FORM, fields + b"--cut--\r\n") == form
    assert await read(bodies, URLENCODED, urlencode(pairs).encode()) == form
    file = part("image", PNG, '; filename="cat.png"') + part("last", b"", '; filename="empty"')
    assert await read(bodies, FORM, file + b"--cut--\r\n") == {"image": PNG, "last": b""}
    assert bodies.open_bytes == 0


REFUSED = [
    (JSON, b'{"a": "' + TEXT.encode() + b'", "b": NaN}'),
    (JSON, b'{"a": "' + TEXT.encode() + b'", b: "c"}'),
    (JSON, b'{"a": "' + TEXT.encode() + b'\\x"}'),
    (JSON, b'{"a": "' + TEXT.encode() + b'\n"}'),
    (JSON, b'{"a": "' + TEXT.encode() + b'\xff"}'),
    (JSON, b'{"a": "' + TEXT.encode()),
    (JSON, b"[" * 2 * LARGE_BYTES),
    (JSON, b"[" + b"1," * LARGE_BYTES + b"1]"),
    (JSON, b"model=m&image=" + TEXT.encode()),
    (FORM, part("a", TEXT.encode())),
    (FORM, b'{"a": "' + TEXT.encode() + b'"}'),
    (URLENCODED, b"a=%ff" + TEXT.encode()),
    (URLENCODED, b"%41" * LARGE_BYTES),
]


async def test_a_large_body_is_refused_in_the_words_of_a_small_one(readers: Readers) -> None:
    for content_type, data in REFUSED:
        with pytest.raises(BadBody) as plain:
            value_of(data, content_type)
        with pytest.raises(BadBody) as refused:
            await read(Bodies(readers=readers), content_type, data)

        assert refused.value.message == plain.value.message
        assert type(refused.value) is type(plain.value)


async def test_what_is_large_beside_the_pictures_is_refused(readers: Readers) -> None:
    bodies = Bodies(readers=readers)
    rest = ["x" * 999] * (MOST_REST_BYTES // 1002)
    rest[0] += "x" * (MOST_REST_BYTES - len(msgspec.json.encode([None, rest])))
    assert await read(bodies, JSON, msgspec.json.encode([TEXT, rest])) == [PNG, rest]

    rest[0] += "x"
    with pytest.raises(BadBody, match="has 1048577 bytes beside its pictures, at most 1048576"):
        await read(bodies, JSON, msgspec.json.encode([TEXT, rest]))
    with pytest.raises(BadField, match=r"^model must be a picture, or a text of at most") as field:
        await read(bodies, JSON, b'{"model": "' + b"x!" * LARGE_BYTES + b'"}')
    assert (field.value.code, field.value.param) == ("invalid_parameter", "model")
    with pytest.raises(BadImage, match=r"^model: the file must be at most 20 MiB, got 42\.9 MiB$"):
        await read(bodies, JSON, b'{"model": "' + b"a" * 60 * 10**6 + b'"}')


async def test_a_large_body_takes_little_memory_of_this_process_while_it_comes(
    readers: Readers,
) -> None:
    data = b'{"a": "' + b64encode(PNG * 15) + b'"}'
    assert len(data) > 20 * LARGE_BYTES
    tracemalloc.start()
    async with readers.spool() as spool:
        before, _ = tracemalloc.get_traced_memory()
        for start in range(0, len(data), PIECE_BYTES):
            await spool.add(data[start : start + PIECE_BYTES])
        _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most - before < 5 * LARGE_BYTES  # two pieces that are written out, and bytes that grew


async def test_large_bodies_are_read_and_answered_a_few_at_a_time(readers: Readers) -> None:
    bodies = Bodies(readers=readers)
    data = msgspec.json.encode(TEXT)
    with ExitStack() as gates:
        reads = [
            asyncio.create_task(bodies.read({}, receiving(data), gates.enter_context(gate)))
            for gate in (bodies.gate(str(n)) for n in range(LARGE_AT_ONCE))
        ]
        await asyncio.gather(*reads)
        with bodies.gate("next") as gate:
            following = asyncio.create_task(bodies.read({}, receiving(data), gate))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(following), 0.2)
            with bodies.gate("small") as small:
                assert await bodies.read({}, receiving(b'"small"'), small) == ("small", False)
            gates.close()  # they are answered

            assert await asyncio.wait_for(following, 30) == (PNG, False)


async def test_nothing_of_a_body_is_left_whatever_becomes_of_it(
    readers: Readers, tmp_path: Path
) -> None:
    bodies = Bodies(readers=readers)
    data = msgspec.json.encode(TEXT)
    with bodies.gate("a") as gate, pytest.raises(ClientGone):
        await bodies.read({}, receiving(data, is_whole=False), gate)
    with bodies.gate("a") as gate:
        is_stored = asyncio.Event()
        receive = receiving(data)

        async def receive_so_far() -> Mapping[str, Any]:
            if list((tmp_path / BODIES).iterdir()):
                is_stored.set()
                await asyncio.Event().wait()
            return await receive()

        reading = asyncio.create_task(bodies.read({}, receive_so_far, gate))
        await asyncio.wait_for(is_stored.wait(), 30)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert list((tmp_path / BODIES).iterdir()) == []

    (tmp_path / BODIES / "left").write_bytes(b"by a server that was killed")
    await readers.startup()
    assert not (tmp_path / BODIES).exists()
    assert await read(bodies, JSON, data) == PNG
    assert list((tmp_path / BODIES).iterdir()) == []


async def test_a_large_body_that_cannot_be_stored_is_refused(
    readers: Readers, tmp_path: Path
) -> None:
    (tmp_path / BODIES).write_bytes(b"no folder")

    with pytest.raises(StorageFailed):
        await read(Bodies(readers=readers), JSON, msgspec.json.encode(TEXT))
