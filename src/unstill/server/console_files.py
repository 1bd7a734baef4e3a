"""The console's page at / and its files, as they lie in console/, without anything from outside.

All are read when the server starts: an upgrade beside a running server mixes no two versions. A
file's address has the version of all in it, so that a browser keeps what it has until one changes.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

import msgspec

from unstill.domain.errors import NoSuchRoute

PAGE_FILE = "index.html"
# By the end of the name; nothing else lies there.
MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".woff2": "font/woff2",
    ".md": "text/markdown",
    ".txt": "text/plain",
}
_PACKED = frozenset({".jpg", ".woff2"})  # gzip makes these no smaller
# Where index.html has the addresses of files; each stands there once, or begins addresses.
_REMARKED = frozenset({".js", ".css"})
_VERSION = "{version}"
_ASKS_FOR_KEY = "{asks_for_key}"  # yes or no: without it the page would ask, and be refused
_STYLES = "<!-- styles -->"
_MODULES = "<!-- modules -->"
_CONTENT_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    b"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)

# Lines that are comments and nothing else: a sixth of what the page would load.
_REMARKS = re.compile(rb"^[ \t]*(?:/\*(?:(?!\*/).)*\*/[ \t]*|//[^\n]*)$", re.MULTILINE | re.DOTALL)

Pairs = tuple[tuple[bytes, bytes], ...]

# Each answer has them: a file that is opened by itself is held to the same.
HEADERS: Pairs = (
    (b"content-security-policy", _CONTENT_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class ConsoleFile(msgspec.Struct, frozen=True, dict=True):
    """One file, as it is and packed; packed when the first browser asks for it so."""

    content_type: bytes
    body: bytes
    is_packed_already: bool = False

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:32]

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.body, mtime=0)

    def sent(self, *, takes_gzip: bool) -> tuple[bytes, Pairs]:
        """The body and what its headers say of it."""
        if self.is_packed_already:
            return self.body, ((b"etag", f'"{self.digest}"'.encode()),)
        vary = (b"vary", b"Accept-Encoding")
        if not takes_gzip:
            return self.body, ((b"etag", f'"{self.digest}"'.encode()), vary)
        tag = (b"etag", f'"{self.digest}-gzip"'.encode())
        return self.packed, (tag, vary, (b"content-encoding", b"gzip"))


class ConsoleFiles:
    """The page and its files by their paths in the folder."""

    def __init__(self, folder: Traversable | None = None) -> None:
        """`folder`: in place of the package's own."""
        raw = dict(_walked(folder or files("unstill.server").joinpath("console")))
        template = raw.pop(PAGE_FILE).decode()
        whole = hashlib.sha256(template.encode())
        for path, body in sorted(raw.items()):
            whole.update(f"\n{path} {len(body)}\n".encode() + body)
        self.version = whole.hexdigest()[:16]
        self._files = {path: _file(path, body) for path, body in raw.items()}
        page = _filled(template, sorted(raw), self.version)
        self._pages = {
            asks: _file(PAGE_FILE, page.replace(_ASKS_FOR_KEY, word).encode())
            for asks, word in ((True, "yes"), (False, "no"))
        }

    def page(self, *, asks_for_key: bool) -> ConsoleFile:
        """It says whether the server asks for a key."""
        return self._pages[asks_for_key]

    @property
    def paths(self) -> list[str]:
        return sorted(self._files)

    def file(self, path: str) -> ConsoleFile:
        """Raises NoSuchRoute."""
        # Looked up by what was read at the start: no path leads out of the folder.
        found = self._files.get(path)
        if found is None:
            raise NoSuchRoute("the console has no such file; its page is at /")
        return found


def _walked(folder: Traversable, before: str = "") -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        path = before + each.name
        if each.is_dir():
            yield from _walked(each, path + "/")
        elif PurePosixPath(path).suffix in MEDIA_TYPES:
            yield path, each.read_bytes()


def unremarked(program: bytes) -> bytes:
    """Without its lines of comments, and with every other line where it was."""
    return _REMARKS.sub(lambda found: b"\n" * found.group().count(b"\n"), program)


def _file(path: str, body: bytes) -> ConsoleFile:
    suffix = PurePosixPath(path).suffix
    if suffix in _REMARKED and not path.startswith("vendor/"):
        body = unremarked(body)
    media_type = MEDIA_TYPES[suffix]
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    return ConsoleFile((media_type + charset).encode(), body, suffix in _PACKED)


def _filled(template: str, paths: list[str], version: str) -> str:
    """The page with the addresses of its files: of all modules, which it need not wait for one
    by one, and of all styles, in the order of their names."""
    # Relative: a proxy may serve all of it under a path of its own.
    styles = (each for each in paths if each.endswith(".css"))
    modules = (each for each in paths if each.endswith(".js"))
    at = f"console/{version}/"
    filled = {
        _STYLES: "\n".join(f'<link rel="stylesheet" href="{at}{each}">' for each in styles),
        _MODULES: "\n".join(f'<link rel="modulepreload" href="{at}{each}">' for each in modules),
        _VERSION: version,
    }
    for mark, text in filled.items():
        template = template.replace(mark, text)
    return template
