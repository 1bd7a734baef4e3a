"""What is asked of uploads: leave for one, and the one."""

from __future__ import annotations

from collections.abc import Mapping

from unstill.dialects.apis.dashscope.dialect import OBJECTS
from unstill.dialects.port import Verb as VerbName
from unstill.server.exchange import Answer, Exchange, Verb, json_answer
from unstill.service.uploads import Uploading


class UploadVerbs:
    """The verbs that are about pictures sent ahead of their requests."""

    def __init__(self, *, uploading: Uploading, public_url: str) -> None:
        """`public_url`: where uploads go; empty: the caller's own scheme and host."""
        self._uploading = uploading
        self._public_url = public_url
        self.by_name: Mapping[VerbName, Verb] = {"policy": self._policy, "upload": self._upload}

    async def _policy(self, exchange: Exchange) -> Answer:
        dialect = exchange.dashscope
        model = dialect.policy_model(exchange.call)
        signed = self._uploading.policy(model, exchange.owner)
        return json_answer(
            dialect.policy(
                exchange.call,
                policy=signed.policy,
                signature=signed.signature,
                upload_dir=signed.upload_dir,
                upload_host=(self._public_url or exchange.own_url) + OBJECTS,
                life_s=signed.life_s,
                most_bytes=signed.most_bytes,
            )
        )

    async def _upload(self, exchange: Exchange) -> Answer:
        form = exchange.dashscope.upload_form(exchange.call)
        await self._uploading.keep(form.policy, form.signature, form.key, form.data)
        return Answer(200, b"")
