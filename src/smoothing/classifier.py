"""The randomized-smoothing classifier around a Keras model (Cohen, Rosenfeld and Kolter 2019)."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from src.base import InputError
from src.smoothing.monte_carlo import MonteCarlo
from src.smoothing.noise import Stream, check_seed


class Votes(NamedTuple):
    """What n noisy copies of each image said.

    Attributes:
        counts: (batch, classes) int64, draws whose largest logit was the class; rows sum to n.
        probabilities: (batch, classes) float32, softmax averaged over the draws.
    """

    counts: np.ndarray
    probabilities: np.ndarray

    @property
    def prediction(self) -> np.ndarray:
        """(batch,) int64, the class with most votes; the lowest such class at a tie."""
        return self.counts.argmax(axis=1)


class SmoothedClassifier:
    """g(x) = the class that `network` most likely gives x + sigma * noise, estimated by votes.

    The votes run in one compiled graph, on the GPU where there is one. An image's noise depends on
    (seed, stream, index) alone: with `indices` given, results do not depend on batches or order.

    Args:
        network: a Keras model, (batch, height, width, channels) float32 -> (batch, classes) **logits**.
        sigma: standard deviation of the noise, in the unit of the images; 0 or more.
        seed: of the noise, in [0, 2^48).

    Raises:
        InputError: `sigma` or `seed` is out of range, or the network ends in a softmax.
    """

    def __init__(self, network: keras.Model, sigma: float, seed: int = 0) -> None:
        check_sigma(sigma)
        check_seed(seed)
        check_emits_logits(network)
        self.sigma = sigma
        self.seed = seed
        self._input_shape = tuple(network.input_shape[1:])
        self._classes = network.output_shape[-1]
        self._sums = MonteCarlo(network, _votes_and_probabilities)

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
        self, images: np.ndarray, n: int, indices: np.ndarray | None = None, stream: Stream = Stream.ESTIMATION
    ) -> Votes:
        """Classify n noisy copies of each image.

        Args:
            images: (batch, height, width, channels) float32 or another floating-point type, in sigma's unit.
            n: votes for each image, at least 1.
            indices: (batch,) int64, what the noise is keyed by; the positions by default.
            stream: what the noise is for.

        Raises:
            InputError: `n` is below 1, images are integers, images or indices do not fit, or the network's outputs
                are not finite.
        """
        if not (math.isfinite(n) and n >= 1 and n == int(n)):
            raise InputError(f"n: expected a whole number of votes, at least 1, got {n}.")
        n = int(n)
        if not np.issubdtype(np.asarray(images).dtype, np.floating):
            # Noise on 0-255 with a sigma meant for [0, 1] changes nothing, and nobody notices.
            raise InputError(
                f"images: expected floating-point numbers in the unit of sigma, got {np.asarray(images).dtype}. "
                "Convert them, e.g. to float32 in [0, 1] by dividing by 255."
            )
        images = np.asarray(images, np.float32)
        if images.shape[1:] != self._input_shape:
            raise InputError(f"images: expected a batch of images of shape {self._input_shape}, got {images.shape}.")
        indices = np.arange(len(images)) if indices is None else np.asarray(indices)
        check_indices(indices, len(images))
        sums = self._sums(images, indices, self.sigma, n, self.seed, stream).numpy()
        counts, probabilities = sums[:, : self._classes], sums[:, self._classes :]
        unusable = indices[~np.isfinite(probabilities).all(axis=1)]
        if len(unusable):
            raise InputError(f"the network's outputs for image {unusable[0]} are not finite; so there is no vote.")
        return Votes(counts.astype(np.int64), (probabilities / n).astype(np.float32))


def _votes_and_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """(rows, classes) logits -> (rows, 2 * classes) float32: the vote, one-hot, beside the softmax."""
    logits = tf.cast(logits, tf.float32)
    vote = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1])
    return tf.concat([vote, tf.nn.softmax(logits)], axis=-1)


def check_sigma(sigma: float) -> None:
    """Raise InputError unless `sigma` is a finite number, 0 or more."""
    if not (math.isfinite(sigma) and sigma >= 0):
        raise InputError(f"sigma: expected a finite number, 0 or more, in the unit of the images, got {sigma}.")


def check_indices(indices: np.ndarray, count: int) -> None:
    """Raise InputError unless `indices` are `count` whole numbers from 0 to 2^31 - 1."""
    got = f"{indices.dtype} of shape {indices.shape}"
    fitting = indices.shape == (count,) and np.issubdtype(indices.dtype, np.integer)
    if fitting:
        outside = indices[(indices < 0) | (indices >= 2**31)]
        if len(outside) == 0:
            return
        got = str(outside[0])
    raise InputError(
        f"indices: expected {count} whole numbers from 0 to 2^31 - 1, one for each image, got {got}."
    )


def check_emits_logits(network: keras.Model) -> None:
    """Raise InputError unless the network takes images of one fixed shape and does not emit probabilities.

    Probabilities are told by what comes out, as a softmax can hide in any layer.
    """
    if not network.built or None in network.input_shape[1:]:
        shape = network.input_shape if network.built else "none yet"
        raise InputError(f"network: a fixed input shape is needed, got {shape}. Begin it with keras.Input(...).")
    if len(network.output_shape) != 2:
        raise InputError(f"network: expected an output of shape (batch, classes), got {network.output_shape}.")
    images = np.random.default_rng(0).random((8, *network.input_shape[1:]), np.float32)
    outputs = tf.cast(network(images, training=False), tf.float64).numpy()
    if (outputs >= 0).all() and np.abs(outputs.sum(axis=1) - 1).max() < 1e-2:
        raise InputError(
            f"the network emits probabilities (its last layer is {network.layers[-1].name!r}), but logits are needed. "
            "Build it without the softmax, or set that layer's activation to keras.activations.linear."
        )
