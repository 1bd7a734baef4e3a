"""Which work a server does, as an operator says it, and which lanes that opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.in_process import settings_of
from unstill.domain.errors import OperatorError
from unstill.domain.server_role import ALL_WORK, NO_WORK, ServerRole, WorkKind
from unstill.product import Product

KNOWN = ("camera", "gpu1", "paid")
TOML = """
[engines.gpu1]
kind = "camera"
slots = 1

[engines.paid]
kind = "modelverse"
base_url = "http://127.0.0.1:9"
api_key = "k"
"""
OF_PAID = {"engine:paid", "save:paid", "again:paid"}


def role_of(lanes: str = "", engines: str = "") -> ServerRole:
    return ServerRole.of_words(lanes.split(), engines.split(), known=KNOWN)


def refused(lanes: str = "", engines: str = "") -> str:
    with pytest.raises(OperatorError) as caught:
        role_of(lanes, engines)
    return str(caught.value)


def lanes_of(folder: Path, role: ServerRole) -> set[str]:
    """The lanes that a product of that role opens."""
    runner = Product(settings_of(folder, TOML), role=role)._runner
    return {lane.name for lane in runner.lanes()}


def test_a_server_that_is_told_nothing_does_all_work() -> None:
    assert role_of() == ALL_WORK == ServerRole()
    assert all(ALL_WORK.does(each) for each in WorkKind)
    assert ALL_WORK.does_of("one that was removed", WorkKind.CALLS)


def test_a_server_without_work_does_none() -> None:
    assert not any(NO_WORK.does(each) for each in WorkKind)
    assert not NO_WORK.does_of("camera", WorkKind.RENDER)
    assert not NO_WORK.makes_videos


def test_an_engine_alone_is_rendered_for_called_and_polled_and_nothing_else() -> None:
    role = role_of(engines="gpu1")

    assert role.work == {WorkKind.RENDER, WorkKind.CALLS, WorkKind.POLLS}
    assert role.does_of("gpu1", WorkKind.RENDER)
    assert not role.does_of("camera", WorkKind.RENDER)
    assert not role.does_of("gpu1", WorkKind.SAVE)
    assert not role.does(WorkKind.FRAMES)


def test_lanes_and_engines_together_are_that_work_of_these_engines() -> None:
    role = role_of("frames save", "paid")

    assert role.does(WorkKind.FRAMES)
    assert role.does_of("paid", WorkKind.SAVE)
    assert not role.does_of("camera", WorkKind.SAVE)
    assert not role.does_of("paid", WorkKind.CALLS)


def test_a_word_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    why = refused("frames,save")

    assert why.startswith("--lanes: must be of frames, render, calls, polls, save, webhooks, upk")
    assert why.endswith("got 'frames,save'")


def test_an_engine_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    assert refused(engines="gpu2") == "--engines: must be of camera, gpu1, paid, got 'gpu2'"


def test_engines_of_work_that_is_no_engines_are_refused() -> None:
    assert refused("webhooks frames", "gpu1").startswith("--engines: say nothing of frames, web")
    assert role_of("webhooks calls", "paid").does(WorkKind.WEBHOOKS)


@pytest.mark.parametrize(
    ("role", "lanes"),
    [
        (NO_WORK, set()),
        (role_of(engines="gpu1"), {"engine:gpu1"}),
        (role_of(engines="paid"), {"engine:paid"}),
        (role_of("calls save", "paid"), OF_PAID),
        (role_of("frames"), {"frames"}),
        (role_of("render"), {"engine:camera", "engine:gpu1"}),
        (role_of("calls"), {"engine:paid"}),
        (role_of("save"), {f"{kind}:{name}" for kind in ("save", "again") for name in KNOWN}),
        (role_of("polls webhooks upkeep"), set()),
    ],
)
def test_a_role_opens_its_lanes(tmp_path: Path, role: ServerRole, lanes: set[str]) -> None:
    assert lanes_of(tmp_path, role) == lanes


def test_all_work_opens_every_lane(tmp_path: Path) -> None:
    lanes = lanes_of(tmp_path, ALL_WORK)

    assert lanes > {"frames", "engine:camera", "engine:gpu1", "save:camera", "again:gpu1"}
    assert lanes > OF_PAID


def test_an_account_is_polled_where_any_of_its_engines_is(tmp_path: Path) -> None:
    shared = TOML + TOML.split("\n\n")[1].replace("paid", "same-account")
    polled = {}
    for name, role in {
        "all": ALL_WORK,
        "paid": role_of(engines="paid"),
        "gpu1": role_of(engines="gpu1"),
    }.items():
        pollers = Product(settings_of(tmp_path, shared), role=role)._pollers
        polled[name] = {poller.account.id == "" for poller in pollers._polled}

    assert polled == {"all": {True, False}, "paid": {False}, "gpu1": set()}
