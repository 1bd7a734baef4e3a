"""Names of a form's fields that spell a place in brackets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.body_pieces import form_of
from unstill.domain.errors import BadBody
from unstill.server.form import (
    MOST_LIST_ITEMS,
    MOST_NAME_DEPTH,
    put,
)


@pytest.mark.parametrize(
    ("pairs", "form"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a[b]", "1"), ("a[c]", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("a[b][c]", "1")], {"a": {"b": {"c": "1"}}}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[0]", "1"), ("a[1]", "2")], {"a": ["1", "2"]}),
        ([("a[0][b]", "1"), ("a[0][c]", "2")], {"a": [{"b": "1", "c": "2"}]}),
        # As the SDKs flatten a list of objects: a key that is there already begins the next one.
        (
            [("a[][x]", "1"), ("a[][y][z]", "2"), ("a[][x]", "3")],
            {"a": [{"x": "1", "y": {"z": "2"}}, {"x": "3"}]},
        ),
        ([("a[][b][]", "1"), ("a[][b][]", "2")], {"a": [{"b": ["1", "2"]}]}),
        ([("a b[ c ]", "1")], {"a b": {" c ": "1"}}),
    ],
)
def test_a_bracketed_name_spells_its_place(
    pairs: list[tuple[str, object]], form: dict[str, object]
) -> None:
    assert form_of(*pairs) == form


@pytest.mark.parametrize("name", ["", "[a]", "a[", "a]", "a[b]c", "a[[b]]", "a[b"])
def test_a_name_that_spells_no_place_is_refused(name: str) -> None:
    with pytest.raises(BadBody, match="cannot be understood"):
        form_of((name, "1"))


@pytest.mark.parametrize(
    "names",
    [
        ("a", "a"),
        ("a", "a[b]"),
        ("a[b]", "a"),
        ("a[b]", "a[b]"),
        ("a[b]", "a[]"),
        ("a[]", "a[b]"),
        ("a[]", "a[][b]"),
        ("a[0]", "a[0]"),
        ("a[1]",),
        ("a[0][b]", "a[2][b]"),
    ],
)
def test_names_that_contradict_each_other_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BadBody, match="contradict"):
        form_of(*((name, "1") for name in names))


@pytest.mark.parametrize("depth", [MOST_NAME_DEPTH, MOST_NAME_DEPTH + 1])
def test_a_name_is_so_deep_and_no_deeper(depth: int) -> None:
    name = "a" + "[b]" * (depth - 1)

    if depth > MOST_NAME_DEPTH:
        with pytest.raises(BadBody, match="nested too deeply"):
            form_of((name, "1"))
    else:
        assert form_of((name, "1"))


@pytest.mark.parametrize("name", ["a[]", "a[{n}]", "a[][x]"])
def test_a_list_has_so_many_items_and_no_more(name: str) -> None:
    pairs = [(name.format(n=n), n) for n in range(MOST_LIST_ITEMS + 1)]

    assert len(form_of(*pairs[:-1])["a"]) == MOST_LIST_ITEMS
    with pytest.raises(BadBody):
        form_of(*pairs)


@given(st.lists(st.tuples(st.text(alphabet="ab[]01٣", max_size=14), st.integers()), max_size=8))
def test_any_names_make_a_form_or_a_bad_body(pairs: list[tuple[str, int]]) -> None:
    form: dict[str, Any] = {}
    kept = 0
    for name, value in pairs:
        try:
            put(form, name, value)
        except BadBody:
            continue
        kept += 1

    assert len(list(leaves(form))) == kept


def leaves(value: object) -> Iterable[object]:
    match value:
        case dict():
            for inner in value.values():
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case _:
            yield value
