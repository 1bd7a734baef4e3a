"""The `[server]` table."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Annotated, Literal

import httpx2
import msgspec
from msgspec import Meta

from unstill.domain.errors import BadSetting, shown
from unstill.settings.databases import DATABASE_FORM, check_database
from unstill.settings.paths import path_of
from unstill.settings.proxies import FORM, check_proxy
from unstill.settings.tables import secret

ANY_ORIGIN = "*"
# RFC 6454, 6.2, as a browser writes it; the schemes of desktop and mobile shells too.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?P<port>:\d{1,5})?"
)
_DEFAULT_PORTS = {"http://": ":80", "https://": ":443"}
# What clients have at the end of their base address, and links do not.
_API_PATH = re.compile(r"/(?:(?:api|openai)/)?v1(?:/.*)?$|/(?:docs|health|files)/?$")
# Amazon S3, "Bucket naming rules"; of a prefix what no program between here and there rewrites.
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]+)*/?")

Count = Annotated[int, Meta(ge=0, le=100_000)]
Mebibytes = Annotated[int, Meta(ge=1, le=65_536)]
Seconds = Annotated[float, Meta(ge=1, le=3600)]
Days = Annotated[float, Meta(ge=0, le=36_500)]  # at most a hundred years


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[server]` table; each is also an environment variable, `UNSTILL_` and its name."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    public_url: str = ""  # empty: the caller's own scheme and host
    data_dir: str = "unstill-data"
    # That the jobs are kept in; empty: a file in the data folder.
    database: Annotated[str, secret(DATABASE_FORM, r"^$|^postgres(ql)?://")] = ""
    files: str = ""  # where jobs and uploads are: s3://bucket/prefix; empty: in the data folder
    file_delivery: Literal["proxy", "redirect"] = "proxy"  # who sends callers what is in a bucket
    files_public_url: str = ""  # that callers are redirected to; empty: where the bucket is to us
    allow_networks: tuple[str, ...] = ()  # CIDRs besides the public internet
    # That upstreams, receivers and pictures are reached through; empty: none.
    proxy: Annotated[str, secret(FORM, r"^$|^http://")] = ""
    trusted_proxies: tuple[str, ...] = ()  # CIDRs; their forwarded headers are believed
    metrics_networks: tuple[str, ...] = ()  # CIDRs that /metrics is told to without a key
    cors_origins: tuple[str, ...] = ()  # web pages may call from them; "*": any may
    default_engine: str = "camera"  # or "none"
    videos_states: Literal["auto", "unified", "openai"] = "auto"
    link_hours: Annotated[int, Meta(ge=1, le=87_600)] = 24  # at most ten years
    prompt_in_files: bool = False  # in the metadata of what this machine makes
    # The data folder's disk keeps so much free; no new work is taken below.
    least_free_mb: Annotated[int, Meta(ge=0)] = 200
    # The data folder takes no new work with as much in it; 0: any number.
    most_data_mb: Annotated[int, Meta(ge=0)] = 0
    # For so long from a job's end; 0: for ever.
    keep_videos_days: Days = 0.0
    keep_pictures_days: Days = 0.0
    keep_rows_days: Days = 0.0
    # What callers may have at once, together and each; 0 for each: what the others leave.
    connections: Count = 0  # 0: a third of the files that the process may have open
    connections_per_address: Count = 0
    connections_per_owner: Count = 0
    waiting_per_address: Count = 0  # long polls and streams of events
    waiting_per_owner: Count = 0
    open_bodies_mib: Mebibytes = 256
    open_bodies_mib_per_address: Count = 0
    open_bodies_mib_per_owner: Count = 0
    open_uploads_mib: Mebibytes = 160
    large_bodies: Annotated[int, Meta(ge=1, le=64)] = 2
    downloads: Count = 0  # 0: a third of the connections
    downloads_per_address: Count = 0
    downloads_per_owner: Count = 0
    pictures: Annotated[int, Meta(ge=2, le=1024)] = 64  # fetched at once
    pictures_per_owner: Count = 0
    # How long a connection may owe something.
    head_within_s: Seconds = 10.0
    body_piece_within_s: Seconds = 15.0
    untaken_within_s: Seconds = 60.0
    kept_alive_s: Seconds = 75.0
    log_format: Literal["console", "json"] = "console"
    traces: Literal["off", "otlp"] = "off"  # where they go: OTEL_EXPORTER_OTLP_ENDPOINT

    @property
    def picture_fetches(self) -> tuple[int, int]:
        """How many at once, and how many of one owner."""
        return self.pictures, self.pictures_per_owner

    @property
    def scraping_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(text.strip()) for text in self.metrics_networks)

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(text.strip()) for text in self.allow_networks)

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(text.strip()) for text in self.trusted_proxies)


def checked_server(server: ServerSettings) -> ServerSettings:
    """What its types do not say of it. Raises BadSetting, by the setting's name in the file."""
    _check_host(server.host)
    if server.public_url:
        _check_public_url(server.public_url)
    if server.database:
        check_database(server.database, "server.database")
    if server.files:
        _check_files(server.files)
    _check_delivery(server)
    for origin in server.cors_origins:
        _check_origin(origin, server.cors_origins)
    for network in server.allow_networks:
        _check_network(network, "server.allow_networks")
    if server.proxy:
        check_proxy(server.proxy, "server.proxy")
    for network in server.trusted_proxies:
        _check_network(network, "server.trusted_proxies")
    for network in server.metrics_networks:
        _check_network(network, "server.metrics_networks")
    return msgspec.structs.replace(server, data_dir=path_of(server.data_dir, "server.data_dir"))


