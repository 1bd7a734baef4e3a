"""How many files this process may have open, and what part of them callers may take."""

from __future__ import annotations

import resource

MOST_OPEN_FILES = 65_536  # more than connections ever need, less than a container's "infinity"


def most_connections() -> int:
    """As many as leave files for the work, once this process may open what the system lets it.

    Without a limit a caller who only connects takes the files that jobs need, and they fail.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        soft = max(soft, min(hard, MOST_OPEN_FILES))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # Downloads have files open beside their connections; a third stays for store and children.
    return soft // 3


def most_downloads() -> int:
    """At once: each has its file open, and copies of that and of its connection."""
    return max(2, most_connections() // 3)
