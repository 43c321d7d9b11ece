"""Accuracies, losses and certified radii with their intervals."""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from src.base import InputError

CONFIDENCE = 0.95

RESAMPLES = 10_000
"""Of a bootstrap."""


class Interval(NamedTuple):
    """An estimate between the ends of its confidence interval."""

    estimate: float
    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, numbers.Real) and self.low <= float(value) <= self.high

    @property
    def ends(self) -> tuple[float, float]:
        """low and high for a table; NaN where it ends nowhere, as over a single training."""
        return (self.low, self.high) if math.isfinite(self.low) and math.isfinite(self.high) else (math.nan, math.nan)


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


def certified_accuracy(log: pd.DataFrame, radius: float, confidence: float = CONFIDENCE) -> Interval:
    """The share of images that are certified for their label at `radius` or more, with its score interval.

    Args:
        log: of a certification, columns `correct` and `radius_exact`; an abstention is not correct.
        radius: in the unit of the log's sigma.
        confidence: of the interval, which is about the sample of images.

    Raises:
        InputError: the log is empty.
    """
    return wilson_interval(int((certified_radii(log) >= radius).sum()), len(log), confidence)


def average_certified_radius(log: pd.DataFrame, confidence: float = CONFIDENCE) -> Interval:
    """ACR: the mean over all images of the certified radius, 0 where the answer is wrong (Zhai et al. 2020).

    Of a grid of radii it is a lower bound, as each image's radius is. Its Student t interval is cut at 0, as no radius
    is negative.

    Raises:
        InputError: the log has fewer than two images.
    """
    mean, low, high = mean_interval(np.maximum(certified_radii(log), 0.0), confidence)
    return Interval(mean, max(0.0, low), high)


def high_probability_certified_accuracy(log: pd.DataFrame, radius: float, alpha: float, rho: float) -> float:
    """A lower bound, with probability 1 - rho, on the share of these images that truly are certified at `radius`.

    A certificate is wrong with probability alpha or less, one independently of another; so with probability 1 - rho no
    more are than the binomial quantile says. (Cohen, Rosenfeld and Kolter 2019 bound it by Bernstein's inequality,
    which gives less.)

    Raises:
        InputError: the log is empty.
    """
    accuracy = certified_accuracy(log, radius).estimate
    wrong = stats.binom.ppf(1 - rho, len(log), alpha) / len(log)
    return max(0.0, accuracy - float(wrong))


def certified_radii(log: pd.DataFrame) -> np.ndarray:
    """(images,) float64, what is certified for the label: the radius, or -1 where the answer is wrong or none."""
    return np.where(log["correct"].to_numpy() == 1, log["radius_exact"].to_numpy(np.float64), -1.0)


def paired_bootstrap(differences: np.ndarray, seed: int, confidence: float = CONFIDENCE) -> Interval:
    """The mean of paired differences with its percentile interval (Efron and Tibshirani 1993).

    Args:
        differences: (pairs,).
        seed: of the resampling.

    Raises:
        InputError: fewer than two pairs, or a difference that is not finite.
    """
    mean = mean_interval(differences).estimate
    means = _resampled_means(differences, len(differences), np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean, float(low), float(high))


def bootstrap_against_published(
    values: np.ndarray, published: float, published_count: int, seed: int, confidence: float = CONFIDENCE
) -> Interval:
    """A mean minus a published mean of which no spread is known, with its basic bootstrap interval.

    The published one is taken to be of a sample as spread out as ours: each resample draws both, and the interval holds
    every difference from which ours is no further off than resamples are from theirs (Davison and Hinkley 1997,
    equation 5.6). A percentile interval would reject in the wrong tail, as losses are skewed and the counts unequal.

    Args:
        values: (measured,).
        published: the mean.
        published_count: what it is the mean of.
        seed: of the resampling.
        confidence: of the interval.

    Raises:
        InputError: fewer than two values, one that is not finite, or nothing published.
    """
    if published_count < 1:
        raise InputError(f"published_count: expected at least one value, got {published_count}.")
    mean = mean_interval(values).estimate
    generator = np.random.default_rng(seed)
    changes = _resampled_means(values, len(values), generator) - _resampled_means(values, published_count, generator)
    low, high = np.quantile(changes, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean - published, mean - published - float(high), mean - published - float(low))


def _resampled_means(values: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    # In portions: an array of all resamples would be large.
    portions = (generator.integers(0, len(values), (100, count), dtype=np.int32) for _ in range(RESAMPLES // 100))
    return np.concatenate([values[portion].mean(axis=1) for portion in portions])
