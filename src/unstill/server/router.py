"""Where each path leads: the routes of all dialects, found by path first and by method then.

Every path has a place, so that whoever asks in vain is told so in the words of a dialect too, and
of the path that a client with a wrong base address meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from starlette.routing import compile_path

from unstill.dialects.port import Described, check
from unstill.dialects.route import Route, Verb
from unstill.domain.errors import NoSuchRoute, WrongMethod
from unstill.domain.redaction import visible
from unstill.server.exchange import Handler
from unstill.server.other_apis import WORDS, place_elsewhere, without_ahead
from unstill.server.traced_calls import traced
from unstill.system.tracing import NO_TRACES, Traces

# What clients have at the end of their base address, and leave out, give twice or mix up.
_BASES = ("/v1", "/api/v1", "/openai/v1")
_SLASHES = re.compile(r"/{2,}")


class Served(msgspec.Struct, frozen=True):
    """A route, the dialect that it belongs to, and what it does."""

    dialect: Described
    route: Route[Any]
    handler: Handler
    asks_key: bool = True  # before it is done
    is_counted: bool = True  # by limits on calls


class PathRoutes(msgspec.Struct, frozen=True):
    """One path of a dialect, and what it serves by method; without any, a path to nothing."""

    dialect: Described
    by_method: dict[str, Served]
    meant: str | None = None  # a path to nothing may mean one with another base

    def served(self, method: str, path: str) -> Served:
        """Raises NoSuchRoute, WrongMethod."""
        found = self.by_method.get(method)
        if found is not None:
            return found
        if self.by_method:
            possible = tuple(sorted(self.by_method))
            raise WrongMethod(f"{method} is not possible here, only {_listed(possible)}", possible)
        meant = "" if self.meant is None else f", but at {visible(self.meant[:200])}"
        asked = visible(path[:200])
        raise NoSuchRoute(f"there is nothing at {asked}{meant}; /docs lists what there is")


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


class RouteTable:
    """The places of all dialects by path; the last dialect's is whatever is near none."""

    def __init__(
        self,
        dialects: Sequence[Described],
        handler_of: Callable[[Verb[Any]], Handler],
        traces: Traces = NO_TRACES,
    ) -> None:
        """Raises TypeError where a dialect lacks what one of its routes needs."""
        self._last = dialects[-1]
        by_path: dict[str, PathRoutes] = {}
        near: dict[str, Described] = {}
        for dialect in dialects:
            check(dialect)
            for route in dialect.routes:
                path_routes = by_path.setdefault(route.path, PathRoutes(dialect, {}))
                asks_key = not (route.is_open or route.asks_itself)
                handler = traced(traces, dialect, route, handler_of(route.verb))
                is_counted = asks_key and not route.verb.is_of_job
                served = Served(dialect, route, handler, asks_key, is_counted)
                path_routes.by_method[route.method] = served
                if route.method == "GET":
                    path_routes.by_method["HEAD"] = served
                near[route.path.rpartition("/")[0] + "/"] = dialect
        self._at_once = {
            path: path_routes for path, path_routes in by_path.items() if "{" not in path
        }
        self._by_parent = {
            parent: (path_routes, name)
            for path, path_routes in by_path.items()
            for parent, name in [_parent_and_name(path)]
            if name
        }
        self._patterns = [
            (compile_path(path)[0], path_routes) for path, path_routes in by_path.items()
        ]
        self._near = sorted(near.items(), key=lambda each: len(each[0]), reverse=True)

    def find(self, path: str) -> tuple[PathRoutes, dict[str, str]]:
        """The place, and what the path names by the names of its route."""
        path_routes = self._at_once.get(path)
        if path_routes is not None:
            return path_routes, {}
        # The polls of the videos dialect, without a walk through all patterns.
        parent, _, last = path.rpartition("/")
        by_parent = self._by_parent.get(parent)
        if by_parent is not None and last and last.lower() not in WORDS:
            return by_parent[0], {by_parent[1]: last}
        # A base address that ends in a slash, joined with a path that begins with one.
        return self._search(_SLASHES.sub("/", path).rstrip("/") or "/")

    def _search(self, path: str) -> tuple[PathRoutes, dict[str, str]]:
        path_routes = self._at_once.get(path)
        if path_routes is not None:
            return path_routes, {}
        elsewhere = place_elsewhere(path)
        found = self._matched(path) if elsewhere is None else None
        if found is not None:
            return found
        parents = (each for each in self._near if path.startswith(each[0]))
        parent, near = next(parents, ("/", self._last))
        for meant in _meant(path, elsewhere):
            found = self._matched(meant)
            if found is not None:
                is_near = parent.rstrip("/") not in ("", *_BASES)
                return PathRoutes(near if is_near else found[0].dialect, {}, meant), {}
        return PathRoutes(near, {}), {}

    def _matched(self, path: str) -> tuple[PathRoutes, dict[str, str]] | None:
        for pattern, path_routes in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return path_routes, match.groupdict()
        return None


def _meant(path: str, elsewhere: str | None) -> Iterator[str]:
    """What a path to nothing may be meant for, the likeliest first."""
    yield from (() if elsewhere is None else (elsewhere,))
    yield from _with_other_bases(path)
    if not path.islower():
        yield path.lower()
        yield from _with_other_bases(path.lower())
    behind = without_ahead(path)
    if behind is not None:
        elsewhere = place_elsewhere(behind)
        yield from (() if elsewhere is None else (elsewhere,))
        yield behind


def _with_other_bases(path: str) -> Iterator[str]:
    """Without its base, with another one before it, and with another one in its place."""
    bare = [path.removeprefix(base) for base in _BASES if path.startswith(base + "/")]
    yield from bare
    for rest in (path, *bare):
        for base in _BASES:
            yield base + rest


def _parent_and_name(path: str) -> tuple[str, str]:
    """`/v1/videos/{video_id}` is `/v1/videos` and `video_id`; any other shape has no name."""
    parent, _, last = path.rpartition("/")
    is_plain = "{" not in parent and re.fullmatch(r"\{(\w+)\}", last) is not None
    return (parent, last[1:-1]) if is_plain else (parent, "")
