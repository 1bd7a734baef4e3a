"""How many files this process may have open, and what part of them callers may take."""

from __future__ import annotations

import resource

MOST_OPEN_FILES = 65_536  # more than connections ever need, less than a container's "infinity"


def most_connections(wanted: int = 0) -> int:
    """As many as leave files for the work, once this process may open what the system lets it.

    wanted: no more than so many; 0: no such limit.
    Without a limit a caller who only connects takes the files that jobs need, and they fail.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        soft = max(soft, min(hard, MOST_OPEN_FILES))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # Downloads have files open beside their connections; a third stays for store and children.
    return min(wanted or soft // 3, soft // 3)


def most_downloads(connections: int = 0, wanted: int = 0) -> int:
    """At once: each has its file open, and copies of that and of its connection.

    connections: no more of these than so many; wanted: the same of downloads; 0: no such limit.
    """
    most = max(2, most_connections(connections) // 3)
    return min(wanted or most, most)
