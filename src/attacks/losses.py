"""The losses that attacks climb, in forms whose gradient is right however confident the network is.

The cross-entropy is softplus(l) of the log-odds l against the label. So both rise in the same directions; but where the
softmax of the label rounds to 1 (l below -17 in float32) the gradient of the cross-entropy loses the label's share and
then vanishes, and that of l does not.
"""

from __future__ import annotations

import math

import tensorflow as tf

from src.attacks.balls import LANES


def log_odds(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The log-odds against the label: the logsumexp of the other classes' logits, less the label's logit.

    Args:
        logits: (batch, ..., classes), of any floating-point type.
        labels: (batch,) int64.

    Returns:
        (batch, ...) float32; float64 for logits of float64.
    """
    if logits.dtype != tf.float64:
        logits = tf.cast(logits, tf.float32)
    is_label = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
    is_label = tf.reshape(is_label, [-1, *[1] * (len(logits.shape) - 2), logits.shape[-1]])
    others = tf.reduce_logsumexp(tf.where(is_label, -math.inf, logits), axis=-1)
    return others - tf.reduce_sum(tf.where(is_label, logits, 0.0), axis=-1)


def smoothed_ascent(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """A loss whose gradient points where the label's softmax, averaged over m draws of an image, falls fastest.

    With p_j = sigmoid(-l_j) the softmax in draw j, the gradient of their mean is that of l_j weighed by -p_j (1 - p_j).
    Here the weights are divided by their sum, and are exact where each of them rounds to 0; they count as constants. So
    this is no loss to report, but one to climb: -log of the mean softmax rises in the same direction.

    Args:
        logits: (batch, m, classes), of any floating-point type.
        labels: (batch,) int64.

    Returns:
        (batch,) float32; float64 for logits of float64.
    """
    odds = log_odds(logits, labels)
    weights = tf.nn.softmax(-tf.math.softplus(odds) - tf.math.softplus(-odds), axis=1)
    return tf.reduce_sum(tf.stop_gradient(weights) * odds, axis=1)


def padded_to_lanes(values: tf.Tensor) -> tf.Tensor:
    """The batch with zeros at its end, as whole vectors of the processor.

    What is left over by whole vectors is computed by another exp, which rounds otherwise, so that an image's result
    would depend on its place. The batch is static.
    """
    return tf.pad(values, [[0, -values.shape[0] % LANES], *[[0, 0]] * (len(values.shape) - 1)])
