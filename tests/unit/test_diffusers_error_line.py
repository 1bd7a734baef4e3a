"""What a library's error says to an operator: one line, and of paths the last part."""

from __future__ import annotations

from unstill.engines.diffusers.child.error_line import in_a_line


def test_it_is_the_first_line_with_the_last_part_of_each_path() -> None:
    error = RuntimeError("no '/opt/lib/it.so' in /srv/weights: none\nat all")

    assert in_a_line(error) == "no 'it.so' in weights: none"


def test_an_error_without_words_is_its_name() -> None:
    assert in_a_line(RuntimeError("")) == "RuntimeError"
    assert in_a_line(KeyError()) == "KeyError"


def test_a_long_one_is_cut_and_shows_that() -> None:
    assert in_a_line(RuntimeError("w" * 160), longest=160) == "w" * 160
    assert in_a_line(RuntimeError("w" * 161), longest=160) == "w" * 160 + "…"
