"""Keys as operators see them, and what a new one is made of. A key itself is told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.domain.api_key import ApiKey, KeyState, digest_of, new_key_id
from unstill.domain.caller import Scope
from unstill.domain.errors import BadField, MissingField
from unstill.domain.limits import OF_KEYS, UNLIMITED, with_changes
from unstill.domain.owner import NAME, owner_named
from unstill.models.card import Card
from unstill.models.catalogue import Catalogue
from unstill.server.admin.bodies import check_names
from unstill.server.admin.limits import Told, changes_in, limits_told, name_of, optional_schema
from unstill.service import key_rules

FIELDS = ("owner", "name", "scope", "models", "networks", "expires", "limits")
LIMITS = tuple(map(name_of, OF_KEYS))
SHOWN_NEW: dict[str, Any] = {"owner": "team-a", "name": "laptop", "expires": "90d"}


class AdminKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without the key. Times are Unix milliseconds, null for never.

    models: null for any. networks: empty for anywhere. limits: of its own, null for none; its
    owner's hold as well.
    """

    id: str
    name: str
    owner: str
    scope: Scope
    state: KeyState
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None
    models: list[str] | None
    networks: list[str]
    limits: dict[str, Told]


class AdminKeys(msgspec.Struct, frozen=True):
    data: list[AdminKey]


class NewAdminKey(AdminKey, frozen=True, kw_only=True):
    """A new key, and what is kept of it; the key is told in this answer alone."""

    key: str


def key_told(key: ApiKey, now_ms: int) -> AdminKey:
    return AdminKey(**_fields(key, now_ms))


def new_key_told(key: ApiKey, text: str, now_ms: int) -> NewAdminKey:
    return NewAdminKey(**_fields(key, now_ms), key=text)


def _fields(key: ApiKey, now_ms: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scope": key.scope,
        "state": key.state(now_ms),
        "created_ms": key.created_ms,
        "expires_ms": key.expires_ms,
        "revoked_ms": key.revoked_ms,
        "used_ms": key.used_ms,
        "models": None if key.models is None else list(key.models),
        "networks": list(key.networks),
        "limits": limits_told(key.limits, OF_KEYS),
    }


def wanted_key(body: Mapping[str, Any], text: str, catalogue: Catalogue, now_ms: int) -> ApiKey:
    """The key that a body asks for, whose text is `text`; unnamed if it names none.

    Raises BadField, MissingField, UnknownModel.
    """
    if body.get("owner") is None:
        raise MissingField("owner", "whose jobs its calls make and see")
    name, expires = _text(body, "name"), _text(body, "expires")
    models, networks = _texts(body, "models"), _texts(body, "networks")
    return ApiKey(
        id=new_key_id(),
        name="" if name is None else key_rules.checked_name("name", name),
        owner=owner_named("owner", body["owner"]),
        digest=digest_of(text.encode()).hex(),
        scope=_scope(_text(body, "scope")),
        created_ms=now_ms,
        models=None if models is None else key_rules.models_of("models", models, catalogue),
        networks=() if networks is None else key_rules.networks_of("networks", networks),
        expires_ms=None if expires is None else key_rules.moment_ms_of("expires", expires, now_ms),
        limits=with_changes(UNLIMITED, changes_in(_limits(body), OF_KEYS)),
    )


def _scope(given: str | None) -> Scope:
    if given is None:
        return Scope.USER
    if given not in set(Scope):
        raise BadField("scope", " or ".join(Scope), given)
    return Scope(given)


def _limits(body: Mapping[str, Any]) -> dict[str, Any]:
    """Raises BadField, for one that there is not too: it would be no limit."""
    value = body.get("limits")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadField("limits", "an object", value)
    check_names(value, LIMITS)
    return value


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadField(name, "text", value)
    return value


def _texts(body: Mapping[str, Any], name: str) -> list[str] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadField(name, "a list of texts", value)
    return value


def new_schema(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    text, texts = {"type": ["string", "null"]}, {"type": ["array", "null"], "minItems": 1}
    listed = texts | {"items": {"type": "string"}}
    return {
        "type": "object",
        "properties": {
            "owner": {"type": "string", "pattern": f"^{NAME.pattern}$"},
            "name": text | {"maxLength": key_rules.MOST_NAME_CHARS},
            "scope": {"enum": [*Scope, None]},
            "models": listed | {"description": "Only these; null for any."},
            "networks": listed | {"description": "Only from these CIDRs; null for anywhere."},
            "expires": text
            | {"description": "An ISO 8601 time, or 90d, 12h, 30m, 30s from now; null for never."},
            "limits": optional_schema(),
        },
        "required": ["owner"],
        "additionalProperties": False,
    }