def _check_host(host: str) -> None:
    if not host.strip():
        raise BadSetting("server.host", "must not be empty")
    if "://" in host or "/" in host:
        reason = "must be a name or address alone, such as 127.0.0.1"
        raise BadSetting("server.host", f"{reason}, got {shown(host)}")
    if re.fullmatch(r"\[.*\](:\d+)?|[^:]+:\d+", host):
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "8000")
        mend = f'write host = "{name.strip("[]")}" and port = {port}'
        raise BadSetting("server.host", f"must be without brackets and port: {mend}")


def _check_public_url(text: str) -> None:
    where = "server.public_url"
    _check_address(text, where)
    match = _API_PATH.search(text)
    if match is not None:
        raise BadSetting(where, f"must end before {match[0]}: {text[: match.start()]}")


def _check_address(text: str, where: str) -> None:
    if not re.match(r"https?://[^/]+", text, re.IGNORECASE):
        raise BadSetting(where, f"must begin with http:// or https://, got {shown(text)}")
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise BadSetting(where, f"is not a URL that can be read: {error}") from error
    if url.userinfo or url.query or url.fragment or not url.host or not text.isprintable():
        raise BadSetting(where, "must be an address alone, without user, query and fragment")
    if url.host in {"0.0.0.0", "::"}:  # noqa: S104  - refused here
        raise BadSetting(where, "must be an address that callers can reach, not 0.0.0.0")


def _check_delivery(server: ServerSettings) -> None:
    if server.file_delivery == "redirect" and not server.files:
        mend = 'it sends callers to a bucket: set files = "s3://bucket/prefix" too'
        raise BadSetting("server.file_delivery", f'is "redirect" without a bucket; {mend}')
    if not server.files_public_url:
        return
    where = "server.files_public_url"
    if server.file_delivery != "redirect":
        raise BadSetting(where, 'is for file_delivery = "redirect", which is not set')
    _check_address(server.files_public_url, where)
    if httpx2.URL(server.files_public_url).path.strip("/"):
        reason = "must be without a path: the bucket's name follows it"
        raise BadSetting(where, f"{reason}, got {shown(server.files_public_url)}")


def _check_files(text: str) -> None:
    if not _BUCKET.fullmatch(text) or not {".", ".."}.isdisjoint(text.split("/")):
        reason = "must be s3://bucket or s3://bucket/prefix, or empty for the data folder"
        got = "" if "@" in text else f", got {shown(text)}"  # it may be a key
        raise BadSetting("server.files", f"{reason}{got}")


def _check_origin(origin: str, among: tuple[str, ...]) -> None:
    where = "server.cors_origins"
    if origin == ANY_ORIGIN:
        if len(among) > 1:
            raise BadSetting(where, 'must be "*" alone, or a list without it')
        return
    match = _ORIGIN.match(origin.lower())
    if match is None:
        example = "origins as browsers send them, such as http://localhost:3000"
        raise BadSetting(where, f"must be {example}, got {shown(origin)}")
    port = "" if match["port"] == _DEFAULT_PORTS.get(match["scheme"]) else match["port"] or ""
    sent = match["scheme"] + match["host"] + port
    if sent != origin:
        raise BadSetting(where, f"a browser sends {sent}: write it so, got {shown(origin)}")


def _check_network(text: str, where: str) -> None:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as error:
        reason = f"must be CIDRs: {shown(text)} is none, 10.20.0.0/16 is one"
        raise BadSetting(where, reason) from error
    if network.network_address != ip_interface(text.strip()).ip:
        reason = f"must be CIDRs: {text.strip()} is an address in one"
        raise BadSetting(where, f"{reason}; did you mean {network}?")
