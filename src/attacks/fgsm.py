"""Foolbox's fast gradient sign method (Goodfellow, Shlens and Szegedy 2015) on a Keras model."""

from __future__ import annotations

from typing import Literal

import foolbox
import keras
import numpy as np
import tensorflow as tf

from src.base import Bounds, InputError

BLOCK = 100
"""Images attacked together; a smaller last block is padded, so that the network always runs the same kernel."""


class FGSM:
    """x + epsilon * sign(gradient of the cross-entropy), clipped to the bounds.

    Args:
        network: (batch, height, width, channels) float32 -> (batch, classes) logits.
        output: what Foolbox is given where it expects logits. "softmax" is what the paper's author passes: a second
            softmax then follows inside Foolbox, and where the first saturates in float32 the gradient is exactly zero.
        bounds: of valid pixel values.
    """

    def __init__(
        self, network: keras.Model, output: Literal["logits", "softmax"] = "logits", bounds: Bounds | None = None
    ) -> None:
        self._bounds = bounds = bounds or Bounds()
        self._shape = tuple(network.input_shape[1:])

        @tf.function(input_signature=[tf.TensorSpec([BLOCK, *self._shape], tf.float32)])
        def attacked(images: tf.Tensor) -> tf.Tensor:
            logits = network(images, training=False)
            return tf.nn.softmax(logits) if output == "softmax" else logits

        # Named, because Foolbox would look for a GPU by a deprecated function that warns.
        device = "/GPU:0" if tf.config.list_physical_devices("GPU") else "/CPU:0"
        self._model = foolbox.TensorFlowModel(attacked, (bounds.lower, bounds.upper), device=device)
        self._attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)

    def __call__(self, images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        """Adversarial images.

        Args:
            images: (batch, height, width, channels) float32 within the bounds.
            labels: (batch,) the true classes, which the attack leads away from.
            epsilon: l-infinity budget, in the unit of the images, 0 or more.

        Returns:
            (batch, height, width, channels) float32.

        Raises:
            InputError: `epsilon` is out of range, or images and labels do not fit the network, bounds or each other.
        """
        check_epsilon(epsilon)
        images, labels = np.asarray(images, np.float32), np.asarray(labels)
        if images.shape[1:] != self._shape or labels.shape != images.shape[:1]:
            raise InputError(
                f"images and labels: expected shapes (batch, {', '.join(map(str, self._shape))}) and (batch,), "
                f"got {images.shape} and {labels.shape}."
            )
        lowest, highest = images.min(initial=self._bounds.lower), images.max(initial=self._bounds.upper)
        if not (lowest >= self._bounds.lower and highest <= self._bounds.upper):
            raise InputError(
                f"images: expected values from {self._bounds.lower} to {self._bounds.upper}, "
                f"got {lowest} to {highest}. Rescale them, or give FGSM other bounds."
            )
        adversarial = np.empty_like(images)
        for start in range(0, len(images), BLOCK):
            count = min(BLOCK, len(images) - start)
            rows = np.minimum(np.arange(start, start + BLOCK), len(images) - 1)
            # Integer labels of another type lead eagerpy to a function that NumPy 2 lacks.
            criterion = foolbox.criteria.Misclassification(tf.constant(labels[rows], tf.int64))
            _, clipped, _ = self._attack(self._model, tf.constant(images[rows]), criterion, epsilons=epsilon)
            adversarial[start : start + count] = clipped.numpy()[:count]
        return adversarial


def check_epsilon(epsilon: float) -> None:
    """Raise InputError unless `epsilon` is a finite number, 0 or more."""
    if not 0 <= epsilon < float("inf"):
        raise InputError(f"epsilon: expected a finite number, 0 or more, in the unit of the images, got {epsilon}.")
