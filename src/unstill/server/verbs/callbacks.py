"""What upstreams call back with."""

from __future__ import annotations

from unstill.dialects.port import Described
from unstill.server.body import Bodies
from unstill.server.exchange import Exchange
from unstill.service.callbacks import Callbacks

MOST_BODY_BYTES = 256 * 1024


class CallbackVerbs:
    def __init__(self, callbacks: Callbacks, bodies: Bodies) -> None:
        """`bodies`: of strangers, whose memory is apart."""
        self._callbacks = callbacks
        self._bodies = bodies

    async def heed(self, exchange: Exchange[Described]) -> None:
        """Counted before it is read, read as it came, and believed in nothing but its sender."""
        call, address = exchange.call, exchange.address
        engine, job_id = call.path["engine"], call.path["job_id"]
        self._callbacks.count(engine, job_id, address)
        with self._bodies.gate(address, most_bytes=MOST_BODY_BYTES) as gate:
            body = await self._bodies.read_raw(call.headers, exchange.receive, gate)
            await self._callbacks.heed(engine, job_id, call.headers, body)
        told = [(b"x-request-id", call.request_id.encode())]
        await exchange.send({"type": "http.response.start", "status": 204, "headers": told})
        await exchange.send({"type": "http.response.body", "body": b""})
