"""Sequential certification of a grid of radii: draws go on only until the question is decided.

Radii are tested upwards, each by the e-value of `log_e_value`, and testing stops at the first that fails. So the
probability that any radius is certified falsely is alpha or less, however often one looks, without a correction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from src.base import InputError
from src.smoothing.radius import check_alpha, log_e_value, probability_at

FIRST_LOOK, GROWTH = 100, 10
"""Draws before the first look; each further look comes after a tenth more, in whole draw blocks."""

DRAWS_TOGETHER = 10
"""Looks come after multiples of it: the noise's draw block."""


def next_look(n: int, cap: int) -> int:
    """After how many draws to look next, n < cap; the same for all images, so that batches do not matter."""
    step = math.ceil(max(FIRST_LOOK if n == 0 else 0, n / GROWTH) / DRAWS_TOGETHER) * DRAWS_TOGETHER
    return min(n + step, cap)


class SequentialTest:
    """Which radii of a grid are certified for each of a batch of images, after the draws so far.

    Attributes:
        n: (batch,) int64, draws taken.
        hits: (batch,) int64, draws that went to the class to certify.
        certified: (batch,) int64, how many of the radii are certified, from the smallest on.
        undecided: (batch,) bool, where further draws could certify another radius.
        hits_at: (batch, radii) int64, the hits when each radius was certified; 0 where it is not.
        n_at: (batch, radii) int64, the draws that these hits are of; 0 where it is not.

    Args:
        batch: number of images.
        sigma: of the noise, in the unit of the images; above 0.
        radii: ascending, 0 or more, in the unit of sigma.
        alpha: probability that any certificate of an image is wrong, in (0, 1).
        cap: draws for each image, at the most.

    Raises:
        InputError: a number is out of range.
    """

    def __init__(self, batch: int, sigma: float, radii: Sequence[float], alpha: float, cap: int) -> None:
        check_alpha(alpha)
        check_radii(radii, sigma)
        if cap < 1:
            raise InputError(f"cap: expected 1 or more draws, got {cap}.")
        self._probabilities = np.asarray(probability_at(np.asarray(radii, np.float64), sigma))
        self._threshold = math.log(1 / alpha)
        self._cap = cap
        self.n = np.zeros(batch, np.int64)
        self.hits = np.zeros(batch, np.int64)
        self.certified = np.zeros(batch, np.int64)
        self.undecided = np.ones(batch, bool)
        self.hits_at = np.zeros((batch, len(self._probabilities)), np.int64)
        self.n_at = np.zeros_like(self.hits_at)

    def look(self, positions: np.ndarray, hits: np.ndarray, draws: int) -> None:
        """Take in `draws` further draws of the undecided images at `positions`, `hits` of which were hits."""
        self.n[positions] += draws
        self.hits[positions] += hits
        last = len(self._probabilities)
        while len(positions):
            p0 = self._probabilities[self.certified[positions]]
            passed = log_e_value(self.hits[positions], self.n[positions], p0) >= self._threshold
            self.undecided[positions[~passed]] = ~self._is_futile(positions[~passed])
            positions = positions[passed]
            # Later draws for larger radii can take the evidence for this one away again; the certificate stays.
            self.hits_at[positions, self.certified[positions]] = self.hits[positions]
            self.n_at[positions, self.certified[positions]] = self.n[positions]
            self.certified[positions] += 1
            self.undecided[positions[self.certified[positions] == last]] = False
            positions = positions[self.certified[positions] < last]

    def _is_futile(self, positions: np.ndarray) -> np.ndarray:
        """Where hits alone would not suffice up to the cap, or p < p0 is as evident as a certificate has to be.

        Giving up never certifies anything, so this needs no guarantee.
        """
        p0 = self._probabilities[self.certified[positions]]
        hits, n = self.hits[positions], self.n[positions]
        at_best = log_e_value(hits + self._cap - n, self._cap, p0)
        below = log_e_value(n - hits, n, 1 - p0)
        return np.asarray((at_best < self._threshold) | (below >= self._threshold))


def check_radii(radii: Sequence[float], sigma: float) -> None:
    """Raise InputError unless `radii` ascend from 0 or more and stay where Phi(radius / sigma) < 1 in float64."""
    values = np.asarray(radii, np.float64)
    ascending = values.ndim == 1 and len(values) > 0 and np.isfinite(values).all() and (np.diff(values) > 0).all()
    if not (ascending and values[0] >= 0):
        raise InputError(f"radii: expected numbers that ascend from 0 or more, got {list(radii)}.")
    if not (sigma > 0 and values[-1] <= 8 * sigma):
        raise InputError(f"radii: {values[-1]} is beyond 8 sigma = {8 * sigma}, which no number of draws certifies.")
