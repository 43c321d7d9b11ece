"""Protocol `corrected` as data: what is trained for which noise, and how each network is certified and attacked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from src.certification.log import Fixed, Sequential
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    FULL_SCALE,
    NORMAL,
    PAPER,
    QUICK,
    SEEDS,
    SMOKE,
    TRAIN_SPLIT,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    VARIANTS,
    Profile,
    Variant,
)
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv, Stability

CORRECTED = "corrected"

ALPHA = 0.001
"""Of every prediction and certificate, as in all papers on the subject."""

SIGMAS = (0.125, 0.25, 0.5, 1.0)

RECIPES = ("gaussian", "stability", "consistency", "smoothadv", "macer")
"""What trials call the recipes: their types' names in small letters, the cheapest first."""

BATCH_SIZE = 64
"""Larger than the paper's 32, to train a third faster in bfloat16; equal for all recipes."""

FGSM_EPSILONS = tuple(step / FULL_SCALE for step in (2, 10, 19, 38, 57, 76))
"""l-infinity budgets, in [0, 1]."""

L2_SHARES = (1.0, 2.0, 3.0, 4.0)
"""l2 budgets of PGD, in units of sigma: that is where certificates end."""


@dataclass(frozen=True)
class Schedule:
    """How long a network is trained; the learning rate falls along half a cosine.

    Attributes:
        name: what tables call it.
        train_images: from the larger part of the fixed split.
        epochs: passes through them, each with fresh noise.
        warmup_epochs: the first of them, through which the learning rate rises from zero.
    """

    name: str
    train_images: int
    epochs: int
    warmup_epochs: int = 0


@dataclass(frozen=True)
class Training:
    """One network to train."""

    variant: Variant
    recipe: Recipe
    schedule: Schedule


# With a constant rate and 10 epochs the certified accuracy at the largest radii is some points lower.
FULL = Schedule("full", TRAIN_SPLIT, 16)
COMPARISON = Schedule("comparison", 12_000, 10)
# The large networks at 56x56 would take an hour and a half of two cores each.
# Without the rise the first steps kill every hidden unit of theirs at sigma 0.5, and they never learn.
REDUCED = Schedule("reduced", 4_000, 3, warmup_epochs=1)


@dataclass(frozen=True)
class Attacks:
    """How much a network and its smoothed classifier are attacked.

    Attributes:
        images: test images.
        n: draws of the smoothed classifier's predictions.
        thorough: whether PGD, DeepFool and PGD on the smoothed classifier are among the attacks, besides FGSM.
        sweep: whether the last one's draws, steps and restarts are varied, one at a time.
    """

    images: int
    n: int
    thorough: bool = False
    sweep: bool = False


@dataclass(frozen=True)
class Work:
    """One network with all that is asked of it.

    Attributes:
        training: what is trained.
        certifications: ways to certify, each with a number of test images.
        attacks: None for none.
    """

    training: Training
    certifications: tuple[tuple[Fixed | Sequential, int], ...]
    attacks: Attacks | None = None


@dataclass(frozen=True)
class CorrectedProfile:
    """How much of the protocol a profile does."""

    profile: Profile
    work: tuple[Work, ...]


def recipes(sigma: float) -> tuple[Recipe, ...]:
    """All recipes for this noise, the cheapest first."""
    # The authors of Consistency weigh it more where noise is weak.
    weight = 10.0 if sigma <= 0.25 else 5.0
    return (Gaussian(sigma), Stability(sigma), Consistency(sigma, weight=weight), SmoothAdv(sigma), MACER(sigma))


def _published_radii(sigma: float) -> tuple[float, ...]:
    """Those of the published table that some thousand draws an image decide."""
    return tuple(step * sigma for step in range(4)) if sigma <= 0.25 else (0.0, sigma, 2 * sigma)


