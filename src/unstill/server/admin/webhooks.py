"""What is owed to receivers of webhooks, as operators see it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.delivery import Delivery, DeliveryState
from unstill.store.ports.outbox import OutboxStanding

MOST_TOLD = 50


class AdminWebhook(msgspec.Struct, frozen=True):
    """A job's delivery. receiver: the host, or the owner where the settings say the address.

    due_ms: when it is tried next, or was to be.
    """

    job_id: str
    owner: str
    receiver: str
    state: DeliveryState
    tries: int
    due_ms: int
    last_error: str | None


class AdminWebhooks(msgspec.Struct, frozen=True):
    """owed: to be delivered, `failing` of them tried in vain.

    oldest_ms: when the first job ended whose end is still to be told. given_up_day: in the last
    24 hours. data: of the newest 50 jobs that owed any.
    """

    owed: int
    oldest_ms: int | None
    failing: int
    given_up_day: int
    data: list[AdminWebhook]


def webhooks_told(standing: OutboxStanding, newest: Sequence[Delivery]) -> AdminWebhooks:
    return AdminWebhooks(
        standing.owed,
        standing.oldest_ms,
        standing.failing,
        standing.given_up,
        [_webhook(each) for each in newest],
    )


def _webhook(delivery: Delivery) -> AdminWebhook:
    return AdminWebhook(
        delivery.job_id,
        delivery.owner,
        delivery.receiver,
        delivery.state,
        delivery.tries,
        delivery.due_ms,
        delivery.last_error,
    )


SHOWN = AdminWebhooks(
    1,
    1_795_968_000_000,
    1,
    0,
    [
        AdminWebhook(
            "01a22851-6b96-799b-bd35-387be27fa127",
            "team-a",
            "hooks.example.com",
            DeliveryState.OWED,
            3,
            1_795_968_090_000,
            "answered 503",
        )
    ],
)
