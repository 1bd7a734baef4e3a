"""Where a setting stands: the line of the file, the variable, or the option."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from unstill.settings.reader import DEFAULT_FILE, ENVIRONMENT_PREFIX

_SERVER = "server."


def place_of(
    setting: str,
    *,
    file: Path | None,
    environment: Mapping[str, str],
    command_line: Mapping[str, object],
) -> str:
    """Such as `unstill.toml, line 3`; empty where it stands nowhere, or its name says it."""
    name = setting.removeprefix(_SERVER)
    if setting.startswith(_SERVER):
        if command_line.get(name) is not None:
            return f"--{name.replace('_', '-')}"
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
        if variable in environment:
            return variable
    file = file or DEFAULT_FILE
    try:
        line = line_of(setting, file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return ""
    return f"{file}, line {line}" if line else ""


def line_of(setting: str, text: str) -> int | None:
    """The line that sets it, or else the one that begins the nearest table around it."""
    wanted = _parts(setting)
    best: tuple[int, int] | None = None  # how many parts agree, and where
    for number, path in _paths(text):
        if path and path == wanted[: len(path)] and (best is None or len(path) > best[0]):
            best = len(path), number
    return None if best is None else best[1]


def _paths(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each line that names a table or a key, with the whole name. Values of several lines apart."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[", line):
            table = _named(line) or table
            yield number, table
        elif key := re.match(r"\s*((?:[\w.-]|\"[^\"]*\"|'[^']*'|\s)+?)\s*=", line):
            yield number, table + _named(f"{key[1]} = 0")


def _named(line: str) -> tuple[str, ...]:
    """The names in a header or before a value, as TOML reads them."""
    try:
        inner: object = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    names = []
    while isinstance(inner, dict) and inner:
        name, inner = next(iter(inner.items()))
        names.append(name)
    return tuple(names)


def _parts(setting: str) -> tuple[str, ...]:
    """`models."my.model".like` in its three parts."""
    return tuple(quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|([^."]+)', setting))
