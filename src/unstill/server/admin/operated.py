"""What operators look at and change, as the product has it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unstill.domain.engine import Local
from unstill.domain.resolution import CallCosts
from unstill.server.metrics.reading import Sources
from unstill.server.operator_watch import OperatorWatch
from unstill.store.ports.retention import Kept
from unstill.store.ports.store import Store


class Operated(msgspec.Struct, frozen=True):
    """The parts of a product that its operators ask, besides what its callers ask.

    sources: what the metrics are read from. keep_ms: for how long what is kept for a while only.
    costs: what calls cost by the settings.
    """

    store: Store
    sources: Sources
    watch: OperatorWatch
    local_engines: Mapping[str, Local]
    keep_ms: Mapping[Kept, int]
    costs: CallCosts
