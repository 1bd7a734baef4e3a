"""What works on this machine: each finding is tried, not guessed from a version."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unstill.assembly import redirects_of
from unstill.cli.command_stores import store_of
from unstill.cli.doctor_bucket import files_finding
from unstill.cli.doctor_database import database_finding, own_files_finding
from unstill.cli.doctor_devices import device_findings
from unstill.cli.doctor_finding import Finding, Place, nowhere
from unstill.cli.doctor_network import network_findings, running_findings
from unstill.cli.doctor_upstreams import route_findings, upstream_findings, webhook_findings
from unstill.domain.api_key import KeyState
from unstill.domain.errors import OperatorError, OwnError, UnstillError
from unstill.engines.camera.self_test import make_video
from unstill.files.folder_size import size_of
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.store.embedded.driver import NAME as DRIVER
from unstill.store.embedded.driver import driver_version
from unstill.store.embedded.folder_commands import FolderCommands
from unstill.store.embedded.folder_match import find_store
from unstill.store.embedded.keys_beside import has_keys_in
from unstill.store.ports.command_store import CommandStore
from unstill.system.clock import clock_ms
from unstill.system.job_folders import JOBS
from unstill.system.machine import Confinement, check_limits

LEAST_FREE_BYTES = 1024**3  # some hundred videos


def examine(settings: Settings, place: Place = nowhere) -> Iterator[Finding]:
    """Try everything that a server with these settings needs; `place` says where one stands."""
    yield Finding(
        "python",
        sys.version_info >= (3, 11),
        sys.version.split()[0],
        "install Python 3.11 or newer",
    )
    yield _folder(Path(settings.server.data_dir))
    yield disk_finding(settings.server)
    if settings.server.files:
        yield files_finding(settings.server.files, redirects=redirects_of(settings.server))
    yield from jobs_findings(settings.server)
    yield _certificates()
    yield from _engine()
    yield Finding(
        "heic pictures",
        importlib.util.find_spec("pillow_heif") is not None,
        "the pictures of iPhones",
        "pip install pillow-heif",
        is_needed=False,
    )
    yield key_finding(settings, clock_ms())
    yield from webhook_findings(settings, place)
    yield from device_findings(settings, place)
    routes = list(route_findings(settings, place))
    yield from routes
    if all(finding.is_well or not finding.is_needed for finding in routes):
        yield from upstream_findings(settings, place)
    yield from network_findings(settings, os.environ, place=place)
    yield from running_findings(settings)


def disk_finding(server: ServerSettings) -> Finding:
    """Would a server take new work, for all that its disk and its folder have room for?"""
    data_dir = Path(server.data_dir)
    holder = next(each for each in (data_dir, *data_dir.absolute().parents) if each.exists())
    free_mb = shutil.disk_usage(holder).free / 10**6
    is_well = free_mb >= server.least_free_mb
    detail = f"{free_mb:.0f} MB free, new work is taken down to {server.least_free_mb}"
    if server.most_data_mb:
        held_mb = size_of(data_dir) / 10**6
        is_well = is_well and held_mb < server.most_data_mb
        detail += f"; {held_mb:.0f} MB in the folder, new work is taken up to {server.most_data_mb}"
    mend = "free some space, or see keep_videos_days, least_free_mb and most_data_mb"
    return Finding("disk", is_well, detail, mend)


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


def jobs_findings(server: ServerSettings) -> Iterator[Finding]:
    """Where the jobs are: would a start take what keeps them, and do some wait for a word?"""
    if not server.database:
        yield Finding(DRIVER, True, f"{driver_version()}, unstill's own")
        yield from store_findings(Path(server.data_dir))
        return
    found = database_finding(server.database)
    yield found
    if not server.files:
        yield own_files_finding()
    if found.is_well:
        yield from waiting_findings(store_of(server))


def store_findings(data_dir: Path) -> Iterator[Finding]:
    """Would a start take the folder's job store, does it know the folder's jobs, are some held?"""
    what = "job store"
    try:
        found = find_store(data_dir)
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
    yield from waiting_findings(FolderCommands(data_dir))


def waiting_findings(store: CommandStore) -> Iterator[Finding]:
    """The jobs that wait for an operator's word."""
    if held := len(store.held()):
        detail = f"they may have been sent and paid for since the store was copied: {held}"
        yield Finding("held jobs", False, detail, "unstill jobs release", is_needed=False)
    if doubts := len(store.doubts()):
        detail = f"calls that may have been billed without anybody knowing: {doubts}"
        mend = "unstill jobs doubts, then unstill jobs resolve"
        yield Finding("calls in doubt", False, detail, mend, is_needed=False)


def _certificates() -> Finding:
    count = ssl.create_default_context().cert_store_stats()["x509_ca"]
    return Finding(
        "certificates",
        count > 0,
        f"{count} authorities, for pictures behind https",
        "install your system's CA certificates (Debian: apt-get install ca-certificates)",
        is_needed=False,
    )


def key_finding(settings: Settings, now_ms: int) -> Finding:
    """How many owners have a key that is good, of the settings and of the store's."""
    mend = "unstill keys create OWNER, needed beyond loopback"
    try:
        store = store_of(settings.server)
        stored, had_any = store.all_keys(), store.has_keys()
    except (OwnError, OperatorError):  # the store has a finding of its own
        stored, had_any = (), has_keys_in(Path(settings.server.data_dir))
        if settings.server.database:
            detail = "what the database has is not known"
            return Finding("api keys", False, detail, "see database", is_needed=False)
    good = [key for key in stored if key.state(now_ms) is KeyState.GOOD]
    owners = {*settings.api_keys.values(), *(key.owner for key in good)}
    if not owners and stored:
        detail = f"all are revoked or have expired, nobody is let in: {len(stored)}"
        return Finding("api keys", False, detail, "unstill keys create OWNER", is_needed=False)
    if not owners and had_any:
        detail = "none, and the folder had some: nobody is let in"
        return Finding("api keys", False, detail, "unstill keys create OWNER", is_needed=False)
    detail = f"{len(owners)} owners" if owners else "none: any caller on this machine is let in"
    return Finding("api keys", bool(owners), detail, mend, is_needed=False)


def _engine() -> Iterator[Finding]:
    """Render a second and do all that is ever done with one; how its children are confined."""
    try:
        check_limits()
    except OperatorError as error:
        yield Finding("child programs", False, error.message)
        return
    try:
        with tempfile.TemporaryDirectory(prefix="unstill-doctor-") as folder:
            detail, confinement = asyncio.run(make_video(Path(folder)))
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
