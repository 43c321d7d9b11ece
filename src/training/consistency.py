"""Consistency regularization (Jeong and Shin 2020)."""

from __future__ import annotations

import keras
import tensorflow as tf

from src.training.noise import apart, copies, noise_like
from src.training.recipes import Consistency
from src.training.trainer import Loss


def consistency(recipe: Consistency) -> Loss:
    """Mean cross-entropy of m noisy copies + weight * mean KL(mean prediction || prediction) + entropy * H(mean)."""

    def loss(
        network: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        m = recipe.m
        noisy = copies(images, m) + noise_like(images, m, recipe.sigma, key)
        logits = tf.cast(network(noisy, training=True), tf.float32)
        log_likelihoods = apart(tf.nn.log_softmax(logits), m)
        mean = tf.reduce_mean(tf.exp(log_likelihoods), axis=0)
        log_mean = tf.math.log(tf.maximum(mean, 1e-20))
        error = tf.nn.sparse_softmax_cross_entropy_with_logits(copies(labels, m), logits)
        divergence = tf.reduce_sum(mean * (log_mean - log_likelihoods), axis=-1)
        entropy = -tf.reduce_sum(mean * log_mean, axis=-1)
        regularization = recipe.weight * tf.reduce_mean(divergence) + recipe.entropy * tf.reduce_mean(entropy)
        return tf.reduce_mean(error) + regularization, apart(logits, m)[0]

    return loss
