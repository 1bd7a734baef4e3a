"""What works on this machine: each finding is tried, not guessed from a version."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import httpx2

from unstill.backend.belonging import look
from unstill.backend.deliveries import count_in
from unstill.backend.embedded import attempts_in
from unstill.backend.holds import held_in
from unstill.delivery import DeliveryState
from unstill.doctor_network import network_findings, running_findings
from unstill.engines.camera import Camera
from unstill.engines.port import Scene
from unstill.errors import BadSetting, EngineDied, OperatorError, UnstillError
from unstill.finding import Finding
from unstill.folders import JOBS
from unstill.job import clock_ms
from unstill.ledger import RECENT_ATTEMPTS, closed_until_ms
from unstill.machine import Confinement, address_space_limit, check_address_space
from unstill.media import Media
from unstill.media.facts import VideoCheck
from unstill.net import Fetcher
from unstill.product import receivers_of, remotes_of
from unstill.request import Frame, Size, VideoRequest
from unstill.settings import SIGNING_VARIABLE, RemoteSettings, Settings

LEAST_FREE_BYTES = 1024**3  # some hundred videos
CONNECT_S = 3.0
_PORTS = {"http": 80, "https": 443}
_TRIAL_SIZE = Size(320, 192)
_TRIAL_S = 1


def examine(settings: Settings) -> Iterator[Finding]:
    """Try everything that a server with these settings needs."""
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
        "pip install 'unstill[heic]'",
        is_needed=False,
    )
    yield _keys(settings)
    yield from webhook_findings(settings)
    yield from upstream_findings(settings)
    yield from network_findings(settings, os.environ)
    yield from running_findings(settings)


def upstream_findings(settings: Settings) -> Iterator[Finding]:
    """Of each engine on somebody else's server: is it there, and what did its last calls say?"""
    fetcher = Fetcher()
    for name, remote in remotes_of(settings, fetcher).items():
        engine = settings.engines[name]
        url = httpx2.URL()
        if isinstance(engine, RemoteSettings):
            url = httpx2.URL(engine.proxy or engine.base_url)
        yield _upstream(name, url, remote.account.id, Path(settings.server.data_dir))


def _upstream(name: str, url: httpx2.URL, account: str, data_dir: Path) -> Finding:
    what, where = f"engine {name}", f"{url.host}:{url.port or _PORTS[url.scheme]}"
    reason = _no_connection(url)
    if reason is not None:
        mend = f"check engines.{name}.base_url, and that the server there runs"
        return Finding(what, False, f"{where} cannot be reached: {reason}", mend, is_needed=False)
    recent = attempts_in(data_dir, account, RECENT_ATTEMPTS)
    until_ms = closed_until_ms(recent)
    if until_ms > clock_ms():
        detail = f"{where} refuses calls: {recent[0].code}, {recent[0].message}"
        mend = f"check engines.{name}.api_key and the account's bill; jobs wait meanwhile"
        return Finding(what, False, detail, mend, is_needed=False)
    return Finding(what, True, f"{where} can be reached")


def webhook_findings(settings: Settings) -> Iterator[Finding]:
    """Can events be sent, do the operator's own receivers listen, and were some given up?"""
    what = "webhooks"
    try:
        receivers_of(settings)
    except BadSetting as error:
        yield Finding(what, False, error.message, "the server does not start before that is mended")
        return
    count = len(settings.webhook_secrets)
    if not count:
        mend = f'export {SIGNING_VARIABLE}="whsec_$(openssl rand -base64 32)"'
        detail = "off: a request with a webhook_url is refused"
        if owed := count_in(Path(settings.server.data_dir), DeliveryState.OWED):
            detail += f", and what is owed is not sent: {owed}"
        yield Finding(what, False, detail, mend, is_needed=False)
        return
    yield Finding(what, True, f"signed with {count} secret{'s' * (count > 1)}")
    for owner, address in settings.webhooks.items():
        yield _receiver(owner, httpx2.URL(address))
    given_up = count_in(Path(settings.server.data_dir), DeliveryState.GIVEN_UP)
    if given_up:
        mend = "unstill webhooks list says why, unstill webhooks replay sends them again"
        yield Finding(what, False, f"given up: {given_up}", mend, is_needed=False)


def _receiver(owner: str, url: httpx2.URL) -> Finding:
    what, where = f"webhooks of {owner}", f"{url.host}:{url.port or _PORTS[url.scheme]}"
    reason = _no_connection(url)
    if reason is None:
        return Finding(what, True, f"{where} can be reached")
    mend = f"check webhooks.{owner}, and that the receiver there runs; it is tried for a day"
    return Finding(what, False, f"{where} cannot be reached: {reason}", mend, is_needed=False)


def _no_connection(url: httpx2.URL) -> str | None:
    """Why nothing listens there; None if something does."""
    try:
        socket.create_connection((url.host, url.port or _PORTS[url.scheme]), CONNECT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


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
        mend = "pip install --force-reinstall unstill; if it stays, report the message above"
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
