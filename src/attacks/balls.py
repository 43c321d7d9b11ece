"""The l2 and l-infinity balls that attacks search: lengths, projections, steepest directions, random points."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from src.base import InputError
from src.smoothing.noise import Stream, noise_blocks

Norm = Literal["linf", "l2"]

LANES = 16
"""Float32 numbers in the widest vector of a processor (AVX-512)."""

STEP = 2.5
"""Of a PGD attack: a step is STEP * epsilon / steps, so that every point of the ball can be reached and left again
(Madry et al. 2018)."""


def check_norm(norm: str) -> None:
    """Raise InputError unless `norm` is one that is known."""
    if norm not in get_args(Norm):
        raise InputError(f"norm: expected 'linf' or 'l2', got {norm!r}.")


def lengths(deltas: np.ndarray, norm: Norm) -> np.ndarray:
    """(batch, ...) perturbations -> (batch,) float64 lengths."""
    flat = np.asarray(deltas, np.float64).reshape(len(deltas), math.prod(np.shape(deltas)[1:]))
    return np.linalg.norm(flat, axis=1) if norm == "l2" else np.abs(flat).max(axis=1)


def project(deltas: tf.Tensor, epsilon: tf.Tensor, norm: Norm) -> tf.Tensor:
    """The nearest points of the ball of radius epsilon, (batch, size) float32."""
    if norm == "linf":
        return tf.clip_by_value(deltas, -epsilon, epsilon)
    return deltas * tf.minimum(1.0, epsilon / tf.maximum(_norms(deltas), 1e-12))


def steepest(gradients: tf.Tensor, norm: Norm) -> tf.Tensor:
    """Directions of length 1 that raise the loss most, (batch, size) float32; 0 where the gradient is 0."""
    if norm == "linf":
        return tf.sign(gradients)
    # Of a confident network's gradients the squares underflow; so the largest entry is brought to 1 first.
    scaled = tf.math.divide_no_nan(gradients, tf.reduce_max(tf.abs(gradients), axis=1, keepdims=True))
    return tf.math.divide_no_nan(scaled, _norms(scaled))


def sums_of_draws(gradients: tf.Tensor) -> tf.Tensor:
    """(batch, m, size) float32 -> (batch, size) sums over m that do not depend on a row's place."""
    size = gradients.shape[-1]
    # What is left over by the processor's vectors is summed in another order, which rounds otherwise.
    return tf.reduce_sum(tf.pad(gradients, [[0, 0], [0, 0], [0, -size % LANES]]), axis=1)[:, :size]


def random_points(seed: int, indices: tf.Tensor, blocks: tf.Tensor, size: int, norm: Norm) -> tf.Tensor:
    """Points uniformly in the ball of radius 1, one for each (image index, draw block) of Stream.ATTACK.

    Args:
        seed: of the noise.
        indices, blocks: (k,) int64, as for `noise_blocks`.
        size: dimensions.
        norm: of the ball.

    Returns:
        (k, size) float32.
    """
    # The first n of n + 2 coordinates of a point on the sphere are uniform in the n-ball (Voelker et al. 2017).
    count = size + 2 if norm == "l2" else size
    key = (tf.constant(seed, tf.int64), tf.constant(int(Stream.ATTACK), tf.int64))
    normal = noise_blocks(*key, indices, blocks, count)[:, 0]
    if norm == "linf":
        # Row by row, as the noise itself: within one tensor the rounding depends on the place.
        return tf.map_fn(lambda row: tf.math.erf(row / math.sqrt(2)), normal)
    return (normal / _norms(normal))[:, :size]


def _norms(rows: tf.Tensor) -> tf.Tensor:
    """(batch, size) -> (batch, 1) l2 norms that do not depend on a row's place, as in `sums_of_draws`."""
    batch = tf.shape(rows)[0]
    return tf.norm(tf.pad(rows, [[0, -batch % LANES], [0, 0]]), axis=1, keepdims=True)[:batch]
