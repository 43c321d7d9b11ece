"""MACER: training by maximizing the certified radius (Zhai et al. 2020, algorithm 1)."""

from __future__ import annotations

import keras
import tensorflow as tf

from src.training.noise import apart, copies, noise_like
from src.training.recipes import MACER
from src.training.trainer import Loss


def macer(recipe: MACER) -> Loss:
    """-log of the mean softmax over k draws + weight * sigma / 2 * hinge on the margin, where the class is right."""

    def loss(
        network: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        k = recipe.k
        noisy = copies(images, k) + noise_like(images, k, recipe.sigma, key)
        logits = tf.cast(apart(network(noisy, training=True), k), tf.float32)
        mean = tf.reduce_mean(tf.nn.softmax(logits), axis=0)
        error = -tf.math.log(tf.maximum(tf.gather(mean, labels, batch_dims=1), 1e-20))
        hinge = recipe.sigma / 2 * margin_hinge(logits, labels, recipe.beta, recipe.gamma)
        return tf.reduce_mean(error + recipe.weight * hinge), logits[0]

    return loss


def margin_hinge(logits: tf.Tensor, labels: tf.Tensor, beta: float, gamma: float) -> tf.Tensor:
    """max(0, gamma - margin) where the soft smoothed classifier is right, else 0.

    The margin is Phi^-1(first) - Phi^-1(second) of the mean over the draws of softmax(beta * logits); where it exceeds
    gamma or a probability is too near 0 or 1 for float32, there is no gradient to follow and the hinge is 0.

    Args:
        logits: (k, batch, classes) float32.
        labels: (batch,) int64.
        beta: inverse temperature.
        gamma: margin beyond which nothing is gained.

    Returns:
        (batch,) float32.
    """
    likelihoods = tf.reduce_mean(tf.nn.softmax(beta * logits), axis=0)
    values, classes = tf.math.top_k(likelihoods, k=2)
    # Both inside (0, 1) in float32, before Phi^-1, or the gradient of what is then masked would be NaN.
    usable = (values[:, 0] < 1 - 1e-6) & (values[:, 1] > 1e-6)
    inner = tf.where(usable[:, None], values, tf.constant([0.6, 0.4]))
    margin = tf.math.ndtri(inner[:, 0]) - tf.math.ndtri(inner[:, 1])
    counted = usable & (tf.cast(classes[:, 0], tf.int64) == labels) & (margin < gamma)
    return tf.where(counted, gamma - margin, 0.0)
