"""Keys as rows and back, in whichever store.

The columns of the table are the fields of `ApiKey`, and of its limits, by the same names; lists
are JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unstill.domain.api_key import ApiKey
from unstill.domain.caller import Scope
from unstill.domain.limits import OF_KEYS, Limits
from unstill.domain.owner import Owner

_LIMITS = tuple(each.field for each in OF_KEYS)
COLUMNS = (*(name for name in ApiKey.__struct_fields__ if name != "limits"), *_LIMITS)
NAMES = ", ".join(COLUMNS)
ALL = f"SELECT {NAMES} FROM api_keys ORDER BY created_ms, id"  # noqa: S608  - field names
CHANGES = "SELECT number FROM api_key_changes"
# What is set for owners counts too: a server that follows both asks for one number.
CHANGED = "UPDATE api_key_changes SET number = number + 1"

_encode = msgspec.json.Encoder().encode
_texts_of = msgspec.json.Decoder(tuple[str, ...]).decode


def key_of(row: Sequence[Any]) -> ApiKey:
    values = dict(zip(COLUMNS, row, strict=True))
    models = values["models"]
    values["models"] = None if models is None else _texts_of(models)
    values["networks"] = _texts_of(values["networks"])
    limits = {each: values.pop(each) for each in _LIMITS}
    values["limits"] = msgspec.convert(limits, Limits)
    values["owner"], values["scope"] = Owner(values["owner"]), Scope(values["scope"])
    return ApiKey(**values)


def row_of(key: ApiKey) -> tuple[Any, ...]:
    values = msgspec.structs.asdict(key) | msgspec.structs.asdict(key.limits)
    values["models"] = None if key.models is None else _encode(key.models).decode()
    values["networks"] = _encode(key.networks).decode()
    values["scope"] = key.scope.value
    return tuple(values[name] for name in COLUMNS)
