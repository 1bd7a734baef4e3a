"""What hostile callers send: `python -m benchmarks.siege_loads NAME URL KEY JOB VIDEO SECONDS`.

Each load is bounded in connections, bytes and time, and goes to loopback only.
"""

from __future__ import annotations

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO

import numpy as np
import uvloop
from benchmarks.siege_calls import (
    ELSEWHERE,
    HOST,
    Run,
    Target,
    asking,
    dripping,
    holding,
    pouring,
    resetting,
)
from PIL import Image

GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
UPLOAD = b"POST /api/v1/uploads/objects HTTP/1.1\r\n" + HOST
MULTIPART = b"Content-Type: multipart/form-data; boundary=cut\r\n"
URLENCODED = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PART = b'--cut\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nx\r\n'
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512)


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def keyed(target: Target, more: bytes = b"") -> bytes:
    return b"POST /v1/videos HTTP/1.1\r\n" + target.authorized + more


def submitting(target: Target, body: bytes) -> bytes:
    return sized(keyed(target).replace(b"/videos", b"/tasks/submit"), body)


def nothing(_target: Target) -> bytes:
    return b""


def many_parts() -> bytes:
    return b"".join(PART % n for n in range(100_000)) + b"--cut--\r\n"


def in_json(picture: bytes) -> bytes:
    text = b64encode(picture)
    return b'{"model": "wan2.7-i2v", "input": {"first_frame_url": "' + text + b'"}}'


