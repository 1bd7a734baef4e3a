"""Deliveries as rows and back, in whichever store.

The columns of the table are the fields of `Delivery`, by the same names, but for those that its
job's row has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unstill.domain.delivery import Delivery, DeliveryState

OF_JOB = ("request_id", "trace")
COLUMNS = tuple(each for each in Delivery.__struct_fields__ if each not in OF_JOB)


def delivery_of(row: Sequence[Any]) -> Delivery:
    """The delivery of a row; one that was not read to be tried has nothing of its job."""
    values = dict(zip((*COLUMNS, *OF_JOB), row, strict=False))
    values["state"] = DeliveryState(values["state"])
    return Delivery(**values)


def settlement_of(delivery: Delivery) -> tuple[str | int | None, ...]:
    """The parameters of a store's `SETTLE`, of a delivery after one more try."""
    return (
        delivery.state,
        delivery.tries,
        delivery.due_ms,
        delivery.last_error,
        delivery.ended_ms,
        delivery.job_id,
        delivery.tries - 1,
        delivery.until_ms,
    )
