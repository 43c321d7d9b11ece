"""Accuracies and losses with their intervals."""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

import numpy as np
from scipy import stats

from src.base import InputError

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate between the ends of its confidence interval."""

    estimate: float
    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, numbers.Real) and self.low <= float(value) <= self.high


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """A proportion with its score interval (Wilson 1927, without continuity correction).

    Raises:
        InputError: not 0 <= successes <= trials, or no trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise InputError(f"proportion: expected 0 <= successes <= trials and 1 <= trials, got {successes} of {trials}.")
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def newcombe_interval(
    successes: int, trials: int, other_successes: int, other_trials: int, confidence: float = CONFIDENCE
) -> Interval:
    """The difference of two independent proportions, first minus second (Newcombe 1998, method 10).

    Raises:
        InputError: a proportion is not one.
    """
    one = wilson_interval(successes, trials, confidence)
    two = wilson_interval(other_successes, other_trials, confidence)
    difference = one.estimate - two.estimate
    below = math.hypot(one.estimate - one.low, two.high - two.estimate)
    above = math.hypot(one.high - one.estimate, two.estimate - two.low)
    return Interval(difference, difference - below, difference + above)


def mean_interval(values: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """A mean with its Student t interval.

    Raises:
        InputError: fewer than two values, or one that is not finite.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        finite = int(np.isfinite(values).sum())
        raise InputError(f"mean: expected at least two values, all finite, got {len(values)}, {finite} of them finite.")
    mean = float(np.mean(values))
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half)
