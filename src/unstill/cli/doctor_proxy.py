"""The doctor's part for proxies: whether a call gets out as the server's own would."""

from __future__ import annotations

import http.client
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

import httpx2

from unstill.assembly import server_proxy
from unstill.cli.doctor_finding import Finding, Place
from unstill.settings.reader import Settings

CONNECT_S = 3.0
PORTS = {"http": 80, "https": 443}
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
EXCEPTIONS_VARIABLE = "NO_PROXY"


def place_of(url: httpx2.URL) -> str:
    """Host and port, the port always written, without a user and a password."""
    return f"{url.host}:{url.port or PORTS[url.scheme]}"


def no_connection(url: httpx2.URL) -> str | None:
    """Why nothing listens there; None if something does."""
    try:
        socket.create_connection((url.host, url.port or PORTS[url.scheme]), CONNECT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def no_tunnel(url: httpx2.URL, proxy: str) -> str | None:
    """Why a proxy makes no tunnel there; None if it does."""
    asked = urlsplit(proxy)
    headers = {}
    if asked.username or asked.password:
        user, password = unquote(asked.username or ""), unquote(asked.password or "")
        headers["Proxy-Authorization"] = (
            f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        )
    connection = http.client.HTTPConnection(asked.hostname or "", asked.port or 80, CONNECT_S)
    connection.set_tunnel(url.host, url.port or PORTS[url.scheme], headers)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    finally:
        connection.close()
    return None


def proxy_findings(
    settings: Settings, environment: Mapping[str, str], place: Place
) -> Iterator[Finding]:
    """Is the server's proxy there, and are those of the environment taken for one?"""
    given = {name.upper() for name, value in environment.items() if value}
    proxy = server_proxy(settings.server)
    if proxy is not None:
        yield _reached(httpx2.URL(proxy.url), place)
        if EXCEPTIONS_VARIABLE in given:
            yield _exceptions()
    elif meant := [name for name in PROXY_VARIABLES if name in given]:
        unused = [*meant, *({EXCEPTIONS_VARIABLE} & given)]
        yield Finding(
            "proxy",
            is_well=False,
            detail=f"{' and '.join(unused)} set, and not used: unstill dials by itself",
            mend="where this machine is behind a proxy, set server.proxy, or engines.NAME.proxy for"
            " one upstream",
            is_needed=False,
        )


def _reached(url: httpx2.URL, place: Place) -> Finding:
    where, reason = place_of(url), no_connection(url)
    if reason is None:
        return Finding("proxy", True, f"{where} can be reached; it is asked for what is elsewhere")
    mend = f"check server.proxy{place('server.proxy')}, and that the proxy there runs"
    return Finding("proxy", False, f"{where} cannot be reached: {reason}", mend)


def _exceptions() -> Finding:
    return Finding(
        "proxy",
        is_well=False,
        detail=f"{EXCEPTIONS_VARIABLE} set, and not used: all but this machine and"
        " server.allow_networks is asked of the proxy",
        mend='engines.NAME.proxy = "direct" reaches one upstream from here',
        is_needed=False,
    )