def large_picture() -> bytes:
    """A valid JPEG of about 19 MB."""
    noise = np.random.default_rng(1).integers(0, 256, (2600, 3400, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()[: 19 * 1000**2]


def small_picture() -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((480, 320)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


PIPELINES: Mapping[str, Run] = {
    "ordinary calls, 20 connections": asking(20, lambda _: GET),
    "requests behind each other, 1 connection": pouring(
        1, nothing, GET * 1000, most_bytes=12 * 10**6
    ),
    "the same at 0.2 MB/s": pouring(1, nothing, GET * 100, per_s=200_000),
    "HEAD and OPTIONS behind each other, 4": pouring(
        4,
        nothing,
        (GET.replace(b"GET", b"HEAD") + GET.replace(b"GET", b"OPTIONS")) * 500,
        most_bytes=3 * 10**6,
    ),
    "small posts behind each other, 4": pouring(
        4, nothing, sized(b"POST / HTTP/1.1\r\n" + HOST, b"{}") * 500, most_bytes=3 * 10**6
    ),
    "polls with a key behind each other, 4": lambda target: pouring(
        4, nothing, target.get(f"/v1/videos/{target.job_id}") * 100, most_bytes=3 * 10**6
    )(target),
}
HEADS: Mapping[str, Run] = {
    "expecting 100-continue, 20": asking(
        20,
        lambda _: (
            b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        ),
    ),
    "heads without end, 200": pouring(
        200, lambda _: b"GET / HTTP/1.1\r\n", b"a:\r\n" * 2500, most_bytes=300_000
    ),
    "heads that drip, 1,500": dripping(1500, lambda _: b"GET / HTTP/1.1\r\nX: ", 1, per_s=1),
    "12,000 headers, 20": asking(
        20, lambda _: b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 12_000 + b"\r\n"
    ),
    "a header of 60 KB, 20": asking(
        20, lambda _: b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 60_000 + b"\r\n\r\n"
    ),
    "queries of 30,000 parameters, 10": asking(
        10, lambda _: b"GET /?" + b"a&" * 30_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    ),
    "paths of 20,000 escapes, 10": asking(
        10, lambda _: b"GET /" + b"%41" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    ),
    "upgrades to websockets, 20": asking(20, lambda _: GET[:-2] + UPGRADE),
    "TLS where there is none, 20": asking(20, lambda _: TLS_HELLO),
    "wrong keys, 20": asking(
        20, lambda _: b"GET /v1/videos HTTP/1.1\r\n" + HOST + b"Authorization: Bearer x\r\n\r\n"
    ),
    "gone before the answer, 20": resetting(20, lambda target: target.get("/v1/videos")),
}
BODIES: Mapping[str, Run] = {
    "trailers without end, 20": pouring(
        20, lambda _: UPLOAD + CHUNKED + b"0\r\n", b"a:\r\n" * 2500, most_bytes=2 * 10**6
    ),
    "chunks of a byte, 4": pouring(4, lambda _: UPLOAD + MULTIPART + CHUNKED, b"1\r\nx\r\n" * 5000),
    "chunks of a byte with a key, 4": pouring(
        4, lambda target: keyed(target, MULTIPART + CHUNKED), b"1\r\nx\r\n" * 5000
    ),
    "extensions of a chunk without end, 4": pouring(
        4, lambda _: UPLOAD + CHUNKED + b"1;", b"x" * 32_768
    ),
    "part heads without end, 4": pouring(
        4,
        lambda _: UPLOAD + MULTIPART + CHUNKED,
        b"%x\r\n%b\r\n" % (28_000, b"--cut\r\nA: b" * 2333 + b"----"),
    ),
    "forms of 100,000 parts, 4": asking(4, lambda _: sized(UPLOAD + MULTIPART, many_parts())),
    "forms of 100,000 parts with a key, 4": asking(
        4, lambda target: sized(keyed(target, MULTIPART), many_parts())
    ),
    "forms of escapes, 2": asking(2, lambda _: sized(UPLOAD + URLENCODED, b"%41" * 1_000_000)),
    "forms of escapes with a key, 2": asking(
        2, lambda target: sized(keyed(target, URLENCODED), b"%41" * 1_000_000)
    ),
    "forms of 60 MB of escapes with a key, 2": asking(
        2, lambda target: sized(keyed(target, URLENCODED), b"a=" + b"%41" * 20_000_000)
    ),
    "99,000 lists in each other with a key, 4": asking(
        4, lambda target: submitting(target, b"[" * 99_000)
    ),
    "60 MB of small texts with a key, 2": asking(
        2, lambda target: submitting(target, b"[" + b'"ab",' * 12_000_000 + b"0]")
    ),
    "60 MB in one JSON string with a key, 2": asking(
        2, lambda target: sized(keyed(target), b'{"model": "' + b"a" * 60 * 10**6 + b'"}')
    ),
    "60 MB in one form field with a key, 2": asking(
        2,
        lambda target: sized(
            keyed(target, MULTIPART), (PART % 1)[:-3] + b"a" * 60 * 10**6 + b"\r\n--cut--\r\n"
        ),
    ),
    "pictures of 19 MB with a key, 6": asking(
        6, lambda target: submitting(target, in_json(large_picture()))
    ),
    "submits with a key, 20": asking(
        20, lambda target: submitting(target, in_json(small_picture()))
    ),
    "bodies held open with a key, 5": dripping(
        5, lambda target: keyed(target, b"Content-Length: 60000000\r\n\r\n"), 50 * 10**6
    ),
    "uploads held open, 5": dripping(
        5, lambda _: UPLOAD + MULTIPART + b"Content-Length: 20000000\r\n\r\n", 16 * 10**6
    ),
}
ANSWERS: Mapping[str, Run] = {
    "lists of 100 with a key, 20": asking(20, lambda target: target.get("/v1/videos?limit=100")),
    "filtered lists with a key, 8": asking(
        8, lambda target: target.get("/api/v1/tasks?page_size=100&status=CANCELED")
    ),
    "descriptions of the API, 20": asking(
        20, lambda _: b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    ),
    "5,000 ranges with a key, 20": asking(
        20,
        lambda target: (
            target.get(f"/v1/videos/{target.video_id}/content")[:-2]
            + b"Range: bytes="
            + b",".join(b"%d-%d" % (n * 10, n * 10 + 1) for n in range(5000))
            + b"\r\n\r\n"
        ),
    ),
    "drawings of a broken video with a key, 28": asking(
        28, lambda target: target.get(f"/v1/videos/{target.video_id}/content?variant=spritesheet")
    ),
    "slow readers of a video of 73 MB, 500": holding(
        500, lambda target: target.get(f"/v1/videos/{target.video_id}/content"), window_bytes=4096
    ),
    "slow readers of a list, 500": holding(
        500, lambda target: target.get("/v1/videos?limit=100") * 20, window_bytes=4096
    ),
}
CROWDS: Mapping[str, Run] = {
    "idle connections, 3,000": holding(3000, nothing, source=ELSEWHERE),
    "idle connections of the same address, 3,000": holding(3000, nothing),
    "calls that wait with a key, 3,000": holding(
        3000, lambda target: target.get(f"/v1/videos/{target.job_id}?wait=60"), source=ELSEWHERE
    ),
    "streams of events with a key, 3,000": holding(
        3000, lambda target: target.get(f"/v1/videos/{target.job_id}/events"), source=ELSEWHERE
    ),
    "streams that end at once with a key, 20": asking(
        20, lambda target: target.get(f"/v1/videos/{target.video_id}/events")
    ),
}
LOADS: Mapping[str, Run] = {**PIPELINES, **HEADS, **BODIES, **ANSWERS, **CROWDS}


async def run(name: str, target: Target, seconds: float) -> None:
    tasks = [asyncio.ensure_future(each) for each in LOADS[name](target)]
    print("begun", flush=True)
    await asyncio.wait(tasks, timeout=seconds)


def main() -> None:
    name, url, key, job_id, video_id, seconds = sys.argv[1:]
    host, port = url.removeprefix("http://").split(":")
    if not host.startswith("127."):
        raise SystemExit("a siege is for a server of this machine")
    uvloop.run(run(name, Target(host, int(port), key, job_id, video_id), float(seconds)))


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # thousands of connections are the kernel's to close
