"""Protocol `corrected` as data: what is trained for which noise, and how each network is certified and attacked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from src.studies.resolution.config import (
    CONTROL_SMALL,
    DOWNSCALED,
    FULL_SCALE,
    NORMAL,
    TRAIN_SPLIT,
    VARIANTS,
    Variant,
)
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv, Stability

CORRECTED = "corrected"

ALPHA = 0.001
"""Of every prediction and certificate, as in all papers on the subject."""

N0 = 100
"""Draws that choose the class to certify."""

BATCH_SIZE = 64
"""Larger than the paper's 32, to train a third faster in bfloat16; equal for all recipes."""


@dataclass(frozen=True)
class Schedule:
    """How long a network is trained; the learning rate falls along half a cosine.

    Attributes:
        name: what tables call it.
        train_images: from the larger part of the fixed split.
        epochs: passes through them, each with fresh noise.
    """

    name: str
    train_images: int
    epochs: int


@dataclass(frozen=True)
class Training:
    """One network to train."""

    variant: Variant
    recipe: Recipe
    schedule: Schedule


# With a constant rate and 10 epochs the certified accuracy at the largest radii is some points lower.
FULL = Schedule("full", TRAIN_SPLIT, 16)
COMPARISON = Schedule("comparison", 12_000, 10)
# An hour and a half of two cores for each of the large networks at 56x56 otherwise.
REDUCED = Schedule("reduced", 4_000, 3)


def recipes(sigma: float) -> tuple[Recipe, ...]:
    """All recipes for this noise, the cheapest first."""
    # The authors of Consistency weigh it more where noise is weak.
    weight = 10.0 if sigma <= 0.25 else 5.0
    return (Gaussian(sigma), Stability(sigma), Consistency(sigma, weight=weight), SmoothAdv(sigma), MACER(sigma))


def trainings(
    schedule: Schedule, variants: Iterable[Variant], sigmas: Iterable[float], cheapest: int = 1
) -> tuple[Training, ...]:
    """Each variant with the cheapest so many recipes at each sigma."""
    return tuple(
        Training(variant, recipe, schedule)
        for variant in variants
        for sigma in sigmas
        for recipe in recipes(sigma)[:cheapest]
    )


EQUAL_SIGMAS = {14: 0.125, 28: 0.25, 56: 0.5}
"""By side: noise that is equally strong for the same picture, sigma * 28 / side = 0.25."""
