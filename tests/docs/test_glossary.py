"""The glossary names classes that exist and words that are used; one class name is one thing.

And what stands beside code says of what it speaks.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

import pytest

from docs.pages import ROOT

GLOSSARY = ROOT / "docs/how-it-works/glossary.md"
SOURCES = {path: path.read_text("utf-8") for path in sorted((ROOT / "src/unstill").rglob("*.py"))}

# Names of classes that stand twice, and why they may.
TWICE = {
    "Answer": "the server's and the emulators': what goes out, on either side of a call",
    "Jobs": "the store's port and the emulators': these know nothing of the product's jobs",
    "Unsupported": "an upstream's answer to a cancel, which logs name, and an error's name",
}


def first_cells(heading: str) -> list[str]:
    """The first column of the table under a heading."""
    section = GLOSSARY.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [row.split("|")[1].strip() for row in rows[1:]]


def class_names() -> Counter[str]:
    return Counter(
        node.name
        for text in SOURCES.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    )


def new_types() -> set[str]:
    """The names of texts that have a type of their own."""
    return set(re.findall(r"^(\w+) = NewType\(", "\n".join(SOURCES.values()), flags=re.MULTILINE))


def test_every_class_that_the_glossary_names_exists() -> None:
    named = [re.sub("`", "", cell) for cell in first_cells("Main nouns")]

    assert len(named) > 30
    assert sorted(set(named) - set(class_names()) - new_types()) == []
    assert [name for name in named if named.count(name) > 1] == []


def test_every_word_of_the_glossary_is_used_in_the_code() -> None:
    words = first_cells("Words worth learning")
    source = "\n".join(SOURCES.values()).casefold()

    assert "attempt" in words
    assert [word for word in words if not re.search(rf"\b{word}s?\b", source)] == []


def test_a_class_name_stands_twice_only_where_there_is_a_reason() -> None:
    assert {name for name, count in class_names().items() if count > 1} == set(TWICE)
    assert len(TWICE) <= 15


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def without_a_subject(source: str) -> Iterator[str]:
    """Docstrings and comments that begin with "of": the reader has to find out what it is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and re.match(r"(?i)of\b", ast.get_docstring(node) or ""):
            yield f"{getattr(node, 'name', 'the module')}: its docstring"
    above = -1  # the last line that was a comment alone: what follows it goes on with its sentence
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            stands_alone = not token.line[:column].strip()
            goes_on = stands_alone and above == line - 1
            if re.match(r"(?i)#\s*of\b", token.string) and not goes_on:
                yield f"line {line}: {token.string}"
            above = line if stands_alone else -1


def test_a_docstring_or_a_comment_has_a_subject() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {each}"
        for path, text in SOURCES.items()
        for each in without_a_subject(text)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('"""Of a job."""\n', 1),
        ('def left() -> int:\n    """Of the pages."""\n', 1),
        ("MOST = 4  # of a region\n", 1),
        ("# Of a region.\nMOST = 4\n", 1),
        ("MOST = 4  # a region has no more\n", 0),
        ("# A region has at most four\n# of these.\nMOST = 4\n", 0),
        ("MOST = 4  # a region has\nLEAST = 1  # of these\n", 1),
        ("# Offers come by the page.\nMOST = 4\n", 0),
    ],
)
def test_one_without_a_subject_is_seen(source: str, count: int) -> None:
    assert len(list(without_a_subject(source))) == count
