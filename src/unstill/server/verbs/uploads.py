"""What is asked of uploads: leave for one, and the one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unstill.dialects.call import UploadLeave
from unstill.dialects.port import TakesUploads
from unstill.domain.owner import Owner
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.service.uploads import Uploading


class UploadVerbs:
    """The verbs that are about pictures sent ahead of their requests."""

    def __init__(self, *, uploading: Uploading, public_url: str) -> None:
        """`public_url`: where uploads go; empty: the caller's own scheme and host."""
        self._uploading = uploading
        self._public_url = public_url

    async def policy(self, exchange: Exchange[TakesUploads]) -> Answer:
        dialect = exchange.dialect
        model = dialect.policy_model(exchange.call)
        signed = self._uploading.policy(model, exchange.owner, models=exchange.caller.models)
        leave = UploadLeave(
            policy=signed.policy,
            signature=signed.signature,
            upload_dir=signed.upload_dir,
            upload_host=(self._public_url or exchange.own_url) + dialect.upload_path,
            life_s=signed.life_s,
            most_bytes=signed.most_bytes,
        )
        return json_answer(dialect.policy(exchange.call, leave))

    async def upload(self, exchange: Exchange[TakesUploads]) -> Answer:
        form = exchange.dialect.upload_form(exchange.call)
        await self._uploading.keep(form.policy, form.signature, form.key, form.data)
        return Answer(200, b"")

    def owner_by(self, dialect: TakesUploads) -> Callable[[Mapping[str, Any]], Owner]:
        """Whose upload a form of this dialect is, by its fields before the file."""
        return lambda form: self._uploading.owner_of(*dialect.upload_leave(form))
