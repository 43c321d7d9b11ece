"""SmoothAdv: adversarial training of the smoothed classifier (Salman et al. 2019)."""

from __future__ import annotations

import keras
import tensorflow as tf

from src.attacks.gradients import in_float32
from src.attacks.losses import smoothed_ascent
from src.training.noise import apart, copies, noise_like
from src.training.recipes import SmoothAdv
from src.training.trainer import Loss


def smoothadv(recipe: SmoothAdv) -> Loss:
    """Cross-entropy on m noisy copies of images that PGD moved to raise -log of the softmax averaged over them."""

    def loss(
        network: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        noise = noise_like(images, recipe.m, recipe.sigma, key)
        attacked = tf.stop_gradient(ascend(network, images, labels, noise, recipe))
        logits = network(copies(attacked, recipe.m) + noise, training=True)
        error = tf.nn.sparse_softmax_cross_entropy_with_logits(copies(labels, recipe.m), logits)
        return tf.reduce_mean(error), apart(logits, recipe.m)[0]

    return loss


def ascend(
    network: keras.Model, images: tf.Tensor, labels: tf.Tensor, noise: tf.Tensor, recipe: SmoothAdv
) -> tf.Tensor:
    """l2-PGD on the smoothed classifier with fixed noise.

    It climbs `smoothed_ascent`, whose gradient does not vanish where a softmax saturates.

    Args:
        network: emits logits.
        images: (batch, height, width, channels) float32 in [0, 1].
        labels: (batch,) int64.
        noise: (m * batch, height, width, channels) float32, copy after copy.
        recipe: budget, steps and draws.

    Returns:
        (batch, height, width, channels) float32 in [0, 1], within l2 distance epsilon of the images.
    """
    step = 2 * recipe.epsilon / recipe.steps
    # At inference: the attack is on the classifier that will be smoothed, without dropout.
    outputs = in_float32(network)
    attacked = images
    for _ in range(recipe.steps):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(attacked)
            logits = apart(outputs(copies(attacked, recipe.m) + noise), recipe.m)
            error = smoothed_ascent(tf.transpose(logits, [1, 0, 2]), labels)
        gradient = tape.gradient(error, attacked)
        # Brought to a largest entry of 1 first: of a confident network's gradients the squares underflow.
        largest = tf.reduce_max(tf.abs(gradient), axis=range(1, len(images.shape)), keepdims=True)
        gradient = tf.math.divide_no_nan(gradient, largest)
        ascent = tf.math.divide_no_nan(gradient, _norm(gradient))
        # The box before the ball, so that the whole budget is used; what is drawn back to the ball stays in the box.
        moved = tf.clip_by_value(attacked + step * ascent, 0.0, 1.0) - images
        attacked = images + moved * tf.minimum(1.0, recipe.epsilon / tf.maximum(_norm(moved), 1e-12))
    return attacked


def _norm(values: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(values**2, axis=range(1, len(values.shape)), keepdims=True))
