"""Whose jobs they are: the name that the operator gave to whoever calls, never the key itself."""

from __future__ import annotations

import re
from typing import NewType

from unstill.domain.errors import BadField

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

# A type of its own, so that no job's id, key or address is taken for one. Its text is stored in
# rows and signed into uploads' policies.
Owner = NewType("Owner", str)

EVERYONE = Owner("everyone")  # owns all jobs while no key is configured
NOBODY = Owner("")  # calls of open routes, which no key is asked of


def owner_named(param: str, name: object) -> Owner:
    """An owner as an operator names one. Raises BadField by the operator's name of the field."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadField(param, "1 to 64 letters, digits, - and _", name)
    return Owner(name)
