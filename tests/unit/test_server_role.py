"""Which work a server does, as an operator says it."""

from __future__ import annotations

import pytest

from unstill.domain.errors import BadSetting
from unstill.domain.server_role import ALL_WORK, NO_WORK, ServerRole, WorkKind

KNOWN = ("camera", "gpu1", "paid")


def role_of(lanes: str = "", engines: str = "") -> ServerRole:
    return ServerRole.of_words(lanes.split(), engines.split(), known=KNOWN)


def refused(lanes: str = "", engines: str = "") -> str:
    with pytest.raises(BadSetting) as caught:
        role_of(lanes, engines)
    return str(caught.value)


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
