"""Seeds as programs send them: free at /v1/videos, within the documented range in the others."""

from __future__ import annotations

import pytest

from support.create_calls import DIALECTS, FLAT, RANDOM_SEED, SECTIONED, body_of, made
from unstill.domain.errors import BadField

MODELS = ("Wan-AI/Wan2.2-I2V", "wan2.7-i2v", "happyhorse-1.0-i2v")  # those that have a seed
MOST = 2**31 - 1  # Modelverse, parameters.seed; DashScope, seed


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", [0, 42, MOST, "42", 42.0, f"{MOST}"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_seed_in_range_is_taken_as_it_is(dialect: str, seed: object, model: str) -> None:
    assert made(dialect, body_of(dialect, model, seed=seed)).request.seed == int(float(str(seed)))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", [-1, "-1", -1.0, " -1 ", "-1.0"])
@pytest.mark.parametrize("dialect", FLAT)
def test_minus_one_is_random_at_v1_videos(dialect: str, seed: object, model: str) -> None:
    assert made(dialect, body_of(dialect, model, seed=seed)).request.seed == RANDOM_SEED


@pytest.mark.parametrize(
    ("seed", "becomes"),
    [
        (MOST + 1, 0),
        (MOST + 2, 1),
        (2**32 + 5, 5),
        (2**63 - 1, MOST),
        (2**63, 0),
        (2**64 - 1, MOST),
        (str(2**63 - 1), MOST),
        (4294967296.0, 0),
        ("42.0", 42),
    ],
)
@pytest.mark.parametrize("dialect", FLAT)
def test_a_large_seed_becomes_one_of_the_engines_always_the_same(
    dialect: str, seed: object, becomes: int
) -> None:
    assert made(dialect, body_of(dialect, seed=seed)).request.seed == becomes


@pytest.mark.parametrize("seed", [-2, "-2", 2**64, 0.5, "x", True, [1]])
@pytest.mark.parametrize("dialect", FLAT)
def test_what_is_no_seed_is_refused_at_v1_videos_too(dialect: str, seed: object) -> None:
    with pytest.raises(BadField) as refused:
        made(dialect, body_of(dialect, seed=seed))

    assert refused.value.param == "seed"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", [-1, MOST + 1, "-1", 2**63])
@pytest.mark.parametrize("dialect", SECTIONED)
def test_outside_the_documented_range_it_is_told_how_to_ask_for_a_random_one(
    dialect: str, seed: object, model: str
) -> None:
    with pytest.raises(BadField) as refused:
        made(dialect, body_of(dialect, model, seed=seed))

    assert refused.value.message == (
        f"parameters.seed must be a whole number from 0 to 2147483647, got {seed!r}"
        " (leave it out for a random one)"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_without_a_seed_ignores_any(dialect: str) -> None:
    name = "seed" if dialect in FLAT else "parameters.seed"

    assert made(dialect, body_of(dialect, "sora-2", seed=5)).ignored == (name,)
