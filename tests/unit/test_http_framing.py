"""How much of what was read the parser is given at once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.server.http_framing import (
    FREE_CHUNKS,
    MEAN_CHUNK_BYTES,
    MOST_CHUNK_LINE_BYTES,
    MOST_HEAD_BYTES,
    MOST_HEADERS,
    ChunksTooSmall,
    Framing,
    HeadTooLarge,
    is_one_request,
)

CHUNKED = [(b"transfer-encoding", b"chunked")]
NEXT = b"GET / HTTP/1.1\r\n\r\n"


def in_body(*headers: tuple[bytes, bytes]) -> Framing:
    framing = Framing()
    framing.begin_body(headers)
    return framing


def taken(framing: Framing, reads: list[bytes], size: int) -> bytes:
    """What is given to the parser of these reads, up to `size` bytes and not into the next."""
    fed = b""
    for read in reads:
        start = 0
        while start < len(read) and len(fed) < size:
            end = framing.end_of_piece(read, start)
            assert end > start
            fed += read[start:end]
            start = end
    return fed


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(at)]


MESSAGES = [
    ((), b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    (((b"content-length", b"7"),), b"\r\n\r\n\r\nx"),
    (CHUNKED, b"3\r\nabc\r\n10;a=b\r\n\r\n\r\n0\r\n\r\n12345678\r\n0\r\n\r\n"),
    (CHUNKED, b"4\r\n\r\n\r\n\r\n000;x=y\r\na: b\r\nc: d\r\n\r\n"),
]


@pytest.mark.parametrize(("headers", "message"), MESSAGES)
@given(places=st.lists(st.integers(min_value=0), max_size=8))
def test_a_message_ends_where_the_next_begins_however_it_is_read(
    headers: list[tuple[bytes, bytes]], message: bytes, places: list[int]
) -> None:
    framing = in_body(*headers) if headers else Framing()

    assert taken(framing, cut(message + NEXT, places), len(message)) == message


@pytest.mark.parametrize("more", [0, 1])
def test_a_head_may_have_so_many_headers_and_not_one_more(more: int) -> None:
    head = b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (MOST_HEADERS + more) + b"\r\n"

    assert is_let_in(Framing(), head) is (more == 0)


@pytest.mark.parametrize("more", [0, 1])
def test_a_head_may_have_so_many_bytes_and_not_one_more(more: int) -> None:
    rest = MOST_HEAD_BYTES + more - len(b"GET / HTTP/1.1\r\na: \r\n\r\n")
    head = b"GET / HTTP/1.1\r\na: " + b"x" * rest + b"\r\n\r\n"

    assert is_let_in(Framing(), head) is (more == 0)


@pytest.mark.parametrize("more", [0, 1])
def test_a_head_that_has_no_end_is_let_in_so_far_and_not_a_byte_more(more: int) -> None:
    framing = Framing()
    framing.end_of_piece(b"a" * (MOST_HEAD_BYTES - 1), 0)

    assert is_let_in(framing, b"a" * (1 + more)) is (more == 0)


def test_empty_lines_before_a_request_count_as_its_head() -> None:
    assert not is_let_in(Framing(), b"\r\n" * (MOST_HEADERS + 3))


@pytest.mark.parametrize("more", [0, 1])
def test_trailers_are_as_few_as_headers(more: int) -> None:
    trailers = b"0\r\n" + b"a:\r\n" * (MOST_HEADERS + 1 + more) + b"\r\n"

    assert is_let_in(in_body(*CHUNKED), trailers) is (more == 0)


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_chunks_may_be_of_a_byte_and_not_one_more(more: int) -> None:
    # The first that is paid for needs as many bytes as all have together.
    chunks = b"1\r\nx\r\n" * (FREE_CHUNKS + MEAN_CHUNK_BYTES + more)
    paid = FREE_CHUNKS + FREE_CHUNKS // (MEAN_CHUNK_BYTES - 1)
    chunks = b"1\r\nx\r\n" * (paid + more)

    assert is_let_in(in_body(*CHUNKED), chunks) is (more == 0)


def test_chunks_of_the_least_mean_size_go_on_for_ever() -> None:
    chunk = b"%x\r\n%s\r\n" % (MEAN_CHUNK_BYTES, b"x" * MEAN_CHUNK_BYTES)

    assert is_let_in(in_body(*CHUNKED), chunk * 20_000)


def test_smaller_chunks_do_not_go_on_for_ever() -> None:
    size = MEAN_CHUNK_BYTES - 1

    assert not is_let_in(in_body(*CHUNKED), (b"%x\r\n%s\r\n" % (size, b"x" * size)) * 40_000)


def test_a_large_chunk_pays_for_no_more_than_its_bytes() -> None:
    large = b"%x\r\n%s\r\n" % (10_000, b"x" * 10_000)

    assert is_let_in(in_body(*CHUNKED), large + b"1\r\nx\r\n" * FREE_CHUNKS)
    assert not is_let_in(in_body(*CHUNKED), large + b"1\r\nx\r\n" * FREE_CHUNKS * 2)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_extensions_of_a_chunk_have_an_end(step: int) -> None:
    line = b"1;" + b"x" * (MOST_CHUNK_LINE_BYTES - 4) + b"\r\n"
    long = b"1;" + b"x" * MOST_CHUNK_LINE_BYTES + b"\r\n"

    assert is_let_in(in_body(*CHUNKED), line, step=step)
    assert not is_let_in(in_body(*CHUNKED), long, step=step)


def is_let_in(framing: Framing, data: bytes, *, step: int = 2**18) -> bool:
    try:
        for begin in range(0, len(data), step):
            read, start = data[begin : begin + step], 0
            while start < len(read):
                start = framing.end_of_piece(read, start)
    except (HeadTooLarge, ChunksTooSmall):
        return False
    return True


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        (HEAD + b"\r\n", True),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", True),
        (HEAD + b"content-length:3\r\n\r\nabc", True),
        (HEAD + b"content-length: 4\r\n\r\nabc", False),  # its end is still to come
        (HEAD + b"content-length: 3\r\n\r\nabcG", False),  # the next one has begun
        (HEAD + b"content-length: 0\r\n\r\n" + NEXT, False),
        (HEAD + b"x-content-length: 3\r\n\r\nabc", False),
        (HEAD + b"x: y\r\n content-length: 3\r\n\r\nabc", False),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (HEAD + b"content-length: 3", False),
        (b"", False),
    ],
)
def test_one_whole_request_and_nothing_behind_it_is_told(data: bytes, *, is_one: bool) -> None:
    assert is_one_request(data) is is_one


def test_a_head_above_the_limits_is_no_request_that_is_fed_at_once() -> None:
    def of(headers: int) -> bytes:
        return b"GET / HTTP/1.1\r\n" + b"a:\r\n" * headers + b"\r\n"

    def of_bytes(size: int) -> bytes:
        return b"GET /" + b"a" * (size - len(b"GET / HTTP/1.1\r\n\r\n")) + b" HTTP/1.1\r\n\r\n"

    assert is_one_request(of(MOST_HEADERS))
    assert not is_one_request(of(MOST_HEADERS + 1))
    assert is_one_request(of_bytes(MOST_HEAD_BYTES))
    assert not is_one_request(of_bytes(MOST_HEAD_BYTES + 1))
