"""What an engine charges for a request, by the tier that its model's card charges it by."""

from __future__ import annotations

from collections.abc import Mapping

from unstill.domain.money import CostRate
from unstill.domain.request import VideoRequest
from unstill.domain.tariff import Tariff
from unstill.models.card import Card
from unstill.models.sizes import charged_tier


class Costs:
    """What all engines cost, by a tariff."""

    def __init__(self, tariff: Tariff, cards: Mapping[str, Card]) -> None:
        """`cards`: by the models' own ids."""
        self._tariff = tariff
        self._cards = cards

    def of(self, engine: str, upstream_model: str, request: VideoRequest) -> CostRate | None:
        """None where it costs nothing. An engine of this machine names a model as unstill does."""
        if self._tariff.is_empty:
            return None
        card = self._cards.get(request.model)
        tier = request.tier if card is None else charged_tier(card, request)
        return self._tariff.cost(engine, upstream_model, tier)

    def told(self, millionths: int, currency: str) -> CostRate | None:
        """What an upstream itself says to charge; None where the settings do not know its worth."""
        return self._tariff.told(millionths, currency)
