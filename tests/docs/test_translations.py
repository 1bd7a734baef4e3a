"""The Chinese pages say what the English ones say: the same commands, names, headings and rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import pages
from docs.pages import ROOT

CHINESE = ".zh-CN.md"
TRANSLATED = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs" / "clients").glob("*.md")))
    if not page.name.endswith(CHINESE)
]


def chinese(page: Path) -> Path:
    return page.with_name(page.name.removesuffix(".md") + CHINESE)


def shapes(page: Path) -> tuple[int, int]:
    """How many headings and rows of tables there are."""
    text = pages.prose(page)
    return len(re.findall(r"^#+ ", text, re.MULTILINE)), len(pages.rows(text))


def blocks(page: Path) -> list[tuple[str, str, str, str]]:
    """The fenced blocks, without the lines where they stand."""
    return [
        (block.mark, block.language, block.text, block.shown.text if block.shown else "")
        for block in pages.blocks(page)
    ]


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_for_users_is_there_in_chinese_and_keeps_up(page: Path) -> None:
    translated = chinese(page)

    assert blocks(translated) == blocks(page)
    assert pages.code_words(translated) == pages.code_words(page)
    assert shapes(translated) == shapes(page)
    assert len(re.findall("[\u4e00-\u9fff]", pages.prose(translated))) > 50


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_and_its_translation_lead_to_each_other(page: Path) -> None:
    assert f"[中文]({chinese(page).name})" in page.read_text("utf-8")
    assert f"[English]({page.name})" in chinese(page).read_text("utf-8")
