"""A quiet sound of the place: seeded noise shaped like air, wind or rain, no recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from unstill.engines.camera.effect_words import Effect
from unstill.media.sound import SAMPLE_RATE, Samples

BLOCK = 1024  # samples in an AAC frame
BED_S = 8  # one round of noise that fits onto itself, so that memory does not grow with length
FADE_S = 0.4
# root mean square; of several, the first of them is heard
LOUDNESS: Final = {
    Effect.RAIN: 0.06,
    Effect.WATER: 0.045,
    Effect.WIND: 0.045,
    Effect.SNOW: 0.035,
    None: 0.018,
}
# (corner in Hz, how steeply it falls above it): rain, water, wind, air in a room
COLOURS: Final = {
    Effect.RAIN: (2600.0, 0.6),
    Effect.WATER: (900.0, 0.8),
    Effect.WIND: (420.0, 1.3),
    Effect.SNOW: (320.0, 1.4),
    None: (180.0, 1.1),
}


def ambience(*, duration_s: int, seed: int, weather: Effect | None) -> Iterator[Samples]:
    """Blocks of float32 (2, samples), together exactly the video's length."""
    rng = np.random.default_rng([seed, 4])
    bed = noise_bed(rng, weather)
    swells = rng.uniform(0.07, 0.16, 2), rng.random(2)
    total = duration_s * SAMPLE_RATE
    for start in range(0, total, BLOCK):
        places = np.arange(start, min(start + BLOCK, total))
        seconds = places / SAMPLE_RATE
        swell = 1 + 0.35 * np.sin(2 * np.pi * (np.outer(swells[0], seconds) + swells[1][:, None]))
        edge = np.clip(np.minimum(places, total - 1 - places) / (FADE_S * SAMPLE_RATE), 0, 1)
        yield (bed[:, places % bed.shape[1]] * swell * edge).astype(np.float32)


def noise_bed(rng: np.random.Generator, weather: Effect | None) -> Samples:
    """One round of noise, float32 (2, samples); its sides are alike but not the same."""
    corner_hz, slope = COLOURS[weather]
    samples = BED_S * SAMPLE_RATE
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    shape = 1 / (1 + (frequency / corner_hz) ** 2) ** slope
    shape *= np.clip(frequency / 40, 0, 1)  # no rumble that a phone's speaker only chokes on
    own = rng.standard_normal((3, len(frequency))) + 1j * rng.standard_normal((3, len(frequency)))
    sides = np.stack([own[0] + 0.6 * own[1], own[0] + 0.6 * own[2]]) * shape
    bed = np.fft.irfft(sides, samples)
    return np.asarray(bed / bed.std() * LOUDNESS[weather], np.float32)
