"""What a video lies in, by its first bytes. Pure, standard library only."""

from __future__ import annotations

from typing import Literal

Container = Literal["matroska", "mpegts", "avi", "flv"]  # as ffmpeg calls them; WebM is the first

ENOUGH_BYTES = 512
_TS_PACKET = 188  # ISO 13818-1, 2.4.3.2: each begins with 0x47


def container_of(head: bytes) -> Container | None:
    """What is known beside mp4; None for that and for all else."""
    if head.startswith(b"\x1aE\xdf\xa3"):  # RFC 8794, 11.2: the EBML header
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head[:1] == b"G" == head[_TS_PACKET : _TS_PACKET + 1]:
        return "mpegts"
    return None
