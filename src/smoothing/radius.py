"""The statistics of PREDICT and CERTIFY (Cohen, Rosenfeld and Kolter 2019), and of sequential certification.

All functions take single numbers or arrays, which are broadcast against each other.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from scipy import special, stats

from src.base import ABSTAIN, InputError

LARGEST_DRAW = 6.8
"""No draw of the noise is further from 0, in multiples of sigma."""

SMALLEST_SIGMA = float(np.finfo(np.float32).tiny)
LARGEST_SIGMA = float(np.finfo(np.float32).max) / LARGEST_DRAW
"""Of noise in float32: below, it loses digits or vanishes; beyond, its largest draws are infinite."""

Number: TypeAlias = float | np.ndarray
Count: TypeAlias = int | np.ndarray


def lower_confidence_bound(k: Count, n: Count, alpha: float) -> Number:
    """The one-sided Clopper-Pearson bound: with probability 1 - alpha or more, p is not below it.

    Args:
        k: hits, 0 to n.
        n: draws, at least 1.
        alpha: in (0, 1).

    Returns:
        Float64, in the shape of the counts.

    Raises:
        InputError: a number is out of range.
    """
    check_alpha(alpha)
    _check_counts(k, n, at_least=1)
    # At k = 0 the beta distribution degenerates; the bound is 0.
    bound = stats.beta.ppf(alpha, np.maximum(k, 1), np.subtract(n, k) + 1.0)
    return np.where(np.equal(k, 0), 0.0, bound)[()]


def certified_radius(k: Count, n: Count, alpha: float, sigma: float) -> Number:
    """CERTIFY's radius sigma * Phi^-1(p) for the lower bound p of the class's probability (theorem 1, p_B = 1 - p_A).

    Args:
        k: votes for the class, 0 to n.
        n: draws, at least 1.
        alpha: probability that the certificate is wrong, in (0, 1).
        sigma: of the noise, in the unit of the images.

    Returns:
        An l2 radius in the unit of sigma, or ABSTAIN where p < 1/2.

    Raises:
        InputError: a number is out of range.
    """
    bound = lower_confidence_bound(k, n, alpha)
    return np.where(bound < 0.5, float(ABSTAIN), sigma * special.ndtri(bound))[()]


def prediction(counts: np.ndarray, alpha: float) -> np.ndarray:
    """PREDICT's answers: the class with most votes, unless the runner-up may be ahead of it.

    It answers where the two-sided exact binomial test of c1 hits in c1 + c2 draws at 1/2 has p <= alpha.

    Args:
        counts: (batch, classes) votes, at least two classes.
        alpha: probability that an answer is not the smoothed classifier's, in (0, 1).

    Returns:
        (batch,) int64, ABSTAIN where there is no answer.

    Raises:
        InputError: `alpha` or `counts` are out of range.
    """
    check_alpha(alpha)
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[1] < 2 or (counts < 0).any():
        raise InputError(f"counts: expected votes of shape (batch, 2 classes or more), got shape {counts.shape}.")
    runner_up, first = np.sort(counts, axis=1)[:, -2:].T
    # At 1/2 the binomial distribution is symmetric, so the two-sided p-value is twice the tail, at most 1.
    p_value = np.minimum(1.0, 2 * stats.binom.cdf(runner_up, first + runner_up, 0.5))
    return np.where(p_value <= alpha, counts.argmax(axis=1), ABSTAIN)


def log_e_value(k: Count, n: Count, p0: Number) -> Number:
    """The logarithm of the evidence that p > p0, which may be looked at after every draw.

    It is the likelihood ratio of the uniform mixture of all p in (p0, 1) to p0. For every p <= p0 it is a
    supermartingale that starts at 1, so it ever reaches 1 / alpha with probability alpha or less (Ville 1939).

    Args:
        k: hits, 0 to n.
        n: draws, 0 or more.
        p0: in (0, 1).

    Returns:
        Float64; -inf, or inexact, where k / n is so far below p0 that there is no evidence at all.

    Raises:
        InputError: a number is out of range.
    """
    _check_counts(k, n, at_least=0)
    if not np.all((np.asarray(p0) > 0) & (np.asarray(p0) < 1)):
        raise InputError(f"p0: expected a number between 0 and 1, got {p0}.")
    misses = np.subtract(n, k)
    mixture = special.betaln(np.add(k, 1), misses + 1) + _log_beta_tail(k, misses, p0) - np.log1p(-np.asarray(p0))
    return (mixture - k * np.log(p0) - misses * np.log1p(-np.asarray(p0)))[()]


def _log_beta_tail(k: Count, misses: Count, p0: Number) -> Number:
    """log P(B > p0) for B ~ Beta(k + 1, misses + 1)."""
    with np.errstate(divide="ignore"):
        return np.log(special.betainc(np.add(misses, 1.0), np.add(k, 1.0), 1 - np.asarray(p0)))


def probability_at(radius: Number, sigma: float) -> Number:
    """The probability that a class must exceed to be certified at `radius`: Phi(radius / sigma)."""
    return special.ndtr(np.asarray(radius) / sigma)[()]


def round_down(radius: Number, digits: int = 3) -> Number:
    """A radius for display, never more than what is certified; ABSTAIN stays what it is."""
    radius, scale = np.asarray(radius, np.float64), 10.0**digits
    # Beyond, float64 numbers lie further apart than the steps, and there is nothing to round.
    fine = radius < 2.0**53 / scale
    steps = np.floor(np.where(fine, radius, 0.0) * scale)
    # The product may have been rounded up to a whole number.
    rounded = np.where(steps / scale > radius, (steps - 1) / scale, steps / scale)
    return np.where(fine, rounded, radius)[()]


def check_noise_size(name: str, sigma: float) -> None:
    """Raise InputError, about `name`, unless float32 noise of this sigma is neither infinite nor rounded to nothing."""
    if sigma != 0 and not SMALLEST_SIGMA <= sigma <= LARGEST_SIGMA:
        raise InputError(
            f"{name}: noise is computed in float32, which holds sigma from {SMALLEST_SIGMA:.2g} to "
            f"{LARGEST_SIGMA:.2g}, got {sigma:g}. Give images and sigma in another unit, e.g. images in [0, 1]."
        )


def check_alpha(alpha: float) -> None:
    """Raise InputError unless 0 < alpha < 1."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha: expected a probability between 0 and 1, got {alpha}.")


def _check_counts(k: Count, n: Count, at_least: int) -> None:
    counts, draws = np.broadcast_arrays(k, n)
    if not ((counts >= 0) & (counts <= draws) & (draws >= at_least)).all():
        raise InputError(f"k and n: expected 0 <= k <= n and n >= {at_least}, got k = {k} and n = {n}.")
