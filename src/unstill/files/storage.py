"""Where a product keeps what is large: its jobs' files and its callers' uploads, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from unstill.files.local import LocalFiles
from unstill.files.local_uploads import LocalUploads
from unstill.files.port import Files
from unstill.files.uploads import Uploads


class Storage(NamedTuple):
    """One implementation of both ports."""

    files: Files
    uploads: Uploads


def local_storage(data_dir: Path) -> Storage:
    """In folders of this machine."""
    return Storage(LocalFiles(data_dir), LocalUploads(data_dir))
