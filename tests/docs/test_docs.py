"""The documents say what is: settings, models, errors, routes, files; and their commands run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from docs import pages
from docs.pages import DOCUMENTS, ROOT
from docs.walk import Walk, tools_are_there
from support import older_clients
from support.older_clients import needs_older_clients
from unstill import __version__
from unstill.dialects import picture_fields
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call
from unstill.dialects.port import Dialect
from unstill.dialects.route import Route
from unstill.domain.errors import UnstillError
from unstill.models.card import Card, Field
from unstill.models.catalogue import CARDS
from unstill.server.admin.routes import AdminRoutes
from unstill.server.own_routes import OwnRoutes
from unstill.settings.server import ServerSettings

README, CHANGELOG = ROOT / "README.md", ROOT / "CHANGELOG.md"
API, MODELS, SETTINGS = (ROOT / "docs" / f"{name}.md" for name in ("api", "models", "settings"))
OF_OLDER_CLIENTS = {ROOT / "docs" / "clients" / f"{name}.md" for name in ("litellm", "requests")}
WALK = sorted((ROOT / "docs/how-it-works").glob("*.md"))
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
SOURCES = sorted((ROOT / "src").rglob("*.py"))

_PATH = re.compile(r"(?:src|tests|docs|examples|photos|benchmarks)/[\w./-]+|\.ci/run|[A-Z]\w+file")

# --- commands ----------------------------------------------------------------------------------

WALKED = [
    pytest.param(
        path,
        id=path.name,
        marks=[
            *([needs_older_clients] if path in OF_OLDER_CLIENTS else []),
            *([] if path == README else [pytest.mark.slow]),
        ],
    )
    for path in DOCUMENTS
    # The Chinese pages have the same blocks, see test_translations.
    if not path.name.endswith(".zh-CN.md")
    and any(block.mark == "serves" for block in pages.blocks(path))
]


@pytest.mark.skipif(not tools_are_there(), reason="needs bash, curl and base64")
@pytest.mark.parametrize("document", WALKED)
def test_every_marked_command_gives_what_the_document_shows(
    document: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if any(block.language == "js" for block in pages.blocks(document)):
        request.getfixturevalue("node")
    python = older_clients.PYTHON if document in OF_OLDER_CLIENTS else Path(sys.executable)
    walk = Walk(tmp_path, python=python)
    with ExitStack() as servers:
        for block in pages.blocks(document):
            match block.mark:
                case "serves" | "emulates":
                    came = servers.enter_context(walk.starting(block))
                case "settings":
                    walk.settle(block)
                    continue
                case "runs":
                    came = walk.run(block)
                case _:
                    continue
            shown = block.shown
            if shown is not None:
                assert walk.masked(came, shown.language) == walk.masked(
                    shown.text, shown.language
                ), f"{document.name}, line {block.line}"


# --- what the code has is in the documents, and the other way round ------------------------------


def test_every_server_setting_is_documented_with_its_variable_and_default() -> None:
    documented = [row[:3] for row in pages.rows(pages.section(SETTINGS, "[server]"))]
    fields = msgspec.structs.fields(ServerSettings)
    there_is = [
        [f"`{f.name}`", f"`UNSTILL_{f.name.upper()}`", f"`{_toml(f.default)}`"] for f in fields
    ]

    assert documented == there_is


def test_every_variable_in_the_documents_is_read_by_something() -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCES)
    of_settings = {f"UNSTILL_{f.name.upper()}" for f in msgspec.structs.fields(ServerSettings)}
    named = {
        word for path in DOCUMENTS for word in re.findall(r"UNSTILL_[A-Z_]*[A-Z]", _text(path))
    }

    assert named > of_settings
    assert {word for word in named - of_settings if f'"{word}"' not in source} == set()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_every_model_is_in_the_readme_with_its_aliases_lengths_and_tiers(card: Card) -> None:
    rows = pages.rows(pages.section(README, "Models"))
    row = next(row for row in rows if row[0] == f"`{card.id}`")

    assert row[1] == ", ".join(f"`{alias}`" for alias in card.aliases)
    assert row[3] == _allowed(card, "duration").removeprefix("a whole number from ")
    assert row[4] == _allowed(card, "resolution")
    assert row[5] == str(card.frame_rate)


def test_the_readme_lists_no_model_that_is_not_there() -> None:
    listed = [row[0] for row in pages.rows(pages.section(README, "Models"))]

    assert listed == [f"`{card.id}`" for card in CARDS]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_every_field_of_a_model_is_documented_as_its_card_has_it(card: Card) -> None:
    section = pages.section(MODELS, card.id)
    rule = card.frame_rule
    least, most = rule.least_side_px, rule.most_side_px
    sides = f"sides of at least {least} px, scaled down above {most} px"

    assert pages.rows(section) == [_field_row(field) for field in card.fields]
    assert f"frames per second: {card.frame_rate}\n" in section
    assert f"{sides}, ratio 1:{rule.most_ratio:g} to {rule.most_ratio:g}:1" in section
    assert f"usage: {', '.join(f'`{name}`' for name in card.usage)}\n" in section
    assert all(f"`{alias}`" in section for alias in card.aliases)


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = pages.rows(pages.section(API, "Errors"))
    documented = {(row[0].strip("`"), row[1]) for row in rows if re.fullmatch(r"\d{3}", row[1])}

    assert documented == {(error.code, str(error.status)) for error in _errors()}


def test_every_route_is_documented_and_every_documented_route_is_there() -> None:
    dialects = (
        Tasks(),
        Videos(),
        Videos(prefix="/openai"),
        DashScope(),
        AdminRoutes(),
        OwnRoutes(),
    )
    served = {
        f"{route.method} {route.path.replace(':path', '')}"
        for dialect in dialects
        for route in dialect.routes
    }
    rows = pages.rows(pages.section(API, "The HTTP API"))

    assert {row[0].strip("`") for row in rows} == served


def test_the_routes_that_ask_for_no_key_are_documented_so() -> None:
    routes: list[Route[Any]] = [*OwnRoutes().routes, *DashScope().routes]
    is_open = {
        f"{route.method} {route.path.replace(':path', '')}" for route in routes if route.is_open
    }
    rows = pages.rows(pages.section(API, "The HTTP API"))

    assert {row[0].strip("`") for row in rows if row[2] == "no"} == is_open


@pytest.mark.parametrize(
    ("dialect", "column"),
    [(Tasks(), 1), (Videos(), 2), (DashScope(), 3)],
    ids=["tasks", "videos", "dashscope"],
)
def test_the_wire_names_of_all_fields_are_documented(dialect: Dialect, column: int) -> None:
    body = {"model": "wan2.7-i2v", "input": {}, "parameters": {}}
    headers = {"x-dashscope-async": "enable"}
    asked = dialect.parse(Call(request_id="", path={}, query={}, headers=headers, body=body))
    rows = pages.rows(pages.section(API, "Names of the fields"))

    assert {row[0].strip("`"): row[column].strip("`") for row in rows} == dict(asked.names)


def test_every_name_of_a_picture_is_documented() -> None:
    rows = pages.rows(pages.section(API, "Pictures"))
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row[1])}

    assert named == set(picture_fields.KEYS)


# --- the documents among themselves --------------------------------------------------------------


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in pages.links(document)
        if not link.startswith("https://") and not _leads_somewhere(document, link)
    ]

    assert broken == []


def test_every_file_that_the_documents_and_the_source_name_is_there() -> None:
    named = {
        word
        for document in DOCUMENTS
        for word in pages.code_words(document)
        if _PATH.fullmatch(word)
    }
    named |= {
        path
        for source in SOURCES
        for path in re.findall(r"docs/[\w/-]+\.md", source.read_text("utf-8"))
    }

    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_function_that_the_walk_and_the_guide_name_is_there() -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCES)
    named = {
        match[1]
        for document in [*WALK, *DECISIONS, ROOT / "CONTRIBUTING.md"]
        for word in pages.code_words(document)
        if (match := re.fullmatch(r"(\w+)\(\)", word))
    }

    assert "submit" in named
    assert {name for name in named if f"def {name}(" not in source} == set()


def test_every_make_target_that_the_documents_name_is_there() -> None:
    makefile = _text(ROOT / "Makefile")
    named = {
        target
        for path in DOCUMENTS
        for target in re.findall(r"(?:^|`)make (\w+)(?:`|$)", _text(path), re.MULTILINE)
    }

    assert "demo" in named
    assert {target for target in named if f"\n{target}:" not in makefile} == set()


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached = {README}
    front = [README]
    while front:
        document = front.pop()
        for link in pages.links(document):
            target = (document.parent / link.partition("#")[0]).resolve()
            if target in DOCUMENTS and target not in reached:
                reached.add(target)
                front.append(target)
    beside = {ROOT / "photos" / "README.md"}

    assert set(DOCUMENTS) - reached - beside == set()


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_numbered_and_says_when_to_revisit_it(decision: Path) -> None:
    text = _text(decision)

    assert text.startswith(f"# {decision.stem[:3]} ")
    assert len(text.splitlines()) <= 30
    assert "**Choice.**" in text or decision.stem == "003-sizes"
    assert "**When to revisit.**" in text


def test_the_changelog_speaks_of_the_version_that_is_being_made() -> None:
    assert __version__ in _text(CHANGELOG)


def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _toml(value: object) -> str:
    match value:
        case str():
            return f'"{value}"'
        case ():
            return "[]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _allowed(card: Card, name: str) -> str:
    field = card.field(name)
    assert field is not None
    return field.kind.allowed


def _field_row(field: Field) -> list[str]:
    default = "required" if field.is_required else "" if field.default is None else field.default
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return [f"`{field.name}`", field.kind.allowed, shown, field.source]


def _errors() -> Iterator[type[UnstillError]]:
    """Every error class, wherever in the source it is."""
    for source in SOURCES:
        if not re.search(r"^    code(: ClassVar\[str\])? = ", _text(source), re.MULTILINE):
            continue
        module = import_module(".".join(source.relative_to(ROOT / "src").with_suffix("").parts))
        for name in vars(module).values():
            if isinstance(name, type) and issubclass(name, UnstillError):
                yield name


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    return target.exists() and (not anchor or anchor in pages.anchors(target))
