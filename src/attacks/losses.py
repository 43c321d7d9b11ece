"""The losses that attacks climb, in forms that keep a gradient where the network is confident."""

from __future__ import annotations

import math

import tensorflow as tf

from src.attacks.balls import LANES


def margin(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """By how much the other classes' logits, as their logsumexp, exceed the label's.

    The cross-entropy is softplus(margin), so the margin's gradient points where the cross-entropy's does. It does not
    vanish, though, and its direction is right, where the softmax of the label rounds to 1 (a margin below -17).

    Args:
        logits: (batch, ..., classes).
        labels: (batch,) int64.

    Returns:
        (batch, ...) float32.
    """
    logits = tf.cast(logits, tf.float32)
    is_label = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
    is_label = tf.reshape(is_label, [-1, *[1] * (len(logits.shape) - 2), logits.shape[-1]])
    others = tf.reduce_logsumexp(tf.where(is_label, -math.inf, logits), axis=-1)
    return others - tf.reduce_sum(tf.where(is_label, logits, 0.0), axis=-1)


def smoothed_loss(logits: tf.Tensor, labels: tf.Tensor, m: int) -> tf.Tensor:
    """-log of the mean softmax of the label over m draws of each image.

    Args:
        logits: (batch * m, classes), image after image.
        labels: (batch,) int64; batch is static.
        m: draws of each image.

    Returns:
        (batch,) float32.
    """
    batch, classes = labels.shape[0], logits.shape[-1]
    # Padded to whole vectors of the processor: the remainder is computed by another exp, which rounds otherwise, so
    # that an image's result would depend on its place.
    padding = -batch % LANES
    logits = tf.pad(tf.reshape(logits, [batch, m, classes]), [[0, padding], [0, 0], [0, 0]])
    log_softmax = -tf.math.softplus(margin(logits, tf.pad(labels, [[0, padding]])))
    return (math.log(m) - tf.reduce_logsumexp(log_softmax, axis=1))[:batch]
