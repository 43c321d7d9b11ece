"""What Foolbox's attacks share: a compiled network in fixed padded blocks, checked input, int64 labels, a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import foolbox
import keras
import numpy as np
import tensorflow as tf

from src.attacks.inputs import check_batch, padded_blocks
from src.base import Bounds, InputError
from src.smoothing.checks import check_shapes

Output = Literal["logits", "softmax"]


class FoolboxAttack:
    """A Keras model as Foolbox sees it.

    Args:
        network: (batch, height, width, channels) float32 -> (batch, classes) logits.
        output: what Foolbox is given where it expects logits. "softmax" is what the paper's author passes: a second
            softmax then follows inside Foolbox, and where the first saturates in float32 the gradient is exactly zero.
        bounds: of valid pixel values.

    Attributes:
        bounds: likewise.
        block: images attacked together.

    Raises:
        InputError: the network's shapes don't fit.
    """

    # A multiple of 16: what is left over by a processor's vectors is computed by another exp and pow, which round
    # otherwise, so that an image's result would depend on its place.
    block: int = 112

    def __init__(self, network: keras.Model, output: Output = "logits", bounds: Bounds | None = None) -> None:
        check_shapes(network)
        self.bounds = bounds or Bounds()
        self._shape = tuple(network.input_shape[1:])
        self._classes = network.output_shape[-1]

        @tf.function(input_signature=[tf.TensorSpec([self.block, *self._shape], tf.float32)])
        def attacked(images: tf.Tensor) -> tf.Tensor:
            logits = network(images, training=False)
            return tf.nn.softmax(logits) if output == "softmax" else logits

        self._attacked = attacked
        # Named, because Foolbox would look for a GPU by a deprecated function that warns.
        device = "/GPU:0" if tf.config.list_physical_devices("GPU") else "/CPU:0"
        self._model = foolbox.TensorFlowModel(attacked, (self.bounds.lower, self.bounds.upper), device=device)

    def outputs(self, images: np.ndarray) -> np.ndarray:
        """What Foolbox is given for (batch, height, width, channels) float32 images, (batch, classes) float32.

        Raises:
            InputError: they are not finite.
        """
        values = np.empty((len(images), self._classes), np.float32)
        for places, rows in padded_blocks(len(images), self.block):
            values[places] = self._attacked(tf.constant(images[rows])).numpy()[: places.stop - places.start]
        unusable = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(unusable):
            raise InputError(f"the network's outputs for image {unusable[0]} of the batch are not finite.")
        return values

    def gradients(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Of the loss that the attack climbs, in the shape of the images.

        Raises:
            InputError: images and labels do not fit the network, bounds or each other.
        """
        images, labels = self._checked(images, labels)
        values = np.empty_like(images)
        for places, rows in padded_blocks(len(images), self.block):
            block = tf.constant(images[rows])
            with tf.GradientTape() as tape:
                tape.watch(block)
                loss = self._loss(self._attacked(block), tf.constant(labels[rows]))
            values[places] = tape.gradient(loss, block).numpy()[: places.stop - places.start]
        return values

    def _loss(self, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """(batch,) the cross-entropy, as Foolbox computes it."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)

    def _checked(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return check_batch(images, labels, self._shape, self._classes, self.bounds, type(self).__name__)

    def _run(
        self,
        attack_on: Callable[[np.ndarray], Any],
        images: np.ndarray,
        labels: np.ndarray,
        epsilon: float | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Foolbox's attack block by block.

        Args:
            attack_on: Foolbox's attack on the rows of these numbers.
            images, labels: checked.
            epsilon: budget; None for minimal perturbations.

        Returns:
            Adversarial images float32, and (batch,) bool whether each is misclassified.
        """
        adversarial, fooled = np.empty_like(images), np.empty(len(images), bool)
        for places, rows in padded_blocks(len(images), self.block):
            # Integer labels of another type lead eagerpy to a function that NumPy 2 lacks.
            criterion = foolbox.criteria.Misclassification(tf.constant(labels[rows], tf.int64))
            block = tf.constant(images[rows])
            _, clipped, success = attack_on(rows)(self._model, block, criterion, epsilons=epsilon)
            count = places.stop - places.start
            # Adding the perturbation to the image again, Foolbox rounds beyond bounds other than 0 and 1.
            adversarial[places] = np.clip(clipped.numpy()[:count], self.bounds.lower, self.bounds.upper)
            fooled[places] = success.numpy()[:count]
        return adversarial, fooled
