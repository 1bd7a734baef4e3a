"""What is installed is what was tried: bounds, pins, and the Pythons that are named."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from docs import pages
from docs.pages import ROOT
from install.check import named_pythons
from support.pins import pins, plain

README = ROOT / "README.md"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Which build of torch fits a driver is the operator's to say.
ASKED = (
    *PROJECT["dependencies"],
    *EXTRAS["ed25519"],
    *EXTRAS["heic"],
    *EXTRAS["otel"],
    *EXTRAS["s3"],
    *(each for each in EXTRAS["diffusers"] if each != "torch"),
)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("requirement", ASKED)
def test_a_dependency_is_bounded_and_its_pin_lies_within(requirement: str) -> None:
    bounded = re.fullmatch(r"([\w-]+)>=([\d.]+),<([\d.]+)", requirement)

    assert bounded is not None, requirement
    name, least, below = bounded.groups()
    assert numbers(least) <= numbers(pins()[plain(name)]) < numbers(below)


def test_the_readme_installs_what_was_tested_together() -> None:
    installs = [
        line
        for block in pages.blocks(README)
        for line in block.text.splitlines()
        if "pip install" in line
    ]

    assert installs
    assert all("-c constraints.txt" in line for line in installs)


def test_the_readme_names_each_python_that_the_install_check_tries() -> None:
    section = pages.section(README, "Your own photo")
    *others, last = named_pythons()

    assert len(others) >= 2
    assert f"{', '.join(others)} and {last}" in section
    assert "make install-check" in section


def test_the_checks_of_a_bare_machine_install_without_constraints() -> None:
    assert re.search(r"^make .*\binstall-check\b", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert "constraints" not in (ROOT / "Makefile").read_text().split("install-check:")[1][:80]


def test_torch_is_the_operators_choice_and_is_installed_for_nobody_else() -> None:
    assert "torch" in EXTRAS["diffusers"]
    assert not any(name.startswith(("torch", "nvidia", "triton")) for name in pins())
    for extra, asked in EXTRAS.items():
        assert extra == "diffusers" or not any("torch" in each for each in asked)
    assert not any("torch" in each for each in PROJECT["dependencies"])


def test_the_checks_of_a_bare_machine_render_open_models_too() -> None:
    assert "\nmake test-diffusers\n" in (ROOT / ".ci" / "run").read_text()