def _gaussian(
    schedule: Schedule,
    variants: Iterable[Variant],
    sigmas: Iterable[float],
    certifications: tuple[tuple[Fixed | Sequential, int], ...],
    attacks: Attacks | None,
) -> tuple[Work, ...]:
    return tuple(
        Work(Training(variant, Gaussian(sigma), schedule), certifications, attacks)
        for variant in variants
        for sigma in sigmas
    )


def _paper() -> Iterable[Work]:
    equal = (Fixed(1_000), 500)
    thorough, brief = Attacks(images=100, n=200, thorough=True), Attacks(images=50, n=100)
    yield from _gaussian(FULL, (DOWNSCALED,), SIGMAS, (equal,), thorough)
    for sigma in SIGMAS:
        training = Training(NORMAL, Gaussian(sigma), FULL)
        if sigma not in (0.25, 0.5):
            yield Work(training, (equal,), thorough)
            continue
        certifications = (
            equal,
            (Sequential(_published_radii(sigma), 100_000), 500),
            # The radius at which a fixed number of draws and draws as needed are compared.
            (Sequential((0.5 if sigma == 0.25 else 1.0,), 100_000), 100),
            (Fixed(100_000), 100),
        )
        yield Work(training, certifications, Attacks(100, 200, thorough=True, sweep=sigma == 0.5))
    # 14x14 with noise as strong, for the same picture, as 0.25 at 28x28.
    yield from _gaussian(REDUCED, (DOWNSCALED,), (0.125,), (equal,), brief)
    yield from _gaussian(REDUCED, (DOWNSCALED, NORMAL), (0.25, 0.5), (equal,), brief)
    # The large networks at 56x56 classify 15 times as slowly as the 28x28 one, so they are certified but not attacked.
    for variants, attacks in (((UPSCALED_AI_SMALL, CONTROL_SMALL), brief), ((UPSCALED_AI, CONTROL), None)):
        yield from _gaussian(REDUCED, variants, (0.25, 0.5), ((Fixed(1_000), 100),), attacks)
    for variant in (DOWNSCALED, NORMAL):
        for sigma in (0.25, 0.5):
            for recipe in recipes(sigma):
                yield Work(Training(variant, recipe, COMPARISON), ((Fixed(2_000), 500),))
    for recipe in recipes(0.5)[1:3]:
        yield Work(Training(CONTROL_SMALL, recipe, REDUCED), ((Fixed(1_000), 100),))


def _quick() -> Iterable[Work]:
    brief = Schedule("quick", 4_000, 4)
    attacks = Attacks(images=20, n=100, thorough=True, sweep=True)
    for variant, sigma, attacked in ((DOWNSCALED, 0.125, attacks), (DOWNSCALED, 0.25, attacks), (NORMAL, 0.25, None)):
        both = ((Fixed(1_000), 50), (Sequential((0.0, sigma, 2 * sigma), 10_000), 50))
        yield Work(Training(variant, Gaussian(sigma), brief), both, attacked)
    yield Work(Training(DOWNSCALED, Consistency(0.25, weight=10.0), brief), ((Fixed(1_000), 50),))


def _smoke() -> Iterable[Work]:
    brief = Schedule("smoke", 256, 2)
    both = ((Fixed(200), 20), (Sequential((0.0, 0.25), 1_000), 20))
    yield from _gaussian(brief, VARIANTS, (0.25,), both, Attacks(images=10, n=50))
    for recipe in recipes(0.25)[1:]:
        yield Work(Training(DOWNSCALED, recipe, brief), both)
    yield Work(Training(DOWNSCALED, Gaussian(0.125), brief), both, Attacks(10, 50, thorough=True, sweep=True))


PROFILES = (
    CorrectedProfile(SMOKE, tuple(_smoke())),
    CorrectedProfile(QUICK, tuple(_quick())),
    CorrectedProfile(PAPER, tuple(_paper())),
    CorrectedProfile(SEEDS, ()),
)
