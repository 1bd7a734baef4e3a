"""A request as bytes, and a look at whether the server is well."""

from __future__ import annotations

from support.servers import Serving

HOST = b"host: localhost\r\n"


def post(path: str, *headers: bytes, body: bytes = b"") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + lines + b"\r\n" + body


def is_well(server: Serving) -> bool:
    return server.http.get("/health").is_success
