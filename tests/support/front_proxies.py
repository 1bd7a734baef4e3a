"""nginx and Caddy in front of a server, each with its file of deploy/, on ports of loopback."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.free_ports import free_port
from support.waits import hold_until

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX_MAIN = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/unstill.conf;
}}
"""
CADDY_MAIN = """{{
	admin off
	auto_https disable_redirects
	storage file_system {folder}/storage
}}
"""


class Front:
    """A proxy that listens: `url` is the outer address, `plain` the one without TLS, if any."""

    def __init__(self, port: int, certificate: Path, plain: str = "") -> None:
        self.url = f"https://localhost:{port}"
        self.plain = plain
        self.trust = ssl.create_default_context(cafile=str(certificate))

    def client(self, headers: dict[str, str]) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers=headers, verify=self.trust, timeout=60)


Fronting = Callable[[Path, str], AbstractContextManager[Front]]


def program(name: str) -> str:
    """Its path; skips who calls where there is none."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        assert not os.environ.get("CI"), f"CI must install {name}"
        pytest.skip(f"no {name} on this machine")
    return found


@contextmanager
def nginx(folder: Path, *upstreams: str) -> Iterator[Front]:
    """`upstreams`: hosts and ports of the servers, which are asked in turn."""
    command = program("nginx")
    certificate, key = certified(folder)
    plain, port = free_port(), free_port()
    changes = {
        "server 127.0.0.1:8000;": " ".join(f"server {each};" for each in upstreams),
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen [::]:80;": "",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "listen [::]:443 ssl http2;": "",
        "/etc/ssl/videos.example.com/fullchain.pem": str(certificate),
        "/etc/ssl/videos.example.com/privkey.pem": str(key),
        "/var/log/nginx/unstill.log": f"{folder}/access.log",
    }
    _write_changed(DEPLOY / "nginx" / "unstill.conf", folder / "unstill.conf", changes)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_MAIN.format(folder=folder, user=user))
    with _running([command, "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, port):
        yield Front(port, certificate, f"http://localhost:{plain}")


@contextmanager
def caddy(folder: Path, *upstreams: str) -> Iterator[Front]:
    """`upstreams`: hosts and ports of the servers; of several, with the file for a fleet."""
    command = program("caddy")
    certificate, key = certified(folder)
    port = free_port()
    file = folder / "Caddyfile"
    of_tls = {"\trequest_body {": f"\ttls {certificate} {key}\n\trequest_body {{"}
    name = "Caddyfile" if len(upstreams) == 1 else "Caddyfile.fleet"
    _write_changed(DEPLOY / "caddy" / name, file, of_tls)
    file.write_text(CADDY_MAIN.format(folder=folder) + file.read_text())
    asked = " ".join(upstreams)
    variables = {"VIDEOS_HOST": f"https://localhost:{port}", "UNSTILL_UPSTREAM": asked}
    arguments = [command, "run", "--config", str(file), "--adapter", "caddyfile"]
    with _running(arguments, folder, port, XDG_CONFIG_HOME=str(folder), **variables):
        yield Front(port, certificate)


def _write_changed(source: Path, to: Path, changes: dict[str, str]) -> None:
    text = source.read_text()
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    to.write_text(text)


@contextmanager
def _running(command: list[str], folder: Path, port: int, **variables: str) -> Iterator[None]:
    with (folder / "access.log").open("a") as log:
        process = subprocess.Popen(command, stderr=log, env=os.environ | variables)
    try:
        hold_until(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, (folder / "access.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost that says so itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
