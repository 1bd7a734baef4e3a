"""What works on this machine: each finding is tried, not guessed from a version."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import ssl
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import apsw

from unstill.backend.belonging import look
from unstill.backend.holds import held_in
from unstill.doctor_network import network_findings, running_findings
from unstill.doctor_upstreams import (
    Place,
    nowhere,
    route_findings,
    upstream_findings,
    webhook_findings,
)
from unstill.engines.camera import Camera
from unstill.engines.port import Scene
from unstill.errors import EngineDied, OperatorError, UnstillError
from unstill.finding import Finding
from unstill.folders import JOBS
from unstill.machine import Confinement, address_space_limit, check_address_space
from unstill.media import Media
from unstill.media.facts import VideoCheck
from unstill.request import Frame, Size, VideoRequest
from unstill.settings import Settings

LEAST_FREE_BYTES = 1024**3  # some hundred videos
_TRIAL_SIZE = Size(320, 192)
_TRIAL_S = 1


def examine(settings: Settings, place: Place = nowhere) -> Iterator[Finding]:
    """Try everything that a server with these settings needs; `place` says where one stands."""
    yield Finding(
        "python",
        sys.version_info >= (3, 11),
        sys.version.split()[0],
        "install Python 3.11 or newer",
    )
    yield Finding("sqlite", True, f"{apsw.sqlite_lib_version()}, unstill's own")
    yield _folder(Path(settings.server.data_dir))
    yield from store_findings(Path(settings.server.data_dir))
    yield _certificates()
    yield from _engine()
    yield Finding(
        "heic pictures",
        importlib.util.find_spec("pillow_heif") is not None,
        "the pictures of iPhones",
        "pip install pillow-heif",
        is_needed=False,
    )
    yield _keys(settings)
    yield from webhook_findings(settings, place)
    routes = list(route_findings(settings, place))
    yield from routes
    if all(finding.is_well or not finding.is_needed for finding in routes):
        yield from upstream_findings(settings, place)
    yield from network_findings(settings, os.environ)
    yield from running_findings(settings)


def _folder(path: Path) -> Finding:
    holder = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=holder):
            free_bytes = shutil.disk_usage(holder).free
    except OSError as error:
        detail = f"{path}, {holder} cannot be written to: {error.strerror}"
        return Finding("data folder", False, detail, "make it writable, or set another --data-dir")
    detail = f"{path}, {free_bytes / 1e9:.1f} GB free"
    mend = "free some space, or set --data-dir to another disk"
    return Finding("data folder", free_bytes >= LEAST_FREE_BYTES, detail, mend)


def store_findings(data_dir: Path) -> Iterator[Finding]:
    """Would a start take the folder's job store, does it know the folder's jobs, are some held?"""
    what = "job store"
    try:
        found = look(data_dir)
    except OperatorError as error:
        mend = "the server does not start before that is mended"
        yield Finding(what, False, error.message, mend)
        return
    if found is None:
        yield Finding(what, True, "none yet: the first start makes it")
        return
    if found.unknown:
        unknown = f"folders in {data_dir / JOBS} that are of none: {found.unknown}"
        mend = "they stay: move away by hand what nobody misses"
        yield Finding(what, False, f"jobs: {found.jobs}; {unknown}", mend, is_needed=False)
    else:
        yield Finding(what, True, f"jobs: {found.jobs}")
    if held := len(held_in(data_dir)):
        detail = f"they may have been sent and paid for before the store was recovered: {held}"
        yield Finding("held jobs", False, detail, "unstill jobs release", is_needed=False)


def _certificates() -> Finding:
    count = ssl.create_default_context().cert_store_stats()["x509_ca"]
    return Finding(
        "certificates",
        count > 0,
        f"{count} authorities, for pictures behind https",
        "install your system's CA certificates (Debian: apt-get install ca-certificates)",
        is_needed=False,
    )


def _keys(settings: Settings) -> Finding:
    owners = sorted(set(settings.api_keys.values()))
    detail = f"{len(owners)} owners" if owners else "none: any caller on this machine is let in"
    mend = 'export UNSTILL_API_KEYS="team-a:sk-...", needed beyond loopback'
    return Finding("api keys", bool(owners), detail, mend, is_needed=False)


def _engine() -> Iterator[Finding]:
    """Render one second, and check it, as a job would be; how its children are confined."""
    try:
        check_address_space(address_space_limit())
    except OperatorError as error:
        yield Finding("child programs", False, error.message)
        return
    try:
        with tempfile.TemporaryDirectory(prefix="unstill-doctor-") as folder:
            detail, confinement = asyncio.run(_trial(Path(folder)))
    except (UnstillError, OSError) as error:
        mend = "install it anew, in its folder: pip install --force-reinstall -c constraints.txt ."
        yield Finding("camera engine", False, str(error), mend)
        return
    yield Finding("camera engine", True, detail)
    yield confinement_finding(confinement)


def confinement_finding(confinement: Confinement) -> Finding:
    """What the programs that open strangers' files cannot do."""
    has = {
        "no key in their environment": True,
        "no new privileges": confinement.no_new_privileges,
        "no network": confinement.no_network,
        "a limit on memory": confinement.address_space_bytes is not None,
    }
    lacks = [what for what, is_so in has.items() if not is_so]
    detail = ", ".join(what for what, is_so in has.items() if is_so)
    if lacks:
        detail += f"; not here: {', '.join(lacks)}"
    mend = "on Linux, as root or where users may make namespaces (kernel.unprivileged_userns_clone)"
    return Finding("child programs", not lacks, detail, mend, is_needed=False)


async def _trial(folder: Path) -> tuple[str, Confinement]:
    photo, video = folder / "first-frame", folder / "video-1.part"
    await asyncio.to_thread(photo.write_bytes, _png(_TRIAL_SIZE))
    request = VideoRequest(
        model="wan2.7-i2v",
        prompt="push in",
        first_frame=Frame("first", "image", sha256=""),
        duration_s=_TRIAL_S,
        frame_rate=24,
        seed=1,
        size=_TRIAL_SIZE,
        generate_audio=True,
    )
    engine, media = Camera("camera", slots=1), Media(size=1)
    try:
        scene = Scene("doctor", request, _TRIAL_SIZE, {"first": photo}, video)
        await engine.render(scene, lambda _: None)
        facts = await media.check_video(VideoCheck(path=str(video), duration_s=_TRIAL_S))
    finally:
        await engine.close()
        await media.close()
    if media.confinement is None:
        raise EngineDied("unstill.media", "it has not told how it is confined")
    detail = f"rendered and checked {facts.frame_count} frames of {_TRIAL_SIZE}, with sound"
    return detail, media.confinement


def _png(size: Size) -> bytes:
    """A plain picture without any library: RGB rows of a gradient (RFC 2083)."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(size.width) for v in (x * 255 // size.width, y, 128))
        for y in range(size.height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", size.width, size.height, 8, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return (
        signature + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
