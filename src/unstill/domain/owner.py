"""Whose jobs they are: the name that the operator gave to whoever calls, never the key itself."""

from __future__ import annotations

from typing import NewType

# A type of its own, so that no job's id, key or address is taken for one. Its text is stored in
# rows and signed into uploads' policies.
Owner = NewType("Owner", str)

EVERYONE = Owner("everyone")  # owns all jobs while no key is configured
NOBODY = Owner("")  # calls of open routes, which no key is asked of
