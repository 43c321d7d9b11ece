"""The randomized-smoothing classifier around a Keras model (Cohen, Rosenfeld and Kolter 2019)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np

from src.base import ABSTAIN, N0, InputError
from src.smoothing.checks import (
    check_draws,
    check_emits,
    check_images,
    check_indices,
    check_network,
    check_sigma,
    tell_of_faint_noise,
)
from src.smoothing.finite import check_finite_with_noise
from src.smoothing.monte_carlo import MonteCarlo
from src.smoothing.noise import Stream, check_seed
from src.smoothing.radius import certified_radius, check_alpha, prediction
from src.smoothing.sequential import SequentialTest, next_look
from src.smoothing.votes import Certificates, Votes, votes_and_probabilities, votes_and_softmax

MANY_VOTES = 10_000
"""Beside so many for each image, an eager look at a few images costs nothing."""


class SmoothedClassifier:
    """g(x) = the class that `network` most likely gives x + sigma * noise, estimated by votes.

    The votes run in one compiled graph, on the GPU where there is one. An image's noise depends on
    (seed, stream, index) alone: with `indices` given, results do not depend on batches or order.

    Args:
        network: a Keras model, (batch, height, width, channels) float32 -> (batch, classes).
        sigma: standard deviation of the noise, in the unit of the images; 0 or more.
        seed: of the noise, in [0, 2^48).
        outputs: what the network emits. Votes are the same for both; only the averaged softmax is not.

    Raises:
        InputError: `sigma` or `seed` is out of range, the network's shapes don't fit, or it emits something
            else than is stated.
    """

    def __init__(
        self, network: keras.Model, sigma: float, seed: int = 0, outputs: Literal["logits", "probabilities"] = "logits"
    ) -> None:
        check_sigma(sigma)
        check_seed(seed)
        check_network(network)
        check_emits(network, outputs)
        self.sigma = sigma
        self.seed = seed
        self.input_shape: tuple[int, ...] = tuple(network.input_shape[1:])
        self.classes: int = network.output_shape[-1]
        self._network = network
        self._tried: set[float] = set()
        self._sums = MonteCarlo(network, votes_and_softmax if outputs == "logits" else votes_and_probabilities)

    def with_sigma(self, sigma: float) -> SmoothedClassifier:
        """The same network smoothed with another sigma, without compiling anew.

        Raises:
            InputError: `sigma` is out of range.
        """
        check_sigma(sigma)
        other = copy.copy(self)
        other.sigma = sigma
        return other

    def vote(
        self,
        images: np.ndarray,
        n: int,
        indices: np.ndarray | None = None,
        stream: Stream = Stream.ESTIMATION,
        first: int = 0,
    ) -> Votes:
        """Classify n noisy copies of each image.

        Args:
            images: (batch, height, width, channels) float32 or another floating-point type, in sigma's unit.
            n: votes for each image, at least 1.
            indices: (batch,) int64, what the noise is keyed by; the positions by default.
            stream: what the noise is for.
            first: draws of the stream to skip, a multiple of 10; votes of consecutive draws add up.

        Raises:
            InputError: `n` is below 1, images are integers, images or indices do not fit, or the network's outputs
                are not finite.
        """
        n = check_draws("n", n)
        indices = np.arange(len(images)) if indices is None else np.asarray(indices)
        check_indices(indices, len(images))
        images = check_images(images, self.input_shape, indices)
        self._try(images, indices, n)
        sums = self._sums(images, indices, self.sigma, n, self.seed, stream, first).numpy()
        counts, probabilities = sums[:, : self.classes], sums[:, self.classes :]
        unusable = indices[~np.isfinite(probabilities).all(axis=1)]
        if len(unusable):
            raise InputError(f"the network's outputs for image {unusable[0]} are not finite; so there is no vote.")
        return Votes(counts.astype(np.int64), (probabilities / n).astype(np.float32))

    def clean_prediction(self, images: np.ndarray, indices: np.ndarray | None = None) -> np.ndarray:
        """The network's own answers, without noise; in the same graph, so that nothing is compiled for them.

        Args:
            images, indices: as for `vote`.

        Returns:
            (batch,) int64.

        Raises:
            InputError: as for `vote`.
        """
        return self.with_sigma(0.0).vote(images, 1, indices).prediction

    def predict(self, images: np.ndarray, n: int, alpha: float, indices: np.ndarray | None = None) -> np.ndarray:
        """PREDICT: the class with most of n votes, or ABSTAIN where the runner-up may be ahead of it.

        Args:
            images, n, indices: as for `vote`.
            alpha: an answer is not the smoothed classifier's with this probability at the most.

        Returns:
            (batch,) int64.

        Raises:
            InputError: as for `vote`, or `alpha` is out of range.
        """
        check_alpha(alpha)
        return prediction(self.vote(images, n, indices).counts, alpha)

    def certify(
        self, images: np.ndarray, n: int, alpha: float, n0: int = N0, indices: np.ndarray | None = None
    ) -> Certificates:
        """CERTIFY: choose a class by n0 draws, bound its probability by n fresh ones.

        Args:
            images, n, indices: as for `vote`.
            alpha: a certificate is wrong with this probability at the most.
            n0: draws that choose the class.

        Raises:
            InputError: as for `vote`, or `alpha` or `n0` is out of range.
        """
        check_alpha(alpha)
        classes = self._select(images, n0, indices)
        votes = self.vote(images, n, indices)
        count = votes.counts[np.arange(len(classes)), classes]
        radius = np.asarray(certified_radius(count, n, alpha, self.sigma))
        answered = radius != ABSTAIN
        draws = np.full(len(classes), n, np.int64)
        return Certificates(np.where(answered, classes, ABSTAIN), np.where(answered, radius, 0.0), count, draws)

    def certify_sequentially(
        self,
        images: np.ndarray,
        radii: Sequence[float],
        cap: int,
        alpha: float,
        n0: int = N0,
        indices: np.ndarray | None = None,
    ) -> Certificates:
        """The largest of `radii` that is certified, with as few draws as the question needs (`SequentialTest`).

        Args:
            images, indices: as for `vote`.
            radii: ascending, in the unit of sigma; where not even the smallest is certified, it abstains.
            cap: draws for each image, at the most.
            alpha: any certificate of an image is wrong with this probability at the most.
            n0: draws that choose the class.

        The draws are the first of those that `certify` would take, and the class is chosen by the same.

        Raises:
            InputError: as for `vote`, or `radii`, `cap`, `alpha` or `n0` is out of range.
        """
        indices = np.arange(len(images)) if indices is None else np.asarray(indices)
        check_indices(indices, len(images))
        images = check_images(images, self.input_shape, indices)
        test = SequentialTest(len(images), self.sigma, radii, alpha, check_draws("cap", cap))
        classes = self._select(images, n0, indices)
        n = 0
        while test.undecided.any():
            positions = np.flatnonzero(test.undecided)
            draws = next_look(n, cap) - n
            votes = self.vote(images[positions], draws, indices[positions], first=n)
            test.look(positions, votes.counts[np.arange(len(positions)), classes[positions]], draws)
            n += draws
        radius = np.asarray([0.0, *radii])[test.certified]
        count_at, n_at = (
            tuple(tuple(row[:certified].tolist()) for row, certified in zip(values, test.certified, strict=True))
            for values in (test.hits_at, test.n_at)
        )
        answers = np.where(test.certified > 0, classes, ABSTAIN)
        return Certificates(answers, radius, test.hits, test.n, count_at, n_at)

    def _select(self, images: np.ndarray, n0: int, indices: np.ndarray | None) -> np.ndarray:
        return self.vote(images, check_draws("n0", n0), indices, Stream.SELECTION).prediction

    def _try(self, images: np.ndarray, indices: np.ndarray, n: int) -> None:
        """Look for NaN on the first images with noise, once for each sigma and before many votes: they may hide it."""
        if len(images) == 0 or (self.sigma in self._tried and n < MANY_VOTES):
            return
        if self.sigma not in self._tried:
            tell_of_faint_noise(images, self.sigma)
        check_finite_with_noise(self._network, images, self.sigma, self.seed, indices)
        self._tried.add(self.sigma)
