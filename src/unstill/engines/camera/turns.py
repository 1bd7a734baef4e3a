"""A turn of the picture's plane (a homography) in parts: exp(share * log H) is a share of it.

Each share is made at one even pace, so that a zoom grows by the same ratio each moment and a turn
keeps its centre. Pure linear algebra of (3, 3) matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unstill.media.yuv import Floats

Matrix = NDArray[np.float64]

ROOTS = 7  # halvings after which a turn is close to none
ROOT_ROUNDS = 24
TERMS = 12


def log_of(turn: Matrix) -> Matrix | None:
    """The logarithm by inverse scaling and squaring; None where there is no real one.

    Source: Higham, "Functions of Matrices", SIAM 2008, algorithm 11.9 in its simplest form.
    """
    if np.linalg.det(turn) <= 0:
        return None
    root = turn / np.cbrt(np.linalg.det(turn))
    for _ in range(ROOTS):
        next_root = root_of(root)
        if next_root is None:
            return None
        root = next_root
    step = root - np.eye(3)
    power, log = np.eye(3), np.zeros((3, 3))
    for term in range(1, TERMS + 1):
        power = power @ step
        log += power * ((-1) ** (term + 1) / term)
    return log * 2.0**ROOTS


def root_of(turn: Matrix) -> Matrix | None:
    """The principal square root, by Denman and Beavers' iteration."""
    root, inverse = turn, np.eye(3)
    for _ in range(ROOT_ROUNDS):
        if abs(np.linalg.det(root)) < 1e-12 or abs(np.linalg.det(inverse)) < 1e-12:
            return None
        root, inverse = (
            (root + np.linalg.inv(inverse)) / 2,
            (inverse + np.linalg.inv(root)) / 2,
        )
        if np.abs(root @ root - turn).max() < 1e-12:
            return root
    return root if np.abs(root @ root - turn).max() < 1e-6 else None


def share_of(log: Matrix, share: float) -> Matrix:
    """exp(share * log), by scaling and squaring."""
    small = log * (share / 2.0**ROOTS)
    result, power = np.eye(3), np.eye(3)
    for term in range(1, TERMS + 1):
        power = power @ small / term
        result = result + power
    for _ in range(ROOTS):
        result = result @ result
    return result


def turned(turn: Matrix, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Where points go."""
    (a, b, c), (d, e, f), (g, h, i) = turn.astype(np.float32)
    depth = g * x + h * y + i
    return (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
