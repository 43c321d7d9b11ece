"""Stability training (Zheng et al. 2016; with Gaussian noise by Li et al. 2019)."""

from __future__ import annotations

import keras
import tensorflow as tf

from src.training.noise import noise_like
from src.training.recipes import Stability
from src.training.trainer import Loss


def stability(recipe: Stability) -> Loss:
    """Cross-entropy on clean images + weight * cross-entropy of noisy predictions against the clean ones."""

    def loss(
        network: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        noisy = images + noise_like(images, 1, recipe.sigma, key)
        clean_logits, noisy_logits = tf.split(network(tf.concat([images, noisy], axis=0), training=True), 2)
        clean = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, clean_logits)
        apart = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(clean_logits), noisy_logits)
        return tf.reduce_mean(clean + recipe.weight * apart), noisy_logits

    return loss
