"""The address that an engine asks: its kind knows how it ends, and what people write in its place.

A base address that is another one's, or goes on to a route, gives a 404 to every call, which says
nothing of the setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import httpx2
import msgspec

from unstill.domain.errors import BadSetting


class BaseUrl(msgspec.Struct, frozen=True):
    """How the base address of one kind of upstream ends."""

    ending: str  # "/api/v1"; added to a host alone
    routes: tuple[str, ...]  # what follows it in a call: no part of a base address
    others: Mapping[str, str] = {}  # endings of other APIs at the same host: what they are for
    of_other_paths: Literal["add", "refuse", "take"] = "take"  # that end in none of this
    hosts: tuple[str, ...] = ()  # the provider's own, by their ends: https and a key are a must
    other_hosts: Mapping[str, str] = {}  # the provider's, of other APIs: what they are for

    def checked(self, base_url: str, engine: str, *, has_key: bool) -> str:
        """The whole base address; raises BadSetting."""
        setting = f"engines.{engine}.base_url"
        url = _read(base_url, setting)
        path = url.path.rstrip("/")
        start = str(url.copy_with(path="/")).rstrip("/")
        self._check_host(url, engine, has_key=has_key)
        for other, what in self.others.items():
            if path.endswith(other) or f"{other}/" in path:
                whole = start + path.partition(other)[0] + self.ending
                raise BadSetting(setting, f"{other} is for {what}: write {whole}")
        for route in self.routes:
            if path.endswith(route) or f"{route}/" in path:
                before = path[: path.index(route)].rstrip("/")
                whole = start + (before if before.endswith(self.ending) else before + self.ending)
                raise BadSetting(setting, f"goes on to a route, {route}: write {whole}")
        if path and not path.endswith(self.ending) and self.of_other_paths == "refuse":
            meant = _with_ending(path, self.ending)
            raise BadSetting(setting, f"must end in {self.ending}; did you mean {start}{meant}?")
        is_added = not path or (self.of_other_paths == "add" and not path.endswith(self.ending))
        return start + path + (self.ending if is_added else "")

    def is_providers(self, base_url: str) -> bool:
        """Whether an address is at one of the provider's own hosts."""
        return httpx2.URL(base_url).host.endswith(self.hosts)

    def _check_host(self, url: httpx2.URL, engine: str, *, has_key: bool) -> None:
        if (what := self.other_hosts.get(url.host)) is not None:
            raise BadSetting(f"engines.{engine}.base_url", f"{url.host} is for {what}")
        if not url.host.endswith(self.hosts):
            return
        if url.scheme != "https":
            reason = f"must begin with https://: the key would go to {url.host} for all to read"
            raise BadSetting(f"engines.{engine}.base_url", reason)
        if not has_key:
            mend = 'such as "env:NAME" for the environment variable NAME'
            raise BadSetting(f"engines.{engine}.api_key", f"is needed by {url.host}, {mend}")


def _with_ending(path: str, ending: str) -> str:
    """The path, which may have the ending's first part or its last one already."""
    first, _, last = ending.rpartition("/")
    for part in (first, f"/{last}"):
        if part and path.endswith(part):
            return path.removesuffix(part) + ending
    return path + ending


def _read(base_url: str, setting: str) -> httpx2.URL:
    if base_url != base_url.strip() or not base_url.isprintable():
        raise BadSetting(setting, "must be an address without spaces around it")
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise BadSetting(setting, "is not a URL that can be read") from error
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise BadSetting(setting, "must begin with http:// or https:// and a host")
    try:
        url.host.encode()
    except ValueError as error:  # some `xn--...`
        raise BadSetting(setting, "has a host that no name is written as") from error
    if url.userinfo or url.query or url.fragment:
        raise BadSetting(setting, "must be an address alone; the key goes into api_key")
    return url
