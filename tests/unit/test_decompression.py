"""Bodies that come packed: what is unpacked and what is refused, and that no bomb is held."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable

import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.decompression import PIECE_BYTES, PackedOddly, unpacker

PICTURE = bytes(range(256)) * 400


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def unpacked(coding: str, chunks: Iterable[bytes]) -> bytes:
    unpack = unpacker(coding)
    assert unpack is not None
    data = b"".join(piece for chunk in chunks for piece in unpack.pieces(chunk))
    unpack.end()
    return data


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(PICTURE)),
        ("X-GZIP", gzip.compress(PICTURE)),
        ("identity, gzip", gzip.compress(PICTURE)),
        ("gzip", gzip.compress(PICTURE[:5000]) + gzip.compress(PICTURE[5000:])),
        ("gzip", gzip.compress(PICTURE) + bytes(64)),  # padding after the end
        ("deflate", zlib.compress(PICTURE)),
        ("deflate", bare(PICTURE)),
        ("gzip", PICTURE),  # the header alone says so
    ],
)
def test_a_packed_body_is_unpacked_however_it_is_cut(coding: str, packed: bytes, step: int) -> None:
    chunks = [packed[at : at + step] for at in range(0, len(packed), step)]

    assert unpacked(coding, chunks) == PICTURE


@pytest.mark.parametrize("coding", ["", "identity", "UTF-8", "aws-chunked"])
def test_what_is_not_packed_is_left_as_it_is(coding: str) -> None:
    assert unpacker(coding) is None


@pytest.mark.parametrize("coding", ["br", "zstd", "compress"])
def test_a_packing_that_is_not_read_is_named(coding: str) -> None:
    with pytest.raises(PackedOddly, match=f"compressed with {coding}, which was not asked for"):
        unpacker(coding)


def test_a_body_packed_twice_is_refused() -> None:
    with pytest.raises(PackedOddly, match="more than once"):
        unpacker("gzip, gzip")


def test_a_header_of_strange_letters_is_not_repeated() -> None:
    with pytest.raises(PackedOddly) as refused:
        unpacker("\x1b[2Jü")

    assert refused.value.reason.startswith("answered compressed with something,")


@pytest.mark.parametrize(
    ("coding", "packed", "said"),
    [
        ("gzip", gzip.compress(PICTURE)[:-9], "answered with gzip that is cut short"),
        ("deflate", zlib.compress(PICTURE)[:-3], "answered with deflate that is cut short"),
        ("gzip", b"\x1f\x8b\x08\x00garbage that is no gzip", "gzip that cannot be unpacked"),
        ("deflate", b"\x78\x9cgarbage", "answered with deflate that cannot be unpacked"),
        ("gzip", b"\x1f", "answered with gzip that cannot be unpacked"),
    ],
)
def test_a_broken_packing_is_said_to_be_broken(coding: str, packed: bytes, said: str) -> None:
    with pytest.raises(FetchFailed, match=said):
        unpacked(coding, [packed])


def test_a_body_of_no_bytes_is_empty_whatever_its_header_says() -> None:
    assert unpacked("gzip", []) == b""


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [("gzip", gzip.compress(bytes(64 * 2**20))), ("deflate", bare(bytes(64 * 2**20)))],
    ids=["gzip", "deflate"],
)
def test_a_bomb_comes_whole_and_in_small_pieces(coding: str, bomb: bytes) -> None:
    unpack = unpacker(coding)
    assert unpack is not None
    tracemalloc.start()

    sizes = [len(piece) for piece in unpack.pieces(bomb)]

    unpack.end()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) == 64 * 2**20
    assert max(sizes) <= PIECE_BYTES
    assert peak_bytes < 2**20
