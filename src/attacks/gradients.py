"""A network as attacks differentiate it: float32 outputs, and gradients that float16 neither loses nor overflows."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from src.smoothing.finite import showing_nan

SCALES = tuple(2.0**power for power in (12, 6, 0, -6, -12))
"""By which a float16 network's gradients are multiplied on their way back, from the first that leaves them finite."""

Differentiable = Callable[[tf.Tensor], tf.Tensor]
"""Images to outputs, with a gradient with respect to the images."""


def in_float32(network: keras.Model) -> Differentiable:
    """The network at inference, (batch, ...) float32 images -> (batch, classes) float32 outputs.

    Float16 makes gradients below 6e-8 zero and those above 65,504 infinite. So those of a network that computes in it
    are scaled on their way through it, each image for itself, as loss scaling does in training (Micikevicius et al.
    2018). Scales are powers of 2, whose division afterwards is exact. With no scale finite, the gradient is not.
    """

    answers = showing_nan(network)

    def outputs(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(answers(images), tf.float32)

    if not any(layer.compute_dtype == "float16" for layer in network._flatten_layers()):
        return outputs

    @tf.custom_gradient
    def scaled(images: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tf.Tensor]]:
        def backwards(upstream: tf.Tensor, variables: list[tf.Variable] | None = None) -> tf.Tensor:
            gradient = _scaled_gradient(outputs, images, upstream)
            return gradient if variables is None else (gradient, [None] * len(variables))

        return outputs(images), backwards

    return scaled


def _scaled_gradient(outputs: Differentiable, images: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    largest = tf.reduce_max(tf.abs(upstream), axis=1, keepdims=True)
    unit = tf.math.divide_no_nan(upstream, largest)
    ones = [1] * (len(images.shape) - 1)

    def at(scale: float) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            values = outputs(images)
        return tape.gradient(values, images, output_gradients=scale * unit) / scale

    def finite(gradient: tf.Tensor) -> tf.Tensor:
        return tf.reduce_all(tf.math.is_finite(gradient), axis=range(1, len(images.shape)), keepdims=True)

    found = at(SCALES[0])
    for scale in SCALES[1:]:
        found = tf.cond(
            tf.reduce_all(finite(found)),
            lambda found=found: found,
            lambda found=found, scale=scale: tf.where(finite(found), found, at(scale)),
        )
    return found * tf.reshape(largest, [-1, *ones])
