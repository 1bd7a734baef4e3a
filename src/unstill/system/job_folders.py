"""The folders of jobs on a disk: `<data_dir>/jobs/<last two of the id>/<job id>/`.

Ids sort by time, so their ends spread: no shard holds more than a 4096th of all jobs. Blocking:
called in threads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

JOBS = "jobs"
# In a folder that was made ahead of its job's row, with the id of the store that was to have it.
BEGUN = ".begun"

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VIDEO = re.compile(r"(video|silent)-\d+\.")
_WHOLE = re.compile(r"(?:video|silent)-(\d+)\.mp4")


class JobFolder(NamedTuple):
    job_id: str
    changed_at_s: float  # unix time of the last file that came or went


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None


def folder_of(jobs: Path, job_id: str) -> Path:
    return jobs / job_id[-2:] / job_id


def shards(jobs: Path) -> list[Path]:
    try:
        return [entry for entry in jobs.iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []


def folders_in(shard: Path) -> list[JobFolder]:
    with os.scandir(shard) as entries:
        return [
            JobFolder(entry.name, entry.stat().st_mtime)
            for entry in entries
            if is_job_id(entry.name) and entry.name[-2:] == shard.name and entry.is_dir()
        ]


def is_filled(jobs: Path) -> bool:
    """Whether there is a folder of any job."""
    return any(folders_in(shard) for shard in shards(jobs))


def ids_changed_since(jobs: Path, since_s: float) -> Iterator[list[str]]:
    """The ids in the shards that a folder came to or left since that moment, by the shard."""
    for shard in shards(jobs):
        if shard.stat().st_mtime >= since_s:
            with os.scandir(shard) as entries:
                yield [entry.name for entry in entries if is_job_id(entry.name)]


def has_video(folder: Path) -> bool:
    """Whether a video was begun there: then the job had a row before."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return any(_VIDEO.match(entry.name) for entry in entries)
    return False


def finished(folder: Path) -> int:
    """The last attempt whose video is there, whole; 0 if there is none."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        found = (_WHOLE.fullmatch(entry.name) for entry in entries)
        return max((int(each[1]) for each in found if each is not None), default=0)
    return 0


def begin(folder: Path, store_id: str) -> None:
    """Note in a new folder for which store it was made; before the first file of it.

    A link that leads nowhere: its text lasts with its name, by the sync that the file's name needs
    anyway, where a file would need a second one.
    """
    with suppress(FileExistsError):
        (folder / BEGUN).symlink_to(store_id)


def begun_by(folder: Path) -> str | None:
    """The id of the store for which the folder was made; None once the job has its row."""
    try:
        return str((folder / BEGUN).readlink())
    except OSError:
        return None
