"""What noisy copies of an image say: their votes, and the certificates that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf


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


@dataclass(frozen=True)
class Certificates:
    """Around each image, the smoothed classifier's answer and the l2 ball in which it can't change.

    Attributes:
        prediction: (batch,) int64, the class, or ABSTAIN.
        radius: (batch,) float64, in the unit of sigma; 0 at an abstention.
        count: (batch,) int64, votes for the class to certify.
        n: (batch,) int64, draws that the votes are of.
        count_at: of a sequential certification, for each image the votes when each radius of the grid was certified,
            from the smallest on; there are as many as radii that are.
        n_at: of the same, the draws that these votes are of.
    """

    prediction: np.ndarray
    radius: np.ndarray
    count: np.ndarray
    n: np.ndarray
    count_at: tuple[tuple[int, ...], ...] | None = None
    n_at: tuple[tuple[int, ...], ...] | None = None


def votes_and_softmax(logits: tf.Tensor) -> tf.Tensor:
    """(rows, classes) logits -> (rows, 2 * classes) float32: the vote, one-hot, beside the softmax."""
    logits = tf.cast(logits, tf.float32)
    return tf.concat([_votes(logits), tf.nn.softmax(logits)], axis=-1)


def votes_and_probabilities(probabilities: tf.Tensor) -> tf.Tensor:
    """The same for a network that ends in a softmax."""
    probabilities = tf.cast(probabilities, tf.float32)
    return tf.concat([_votes(probabilities), probabilities], axis=-1)


def _votes(outputs: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(tf.argmax(outputs, axis=-1), outputs.shape[-1])
