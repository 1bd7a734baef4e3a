"""What a setting that names an HTTP proxy may say."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx2

from unstill.domain.errors import BadSetting

FORM = "http://host:port, also with user:password@ before host"


def check_proxy(proxy: str, setting: str) -> None:
    """Raises BadSetting, without what came: it may hold a password."""
    try:
        httpx2.URL(proxy)  # it is what dials it, and takes less
        url = urlsplit(proxy)
        has_place = bool(url.hostname) and url.port != 0
        is_proxy = url.scheme == "http" and has_place and " " not in proxy
    except (httpx2.InvalidURL, ValueError):
        is_proxy = False
    if not is_proxy or url.path not in ("", "/") or url.query or url.fragment:
        raise BadSetting(setting, f"must be {FORM}")
