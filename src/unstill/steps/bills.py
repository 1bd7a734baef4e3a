"""What is billed of a job's video, as far as that is known when the job ends. Pure.

How long it is, is the upstream's word; where it has none, the video's frames by their rate. Where
there is no video any more, or it has no rate, it is as long as it was asked for.

What it costs, is the upstream's word too, where it says so in a currency whose worth is set; else
the engine's cost by the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec

from unstill.domain.job import Job, Video
from unstill.domain.money import SECOND_NS, Bill, billed_ns
from unstill.domain.tariff import Tariff
from unstill.models.card import Card
from unstill.models.costs import Costs
from unstill.upstreams.usage import (
    MOST_BILLED_S,
    Usage,
    billed_seconds,
    is_billed,
    told_millionths,
)

_MOST_NS = int(MOST_BILLED_S) * SECOND_NS


class Bills:
    """By the tariff of now; a price that was agreed on is in the book."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs

    @classmethod
    def by(cls, tariff: Tariff, cards: Mapping[str, Card]) -> Self:
        """`cards`: by the models' own ids."""
        return cls(Costs(tariff, cards))

    def made(self, job: Job, video: Video) -> Bill:
        """What a video has cost that is there."""
        usage = {} if job.result is None else job.result.usage
        told_s = billed_seconds(usage)
        if told_s is None and video.frame_rate <= 0:  # an mp4 need not tell one
            return self._told(job, usage)
        return self._of(job, billed_ns(told_s, video.frame_count, video.frame_rate), usage)

    def finished(self, job: Job) -> Bill:
        """What a video has cost that its engine has finished, and that has come to nothing here."""
        return self._told(job, {} if job.result is None else job.result.usage)

    def failed(self, job: Job, usage: Usage | None) -> Bill | None:
        """What a job has cost that its upstream has failed; None where it has used nothing for it.

        usage: None where the upstream has not said how it ended, so that nobody knows.
        """
        if usage is None:
            return msgspec.structs.replace(self._told(job, {}), is_known=False)
        return self._told(job, usage) if is_billed(usage) else None

    def _told(self, job: Job, usage: Usage) -> Bill:
        billed = billed_ns(billed_seconds(usage), job.request.duration_s, 1.0)
        return self._of(job, billed, usage)

    def _of(self, job: Job, billed: int, usage: Usage) -> Bill:
        model = job.upstream_model or job.request.model
        told = told_millionths(usage)
        cost = None if told is None else self._costs.told(told, "USD")
        if cost is None:
            cost = self._costs.of(job.engine, model, job.request)
        return Bill(min(billed, _MOST_NS), job.engine, model, cost)


WITHOUT_COSTS = Bills(Costs(Tariff(), {}))
