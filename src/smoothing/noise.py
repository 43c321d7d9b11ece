"""Gaussian noise that belongs to an image: keyed by (seed, stream, image index, draw block).

Neither the order of the images, nor an interruption, nor which images go together changes what an image receives.
"""

from __future__ import annotations

import math
from enum import IntEnum

import tensorflow as tf

from src.base import InputError

DRAW_BLOCK = 10
"""Draws that share a key. The paper votes with 10, so its votes waste none."""

MAX_SEED = 2**48 - 1
"""The seed shares a 64-bit word of the key with the stream."""


class Stream(IntEnum):
    """What noise is for; streams never share a draw."""

    SELECTION = 0
    """Choosing the class to certify (n0)."""
    ESTIMATION = 1
    """Votes, and the counts of a certificate (n)."""
    ATTACK = 2
    """Inside an attack."""
    SCORING = 3
    """Scoring what an attack found."""


def check_seed(seed: int) -> None:
    """Raise InputError unless `seed` is a whole number in [0, 2^48)."""
    if not 0 <= seed <= MAX_SEED or seed != int(seed):
        raise InputError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed}.")


def noise_blocks(seed: tf.Tensor, stream: tf.Tensor, indices: tf.Tensor, blocks: tf.Tensor, size: int) -> tf.Tensor:
    """Standard normal draws, one draw block for each (image index, block) pair.

    Args:
        seed, stream: scalar int64.
        indices: (k,) int64 image indices, below 2^31.
        blocks: (k,) int64 numbers of draw blocks, below 2^32.
        size: values in one draw (height x width x channels); static.

    Returns:
        (k, DRAW_BLOCK, size) float32; |value| < 6.8, never infinite.
    """
    first = tf.fill(tf.shape(indices), seed * 256 + stream)
    keys = tf.stack([first, indices * 2**32 + blocks], axis=1)
    return tf.map_fn(
        lambda key: tf.reshape(standard_normal(key, DRAW_BLOCK * size), [DRAW_BLOCK, size]),
        keys,
        fn_output_signature=tf.TensorSpec([DRAW_BLOCK, size], tf.float32),
    )


def standard_normal(key: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Independent standard normal numbers that depend on the key alone.

    Args:
        key: (2,) int64.
        count: how many.

    Returns:
        (count,) float32; |value| < 6.8, never infinite.
    """
    # Box and Muller. 32 random bits each, where uniform floats have 23: the tail reaches 6.8 sigma instead of 5.6. Half
    # a step keeps the logarithm from zero. Logarithm, root and cosine are vectorised; TensorFlow's own normal is not.
    bits = tf.random.stateless_uniform([2, (count + 1) // 2], key, minval=None, maxval=None, dtype=tf.uint32)
    uniform = (tf.cast(bits, tf.float32) + 0.5) * 2.0**-32
    length = tf.sqrt(-2.0 * tf.math.log(uniform[0]))
    angle = (2 * math.pi) * uniform[1]
    return tf.concat([length * tf.cos(angle), length * tf.sin(angle)], axis=0)[:count]
