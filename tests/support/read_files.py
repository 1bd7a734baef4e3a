"""The bytes of a stored file, read as the server sends them."""

from __future__ import annotations

import os

from unstill.files.port import Files, StoredFile, Stretch


async def bytes_of(stored: StoredFile) -> bytes:
    found = b""
    async with stored.opened() as file:
        while len(found) < stored.size_bytes:
            piece = await file.read(len(found), stored.size_bytes - len(found))
            if isinstance(piece, Stretch):
                piece = os.pread(piece.file, piece.size_bytes, piece.start)
            assert piece
            found += piece
    return found


async def bytes_in(files: Files, job_id: str, name: str) -> bytes | None:
    """None if no such file is stored."""
    stored = await files.find(job_id, name)
    return None if stored is None else await bytes_of(stored)


async def held(files: Files) -> list[str]:
    """The ids of all jobs that have files."""
    return sorted([folder.job_id async for some in files.folders() for folder in some])
