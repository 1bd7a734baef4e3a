"""How tables of unstill.toml become values: msgspec takes them whole, or not at all.

What it refuses is looked for here, so that it is named as its operator wrote it, with what is
allowed, and with what was meant where that can be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import takewhile
from types import NoneType
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Meta, inspect

from unstill.domain.errors import BadSetting, shown

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Table = TypeVar("_Table", bound=msgspec.Struct)
_WORDS: Mapping[type[inspect.Type], str] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.StrType: "text",
    inspect.VarTupleType: "a list of texts",
}
_QUOTED = ("models", "costs", "tiers", "prices")  # tables of names that have dots in them
_TABLES = (inspect.StructType, inspect.UnionType, inspect.DictType)


def secret(what: str, pattern: str) -> Meta:
    """What is said of a text that may hold a password or a token: the text stays out of it."""
    return Meta(pattern=pattern, description=what, extra={"is_secret": True})


def converted(struct: type[_Table], table: object, where: str) -> _Table:
    """Raises BadSetting; `where` is what the operator calls the table."""
    try:
        return msgspec.convert(table, struct, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(struct, table, where) from error


def unknown(name: str, known: Iterable[str], named: Callable[[str], str] = str) -> BadSetting:
    close = closest(name, known)
    meant = f", did you mean {named(close)}?" if close else ""
    return BadSetting(named(name), f"is not a setting of unstill{meant}")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or nothing where nothing is near."""
    close = closest(name, known) if isinstance(name, str) else None
    return f"; did you mean {close}?" if close else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant; case and punctuation say nothing."""
    folded = {_folded(each): each for each in known}
    close = get_close_matches(_folded(name), folded, n=1)
    return folded[close[0]] if close else None


def _folded(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.casefold())


# --- what msgspec has refused --------------------------------------------------------------------


def _refusal(type_: Any, value: object, where: str) -> BadSetting:
    type_ = _given(type_)
    kind = inspect.type_info(type_)
    match kind:
        case inspect.StructType() if isinstance(value, dict):
            return _in_struct(type_, value, where)
        case inspect.UnionType() if isinstance(value, dict):
            return _in_one_of(get_args(type_), value, where)
        case inspect.DictType() if isinstance(value, dict):
            return _in_named(get_args(type_)[1], value, where)
        case inspect.Metadata(extra={"is_secret": True}):
            return BadSetting(where, f"must be {_allowed(kind)}")
        case _:
            reason = f"must be {_allowed(kind)}, got {_got(value)}{_mend(kind, value)}"
            return BadSetting(where, reason)


def _got(value: object) -> str:
    """A list by what is wrong with it: an entry that is no text, else how many there are."""
    if not isinstance(value, list):
        return shown(value)
    odd = next((each for each in value if not isinstance(each, str)), None)
    return f"a list of {len(value)}" if odd is None else f"a list with {shown(odd)} in it"


def _given(type_: Any) -> Any:
    """What a value of the type is where there is one; TOML has no word for none."""
    parts = get_args(type_)
    if NoneType in parts:
        return next(each for each in parts if each is not NoneType)
    return type_


def _in_struct(struct: type[msgspec.Struct], table: Mapping[str, object], where: str) -> BadSetting:
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    # Names first: one with a slip in it is no missing one.
    known = (*fields, struct.__struct_config__.tag_field)
    for name in (each for each in table if each not in known):
        is_broken = isinstance(table[name], dict) and closest(name, fields) is None
        if where.endswith('"') and is_broken:
            header = _in_quotes(where, _headers(name, table[name]), fields)
            return BadSetting(header.replace('"', ""), f"put the name in quotes: [{header}]")
        return unknown(name, fields, lambda each: f"{where}.{each}".lstrip("."))
    for name, field in fields.items():
        inner = f"{where}.{name}".lstrip(".")
        if name not in table and field.required:
            return BadSetting(inner, f"is needed: {_allowed(inspect.type_info(field.type))}")
        if name in table and not _is_taken(table[name], field.type):
            return _refusal(field.type, table[name], inner)
    raise AssertionError(where)


def _in_one_of(
    structs: Iterable[type[msgspec.Struct]], table: Mapping[str, object], where: str
) -> BadSetting:
    kinds = {str(each.__struct_config__.tag): each for each in structs}
    kind = table.get("kind")
    fields = {name for each in kinds.values() for name in each.__struct_fields__}
    tables = (name for name, value in table.items() if isinstance(value, dict))
    inner = next((name for name in tables if name not in fields), None)
    if kind is None and inner is not None:
        name = ".".join((where, *_headers(inner, table[inner]))).partition(".")[2]
        return BadSetting(where, f"must be named without dots, got {name}")
    if not isinstance(kind, str) or kind not in kinds:
        reason = f"must be {' or '.join(kinds)}, got {shown(kind)}{did_you_mean(kind, kinds)}"
        return BadSetting(f"{where}.kind", reason)
    for name in table:
        others = [each for each in kinds if name in kinds[each].__struct_fields__]
        if others and kind not in others:
            return BadSetting(f"{where}.{name}", f"is of kind {' or '.join(others)} only")
    return _in_struct(kinds[kind], table, where)


def _in_named(type_: Any, table: Mapping[str, object], where: str) -> BadSetting:
    name, value = next(each for each in table.items() if not _is_taken(each[1], type_))
    if isinstance(value, dict) and value and not isinstance(inspect.type_info(type_), _TABLES):
        # TOML takes `my.model = "x"` for a table in a table.
        whole = ".".join(each for each, _ in _down(name, value))
        return BadSetting(where, f'put the name in quotes: "{whole}"')
    inner = f'{where}."{name}"' if where.endswith(_QUOTED) else f"{where}.{name}"
    return _refusal(type_, value, inner)


def _headers(name: str, value: object) -> tuple[str, ...]:
    """What `[NAME.INNER]` was to be: the names of tables alone."""
    return tuple(each for each, inner in _down(name, value) if isinstance(inner, dict))


def _in_quotes(where: str, names: Sequence[str], fields: Collection[str]) -> str:
    """The header of a table whose name was broken at its dots; `fields` are tables within it."""
    own = tuple(takewhile(lambda each: each not in fields, names))
    inner = names[len(own) :][:1]
    return ".".join((f'{".".join((where[:-1], *own))}"', *inner))


def _down(name: str, value: object) -> Iterator[tuple[str, object]]:
    """The first value of a table, the first of that one, and so on."""
    yield name, value
    if isinstance(value, dict) and value:
        yield from _down(*next(iter(value.items())))


def _is_taken(value: object, type_: Any) -> bool:
    try:
        msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _allowed(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(extra_json_schema={"description": str(words)}):
            return words
        case inspect.LiteralType(values=values):
            return " or ".join(map(str, values))
        case inspect.IntType(ge=least) | inspect.FloatType(ge=least) if least is not None:
            limits = f" from {least} to {kind.le}" if kind.le is not None else f", {least} or more"
            return _WORDS[type(kind)] + limits
        case inspect.FloatType(gt=beyond) if beyond is not None:
            return f"a number above {beyond:g}" + (f", up to {kind.le:g}" if kind.le else "")
        case _:
            return _WORDS.get(type(kind), "a table")


def _mend(kind: inspect.Type, value: object) -> str:
    if isinstance(kind, inspect.LiteralType):
        return did_you_mean(value, map(str, kind.values))
    if isinstance(kind, inspect.VarTupleType) and isinstance(value, str):
        return f'; a list of one is ["{value}"]' if value.isprintable() and '"' not in value else ""
    return ""
