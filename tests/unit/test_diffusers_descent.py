"""How far down the memory ladder jobs begin after children have died."""

from __future__ import annotations

import pytest

from unstill.engines.diffusers.descent import MOST_FALLEN, Descent
from unstill.engines.diffusers.options import Memory, Rung

RUNGS: tuple[Rung, ...] = ("resident", "block-offload", "block-offload-fp8")


def a_descent(memory: Memory = "auto") -> Descent:
    return Descent(memory=memory, rungs=RUNGS)


def loaded(descent: Descent, down: int, memory: Rung) -> None:
    descent.noted("weights_loaded", {"memory": memory, "rungs_down": down, "took_s": 3.5})


def out_of_memory(descent: Descent, down: int) -> None:
    descent.noted("out_of_memory", {"memory": "resident", "rungs_down": down, "during": "decode"})


def test_a_job_begins_with_what_fits_and_after_a_death_one_rung_further_down() -> None:
    descent = a_descent()
    loaded(descent, 0, "resident")

    assert descent.begins_at("a", 0) == 0
    assert descent.died("a", 0, is_last=False) == "the job goes on with block-offload"
    assert descent.begins_at("a", 1) == 1
    assert descent.begins_at("b", 0) == 0


def test_deaths_before_a_restart_of_the_server_count_too() -> None:
    assert a_descent().begins_at("a", 1) == 1
    assert a_descent().begins_at("a", 2) == 2


def test_want_of_memory_is_remembered_for_the_jobs_after() -> None:
    descent = a_descent()

    out_of_memory(descent, 0)
    descent.died("a", 0, is_last=False)

    assert descent.begins_at("a", 1) == 1  # the same want is not counted twice
    assert descent.begins_at("b", 0) == 1


def test_a_death_on_a_rung_that_was_learnt_leads_further_down_all_the_same() -> None:
    descent = a_descent()
    out_of_memory(descent, 0)

    assert descent.begins_at("a", 0) == 1
    descent.died("a", 1, is_last=False)
    assert descent.begins_at("a", 1) == 2
    assert descent.begins_at("b", 0) == 1


def test_a_child_that_was_higher_up_teaches_nothing_new() -> None:
    descent = a_descent()
    out_of_memory(descent, 1)
    out_of_memory(descent, 0)

    assert descent.learnt == 2


def test_the_ladder_has_an_end_one_step_below_its_last_rung() -> None:
    descent = a_descent()
    loaded(descent, 0, "block-offload")
    for down in range(5):
        out_of_memory(descent, down)

    assert descent.begins_at("a", 0) == 3
    assert descent.died("a", 3, is_last=False) == (
        "the job goes on with block-offload-fp8 once more"
    )


def test_the_last_death_tells_the_rungs_that_were_tried() -> None:
    descent = a_descent()
    loaded(descent, 0, "resident")
    descent.died("a", 0, is_last=False)

    assert descent.died("a", 1, is_last=True) == (
        "memory was tried as resident, then block-offload"
    )
    assert descent.begins_at("a", 0) == 0  # it is forgotten


def test_rungs_are_named_from_any_that_a_child_has_told_of() -> None:
    descent = a_descent()
    loaded(descent, 1, "block-offload-fp8")  # so block-offload was what fitted

    assert descent.died("a", 0, is_last=False) == "the job goes on with block-offload-fp8"
    assert descent.died("a", 1, is_last=True) == (
        "memory was tried as block-offload, then block-offload-fp8"
    )


def test_without_a_word_of_any_child_the_ladder_is_told_in_steps() -> None:
    descent = a_descent()

    assert descent.died("a", 0, is_last=False) == (
        "the job goes on with memory one step below what fits"
    )
    assert descent.died("a", 1, is_last=True) == (
        "memory was tried as what fits, then one step below what fits"
    )


@pytest.mark.parametrize("memory", RUNGS)
def test_an_operators_own_rung_is_never_left(memory: Rung) -> None:
    descent = a_descent(memory)
    out_of_memory(descent, 0)

    assert descent.begins_at("a", 1) == 0
    assert descent.learnt == 0
    assert descent.died("a", 0, is_last=False) == ""
    assert descent.died("a", 0, is_last=True) == ""


def test_a_job_that_is_done_is_forgotten_and_those_that_never_come_back_are_bounded() -> None:
    descent = a_descent()
    descent.died("a", 0, is_last=False)
    descent.ended("a")
    assert descent.begins_at("a", 0) == 0

    for number in range(MOST_FALLEN + 1):
        descent.died(str(number), 0, is_last=False)

    assert descent.begins_at("0", 0) == 0
    assert descent.begins_at("1", 0) == 1
    assert descent.begins_at(str(MOST_FALLEN), 0) == 1


@pytest.mark.parametrize(
    "fields", [{}, {"rungs_down": "0"}, {"rungs_down": 0}, {"rungs_down": 0, "memory": "x"}]
)
def test_a_note_that_says_no_rung_teaches_no_name(fields: dict[str, object]) -> None:
    descent = a_descent()

    descent.noted("weights_loaded", fields)
    descent.noted("anything", {"rungs_down": 0, "memory": "resident"})

    assert "what fits" in descent.died("a", 0, is_last=False)
