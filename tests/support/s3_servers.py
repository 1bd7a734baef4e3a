"""Storages that speak S3 for tests: SeaweedFS, and moto beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks.real_servers import ProgramMissing
from benchmarks.s3_server import S3Server, program_beside, seaweed_in

from support.free_ports import free_port

__all__ = ["S3Server", "moto", "seaweed"]


def seaweed(folder: Path) -> S3Server:
    """Skips where its program lacks, never in CI."""
    try:
        return seaweed_in(folder)
    except ProgramMissing as missing:
        return _skip(missing)


def moto(folder: Path) -> S3Server:
    """Moto's server: objects in memory, and no look at who asks. Skips as `seaweed` does."""
    port = free_port()
    try:
        program = program_beside("moto_server", "moto[server]")
    except ProgramMissing as missing:
        return _skip(missing)
    command = [program, "-H", "127.0.0.1", "-p", str(port)]
    return S3Server(command, port, folder / "moto.log")


def _skip(missing: ProgramMissing) -> S3Server:
    assert not os.environ.get("CI"), str(missing)
    pytest.skip(str(missing))
