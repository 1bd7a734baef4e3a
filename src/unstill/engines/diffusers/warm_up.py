"""The shapes that callers may ask for, to be compiled before they do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from unstill.domain.errors import BadField
from unstill.domain.request import Size, VideoRequest
from unstill.models.catalogue import CARDS
from unstill.models.sample_requests import sample_requests
from unstill.models.sizes import output_size

_WAYS = (Size(16, 9), Size(9, 16))  # what first frames are like, most of the time


def legal_shapes(
    models: Sequence[str], misfit: Callable[[VideoRequest], BadField | None]
) -> Iterator[tuple[Size, int]]:
    """Size and seconds of the models' tiers and lengths, each once, both ways up.

    models: canonical ids; misfit: the engine's, whose shapes alone are wanted.
    """
    told: set[tuple[Size, int]] = set()
    for card in (card for card in CARDS if card.id in models):
        for request in sample_requests(card):
            if misfit(request) is not None:
                continue
            for way in _WAYS:
                shape = output_size(card, request, way), request.duration_s
                if shape not in told:
                    told.add(shape)
                    yield shape
