"""Gaussian augmentation, and the noisy copies that all recipes for noise train on."""

from __future__ import annotations

import keras
import tensorflow as tf

from src.smoothing.noise import standard_normal
from src.training.recipes import Gaussian
from src.training.trainer import Loss


def noise_like(images: tf.Tensor, m: int, sigma: float, key: tf.Tensor) -> tf.Tensor:
    """Gaussian noise for m copies of a batch.

    Args:
        images: (batch, height, width, channels) float32.
        m: copies.
        sigma: standard deviation, in the unit of the images.
        key: (2,) int64.

    Returns:
        (m * batch, height, width, channels) float32, copy after copy of the whole batch.
    """
    shape = tf.concat([[m * tf.shape(images)[0]], tf.shape(images)[1:]], axis=0)
    return sigma * tf.reshape(standard_normal(key, tf.reduce_prod(shape)), shape)


def copies(values: tf.Tensor, m: int) -> tf.Tensor:
    """m copies of a batch, one after the other: (batch, ...) -> (m * batch, ...)."""
    return tf.tile(values, [m] + [1] * (len(values.shape) - 1))


def apart(values: tf.Tensor, m: int) -> tf.Tensor:
    """The copies along an axis of their own: (m * batch, classes) -> (m, batch, classes)."""
    return tf.reshape(values, [m, -1, values.shape[-1]])


def gaussian(recipe: Gaussian) -> Loss:
    """Cross-entropy on images with fresh noise, which is never clipped (Cohen, Rosenfeld and Kolter 2019)."""

    def loss(
        network: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        logits = network(images + noise_like(images, 1, recipe.sigma, key), training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)), logits

    return loss
