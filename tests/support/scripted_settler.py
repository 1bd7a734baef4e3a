"""A scripted upstream that can tell what became of a call, as a test tells it."""

from __future__ import annotations

import asyncio

import msgspec

from support.scripted_upstream import Act, ScriptedRemote
from unstill.upstreams.port import Accepted, Prepared, Submission, UpstreamRequest


class ScriptedSettler(ScriptedRemote):
    """Answers questions by the list; after the last, it has the call."""

    def __init__(self, name: str = "bailian") -> None:
        super().__init__(name)
        self.answers_to_questions: list[Submission | Exception | Act] = []
        self.is_silent = False  # what it answers to all that are not in the list is nothing
        self.asked: list[tuple[str, str, float]] = []  # job, key and age, one for each question

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        prepared = await super().prepare(upstream_request)
        return msgspec.structs.replace(prepared, key=upstream_request.key)

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        self.asked.append((prepared.path, prepared.key, age_s))
        answer = self.answers_to_questions.pop(0) if self.answers_to_questions else None
        match answer:
            case None if self.is_silent:
                await asyncio.Event().wait()
                raise AssertionError
            case None:
                return Accepted(f"found-{prepared.path}")
            case Exception():
                raise answer
            case msgspec.Struct():
                return answer
            case _:
                return await answer()
