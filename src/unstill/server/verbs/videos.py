"""What is asked of finished videos, and of the pictures that they were made of: their bytes."""

from __future__ import annotations

from unstill.dialects.port import Described, ServesContent
from unstill.server.exchange import Exchange
from unstill.server.open_files import most_downloads
from unstill.server.own_job_routes import role_in
from unstill.server.picture_file import send_picture
from unstill.server.server_limits import ServerLimits
from unstill.server.video_file import Openings, send_video
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service


class VideoVerbs:
    """The verbs that are about a job's files."""

    def __init__(self, *, service: Service, downloads: Downloads, limits: ServerLimits) -> None:
        self._service = service
        self._downloads = downloads
        self._openings = Openings(
            most_downloads(limits.connections, limits.downloads),
            per_address=limits.downloads_per_address,
            per_owner=limits.downloads_per_owner,
        )

    async def content(self, exchange: Exchange[ServesContent]) -> None:
        dialect = exchange.dialect
        variant = dialect.variant(exchange.call)
        job_id = dialect.job_id(exchange.call)
        job = await self._service.find(job_id, exchange.owner)
        stored = await self._downloads.file(
            job, variant, lambda job: dialect.state_word(job, exchange.call)
        )
        await send_video(
            stored,
            job_id=job_id,
            owner=job.owner,
            request_id=exchange.call.request_id,
            inline=False,
            openings=self._openings,
            asgi=(exchange.scope, exchange.receive, exchange.send),
        )

    async def link(self, exchange: Exchange[Described]) -> None:
        call = exchange.call
        owner, stored = await self._downloads.linked(
            call.path["job_id"],
            call.path["variant"],
            call.query.get("expires", ""),
            call.query.get("signature", ""),
        )
        await send_video(
            stored,
            job_id=call.path["job_id"],
            owner=owner,
            request_id=call.request_id,
            inline=True,
            openings=self._openings,
            asgi=(exchange.scope, exchange.receive, exchange.send),
        )

    async def picture(self, exchange: Exchange[Described]) -> None:
        job = await self._service.find(exchange.call.path["job_id"], exchange.owner)
        role = role_in(exchange.call)
        await send_picture(
            await self._downloads.picture(job, role),
            role,
            job_id=job.id,
            owner=job.owner,
            request_id=exchange.call.request_id,
            openings=self._openings,
            asgi=(exchange.scope, exchange.receive, exchange.send),
        )
