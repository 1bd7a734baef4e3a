"""Keys as rows, by the fields that a test is about."""

from __future__ import annotations

from typing import Any

from unstill.domain.api_key import ApiKey, digest_of
from unstill.domain.caller import Scope
from unstill.domain.owner import Owner
from unstill.store.ports.keys import Decide

NOW_MS = 1_800_000_000_000


def a_key(key_id: str = "key_1", *, key: str | None = None, **fields: Any) -> ApiKey:
    """`key`: its text, else one by its id."""
    filled: dict[str, Any] = {
        "id": key_id,
        "name": "laptop",
        "owner": Owner("team-a"),
        "digest": digest_of((key or f"unstill_{key_id}").encode()).hex(),
        "scope": Scope.USER,
        "created_ms": NOW_MS,
    }
    return ApiKey(**filled | fields)


def adding(key: ApiKey) -> Decide:
    """A change of rows that puts this one there, whatever the others are."""
    return lambda _standing: key
