"""How a table of unstill.toml, or the environment, becomes values.

Every refusal names the setting as its operator wrote it, what is allowed, and what was meant where
that can be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

import msgspec

from unstill.domain.errors import BadSetting, shown

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def table_of(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSetting(where, f"must be a table, got {shown(value)}")
    return value


def values_of(
    struct: type[msgspec.Struct],
    table: Mapping[str, object],
    prefix: str,
    *,
    spell: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The table's values in the types of the struct's fields.

    `prefix` and `spell` make a field's name what the operator calls it. Raises BadSetting.
    """
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    check_names(table, fields, prefix=prefix, spell=spell)
    values: dict[str, Any] = {}
    for name, value in table.items():
        type_ = fields[name].type
        try:
            values[name] = msgspec.convert(value, type_, strict=False)
        except msgspec.ValidationError as error:
            reason = f"must be {_allowed(type_)}, got {shown(value)}{_mend(type_, value)}"
            raise BadSetting(prefix + spell(name), reason) from error
    return values


def check_names(
    table: Iterable[str],
    known: Iterable[str],
    *,
    prefix: str,
    spell: Callable[[str], str] = str,
) -> None:
    known = tuple(known)
    for name in table:
        if name not in known:
            close = closest(name, known)
            meant = f"did you mean {prefix}{spell(close)}?" if close else "see the README"
            raise BadSetting(prefix + spell(name), f"is not a setting of unstill, {meant}")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or nothing where nothing is near."""
    close = closest(name, known) if isinstance(name, str) else None
    return f"; did you mean {close}?" if close else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant; case and punctuation say nothing."""
    folded = {_folded(each): each for each in known}
    close = get_close_matches(_folded(name), folded, n=1)
    return folded[close[0]] if close else None


def dotted(table: Mapping[str, object]) -> str | None:
    """What `[models.my.model]` was to be: the names inside of tables where there is no table."""
    for name, value in table.items():
        if isinstance(value, dict):
            rest = dotted(value)
            return name if rest is None else f"{name}.{rest}"
    return None


def spelt_out(name: str, value: object) -> str:
    """What `my.model = "x"` was to set: the name and those inside of it, down to the value."""
    while isinstance(value, dict) and value:
        inner, value = next(iter(value.items()))
        name = f"{name}.{inner}"
    return name


def _folded(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.casefold())


def _allowed(type_: Any) -> str:
    if get_origin(type_) is Literal:
        return " or ".join(get_args(type_))
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return words.get(type_, "a table of texts" if get_origin(type_) is dict else "a list of texts")


def _mend(type_: Any, value: object) -> str:
    if get_origin(type_) is Literal:
        return did_you_mean(value, get_args(type_))
    if get_origin(type_) is tuple and isinstance(value, str):
        return f'; a list of one is ["{value}"]' if value.isprintable() and '"' not in value else ""
    return ""
