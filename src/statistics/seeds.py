"""Differences between networks over several trainings of each, on the same images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from src.base import InputError
from src.statistics.intervals import CONFIDENCE, Interval


def trainings_interval(first: np.ndarray, second: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """The difference of two networks' mean accuracies, first minus second, about their trainings and the images.

    Variances over the trainings of each (as Welch's) and over the images, on which all are compared, are added, with
    Satterthwaite's degrees of freedom (1946).

    Args:
        first, second: (trainings, images) bool, whether each answer is right; the same images in the same order.
        confidence: of the interval; (-inf, inf) from one training of either.

    Raises:
        InputError: a sample is empty, or the images differ in number.
    """
    _check_trainings(first, second)
    by_image = first.mean(axis=0) - second.mean(axis=0)
    over_trainings = [(sample.mean(axis=1), len(sample)) for sample in (first, second)]
    return _crossed(by_image, over_trainings, confidence)


def paired_trainings_interval(first: np.ndarray, second: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """The same where the trainings come in pairs: of one network under two attacks, or from the same seed.

    Args:
        first, second: (trainings, images) bool; row by row a pair.
        confidence: of the interval; (-inf, inf) from one pair.

    Raises:
        InputError: a sample is empty, or the two differ in shape.
    """
    _check_trainings(first, second)
    if len(first) != len(second):
        raise InputError(f"paired trainings: expected as many of both, got {len(first)} and {len(second)}.")
    differences = first.astype(float) - second
    return _crossed(differences.mean(axis=0), [(differences.mean(axis=1), len(differences))], confidence)


def _check_trainings(first: np.ndarray, second: np.ndarray) -> None:
    if first.ndim != 2 or second.ndim != 2 or 0 in (*first.shape, *second.shape) or first.shape[1] != second.shape[1]:
        raise InputError(
            f"trainings: expected (trainings, images) of the same images, got {first.shape} and {second.shape}."
        )


def _crossed(by_image: np.ndarray, trainings: Sequence[tuple[np.ndarray, int]], confidence: float) -> Interval:
    difference = float(by_image.mean())
    if len(by_image) < 2 or min(count for _, count in trainings) < 2:
        return Interval(difference, -math.inf, math.inf)
    shares = [(float(np.var(values, ddof=1)) / count, count - 1) for values, count in trainings]
    shares.append((float(np.var(by_image, ddof=1)) / len(by_image), len(by_image) - 1))
    total = sum(share for share, _ in shares)
    # What Tango's score interval keeps where no two answers differ: so few images can't show that they never do.
    square = float(stats.norm.ppf((1 + confidence) / 2)) ** 2
    half = square / (len(by_image) + square)
    if total > 0:
        freedom = total**2 / sum(share**2 / freedom for share, freedom in shares)
        half = max(half, float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(total))
    return Interval(difference, difference - half, difference + half)
