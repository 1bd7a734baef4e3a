"""What an upstream's answer to a cancel comes to: a refusal inside a 200 is no consent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from unstill.assembly import remotes_of
from unstill.net.fetcher import Fetcher
from unstill.settings.engines import HOSTED, EngineSettings, OpenAiVideosSettings
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import Cancellation, Cancelled, Ticket, TooLate


async def cancelled(kind: str, status: int, body: object, data_dir: Path) -> Cancellation:
    """What a server of this kind that answers so is understood to say."""
    data = msgspec.json.encode(body)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(data), data))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        engine: EngineSettings = HOSTED["dashscope"](base_url=f"http://127.0.0.1:{port}/api/v1")
        if kind != "dashscope":
            address = f"http://127.0.0.1:{port}/v1"
            engine = OpenAiVideosSettings(base_url=address, server="vllm-omni")
        server = ServerSettings(data_dir=str(data_dir))
        fetcher = Fetcher()
        remote = remotes_of(Settings(server=server, engines={"up": engine}), fetcher)["up"]
        try:
            return await remote.cancel(Ticket("job", "t-1", "model", 0))
        finally:
            await remote.close()
            await fetcher.close()


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("dashscope", 200, {"request_id": "r"}),
        ("dashscope", 200, {}),
        ("vllm-omni", 200, {"id": "t-1", "deleted": True}),
        ("vllm-omni", 202, {}),
        ("vllm-omni", 200, {"id": "t-1", "status": "in_progress", "deleted": True}),
    ],
)
async def test_a_consent_is_one(tmp_path: Path, kind: str, status: int, body: object) -> None:
    assert await cancelled(kind, status, body, tmp_path) == Cancelled()


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("dashscope", 400, {"code": "UnsupportedOperation", "message": "no"}),
        ("dashscope", 200, {"code": "UnsupportedOperation", "message": "no"}),
        ("vllm-omni", 404, {"detail": "no"}),
        ("vllm-omni", 200, {"id": "t-1", "deleted": False}),
        # It would delete what is finished and paid for, and say that it has.
        ("vllm-omni", 200, {"id": "t-1", "status": "completed", "deleted": True}),
    ],
)
async def test_what_can_no_longer_be_stopped_goes_on(
    tmp_path: Path, kind: str, status: int, body: object
) -> None:
    assert await cancelled(kind, status, body, tmp_path) == TooLate()


@pytest.mark.parametrize("kind", ["dashscope", "vllm-omni"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"success": False, "message": "try later"}),
        (200, {"error": {"message": "try later"}}),
        (500, {"message": "try later"}),
        (303, {"message": "try later"}),
    ],
)
async def test_an_error_is_no_consent_whatever_its_status(
    tmp_path: Path, kind: str, status: int, body: object
) -> None:
    with pytest.raises(Trouble, match="try later"):
        await cancelled(kind, status, body, tmp_path)
