"""Two classifiers on the same images: their difference in accuracy, tested exactly and with its interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from src.base import InputError
from src.statistics.intervals import CONFIDENCE, Interval


class Pairs(NamedTuple):
    """How two classifiers did on the same images.

    Attributes:
        first_only: images that only the first answered rightly.
        second_only: images that only the second answered rightly.
        images: all, also those on which both were right or both were wrong.
    """

    first_only: int
    second_only: int
    images: int


def pairs(first_right: np.ndarray, second_right: np.ndarray) -> Pairs:
    """Count the images on which the two disagree about being right.

    Args:
        first_right, second_right: (images,) bool, in the same order.

    Raises:
        InputError: the two are not of the same images, or there are none.
    """
    if first_right.shape != second_right.shape or first_right.ndim != 1 or first_right.size == 0:
        raise InputError(
            f"pairs: expected two arrays of the same images, got shapes {first_right.shape} and {second_right.shape}."
        )
    first_only = int((first_right & ~second_right).sum())
    return Pairs(first_only, int((second_right & ~first_right).sum()), len(first_right))


def mcnemar(counts: Pairs) -> float:
    """The exact two-sided p-value of McNemar's test (1947) that both are right equally often.

    Raises:
        InputError: the counts are not of pairs.
    """
    _check(counts)
    disagreements = counts.first_only + counts.second_only
    return 1.0 if disagreements == 0 else float(stats.binomtest(counts.first_only, disagreements, 0.5).pvalue)


def paired_difference(counts: Pairs, confidence: float = CONFIDENCE) -> Interval:
    """The difference of the two accuracies, first minus second, with its score interval.

    The interval of Tango (1998, equations 5 to 8) holds every difference that the score test does not reject; unlike
    Wald's it has a width also where the two never disagree.

    Raises:
        InputError: the counts are not of pairs.
    """
    _check(counts)
    estimate = (counts.first_only - counts.second_only) / counts.images
    z = float(stats.norm.isf((1 - confidence) / 2))

    def end(direction: int) -> float:
        # The score falls steadily as the difference grows, from +inf at -1 to -inf at 1.
        if estimate == direction:
            return estimate
        far = direction * (1 - 1e-12)
        found = optimize.brentq(lambda difference: _score(counts, difference) + direction * z, estimate, far)
        return float(found)

    return Interval(estimate, end(-1), end(1))


def _score(counts: Pairs, difference: float) -> float:
    """Tango's statistic: about standard normal where `difference` is the true one."""
    first_only, second_only, images = counts
    excess = first_only - second_only - images * difference
    if excess == 0:
        return 0.0
    # The likeliest probability of "only the second is right", given the difference.
    a = 2 * images
    b = -first_only - second_only + (2 * images - first_only + second_only) * difference
    c = -second_only * difference * (1 - difference)
    second = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = images * (2 * second + difference * (1 - difference))
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess)


def _check(counts: Pairs) -> None:
    first_only, second_only, images = counts
    if min(first_only, second_only) < 0 or images < 1 or first_only + second_only > images:
        raise InputError(f"pairs: {first_only} and {second_only} of {images} images are not counts of pairs.")
