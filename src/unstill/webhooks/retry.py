"""The retry of webhooks: when a failed delivery is tried again, or given up. Pure."""

from __future__ import annotations

import msgspec

from unstill.domain.backoff import WEBHOOK
from unstill.domain.delivery import Delivery, DeliveryState

MOST_JITTER = 0.1  # upwards: a receiver that comes back is not met by all at one moment


def after_failure(delivery: Delivery, why: str, now_ms: int, *, chance: float) -> Delivery:
    """Owed again after a pause, or given up if its time is over by then.

    chance: 0 to 1, how much of the jitter the pause has.
    """
    pause_ms = WEBHOOK.after_ms(delivery.tries + 1)
    due_ms = now_ms + int(pause_ms * (1 + MOST_JITTER * chance))
    failed = msgspec.structs.replace(delivery, tries=delivery.tries + 1, last_error=why)
    if due_ms <= delivery.until_ms:
        return msgspec.structs.replace(failed, due_ms=due_ms)
    return msgspec.structs.replace(failed, state=DeliveryState.GIVEN_UP, ended_ms=now_ms)
