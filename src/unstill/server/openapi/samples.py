"""The programs of a create call, as `x-codeSamples` of the description.

What any HTTP library sends, /docs writes by itself from the description; these it could not guess.
"""

from __future__ import annotations

from typing import Any

from unstill.dialects.port import Described
from unstill.dialects.route import SHOWN_MODEL, Route
from unstill.models.catalogue import USUAL, Catalogue, default_at


def sdk_samples(
    dialect: Described, route: Route[Any], catalogue: Catalogue
) -> list[dict[str, str]]:
    """With the model that the dialect takes where none is named, else the usual one."""
    model = default_at(dialect.name, catalogue.cards) or USUAL.id
    return [
        {
            "lang": each.language,
            "label": each.label,
            "source": each.source.replace(SHOWN_MODEL, model),
        }
        for each in route.programs
    ]
