"""What Foolbox's attacks share: a compiled network in fixed padded blocks, checked input, int64 labels, a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import eagerpy
import foolbox
import keras
import numpy as np
import tensorflow as tf

from src.attacks.gradients import in_float32
from src.attacks.inputs import as_bounds, check_batch, padded_blocks
from src.attacks.losses import log_odds, padded_to_lanes
from src.base import Bounds, InputError
from src.smoothing.checks import check_emits_logits, check_network, emits_probabilities
from src.smoothing.finite import check_finite_outputs

Output = Literal["logits", "softmax"]


class FoolboxAttack:
    """A Keras model as Foolbox sees it.

    Args:
        network: (batch, ...) float32 -> (batch, classes) logits; with `output="softmax"` probabilities, too.
        output: what Foolbox is given where it expects logits. "softmax" is what the paper's author passes: a second
            softmax then follows inside Foolbox, and where the first saturates in float32 the gradient is exactly zero.
        bounds: of valid pixel values, as Bounds or (lower, upper).

    Attributes:
        bounds: of valid pixel values.
        block: images attacked together.

    Raises:
        InputError: the network can't be attacked, or emits probabilities where logits are expected.
    """

    # A multiple of 16: what is left over by a processor's vectors is computed by another exp and pow, which round
    # otherwise, so that an image's result would depend on its place.
    block: int = 112

    def __init__(
        self, network: keras.Model, output: Output = "logits", bounds: Bounds | tuple[float, float] | None = None
    ) -> None:
        if output not in get_args(Output):
            raise InputError(f"output: expected 'logits' or 'softmax', got {output!r}.")
        check_network(network)
        emits_softmax = output == "softmax" and emits_probabilities(network)
        if output == "logits":
            check_emits_logits(network, otherwise=" To attack the softmax as it is, ask for it: output='softmax'.")
        self.bounds = as_bounds(bounds)
        self._network, self._output, self._tried = network, output, False
        self._shape = tuple(network.input_shape[1:])
        self._classes = network.output_shape[-1]
        outputs = in_float32(network)

        @tf.function(input_signature=[tf.TensorSpec([self.block, *self._shape], tf.float32)])
        def attacked(images: tf.Tensor) -> tf.Tensor:
            given = outputs(images)
            return tf.nn.softmax(given) if output == "softmax" and not emits_softmax else given

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
            InputError: images and labels do not fit the network, bounds or each other, or a gradient is not finite.
        """
        images, labels = self._checked(images, labels)
        values = np.empty_like(images)
        for places, rows in padded_blocks(len(images), self.block):
            block = tf.constant(images[rows])
            with tf.GradientTape() as tape:
                tape.watch(block)
                loss = self._losses(self._attacked(block), tf.constant(labels[rows]))
            gradient = tape.gradient(loss, block)
            check_finite(gradient, rows)
            values[places] = gradient.numpy()[: places.stop - places.start]
        return values

    def _losses(self, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """(batch,) what the attack climbs, of outputs as Foolbox is given them."""
        return log_odds(outputs, labels)

    def _checked(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, labels = check_batch(images, labels, self._shape, self._classes, self.bounds, type(self).__name__)
        if not self._tried and len(images):
            # A graph's outputs need not show a NaN inside.
            check_finite_outputs(self._network, images)
            self._tried = True
        return images, labels

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
            check_finite(clipped, rows, "the attack on")
            # Adding the perturbation to the image again, Foolbox rounds beyond bounds other than 0 and 1.
            adversarial[places] = np.clip(clipped.numpy()[:count], self.bounds.lower, self.bounds.upper)
            fooled[places] = success.numpy()[:count]
        return adversarial, fooled


class Climb:
    """What replaces parts of Foolbox's gradient attacks: the loss, and a look at each gradient.

    Attributes:
        rows: the numbers of the images that are attacked, for messages.
    """

    rows: np.ndarray

    def get_loss_fn(
        self, model: foolbox.models.Model, labels: eagerpy.Tensor
    ) -> Callable[[eagerpy.Tensor], eagerpy.Tensor]:
        """The sum over the batch of the log-odds against the labels, in the place of the cross-entropy."""
        return lambda inputs: eagerpy.astensor(_sum_of_log_odds(model(inputs).raw, labels.raw))

    def value_and_grad(
        self, loss_fn: Callable[[eagerpy.Tensor], eagerpy.Tensor], x: eagerpy.Tensor
    ) -> tuple[eagerpy.Tensor, eagerpy.Tensor]:
        """As Foolbox's; raises InputError where a gradient is not finite, whose sign would be no direction."""
        value, gradient = eagerpy.value_and_grad(loss_fn, x)
        check_finite(gradient.raw, self.rows)
        return value, gradient


def check_finite(values: tf.Tensor, rows: np.ndarray, what: str = "the network's gradient for") -> None:
    """Raise InputError unless what was computed for each image is finite; the message names the first image's row."""
    finite = tf.reduce_all(tf.math.is_finite(tf.reshape(values, [len(rows), -1])), axis=1).numpy()
    if not finite.all():
        raise InputError(
            f"{what} image {rows[np.argmin(finite)]} of the batch is not finite; so there is no attack. Look for a "
            "layer without a derivative there (a root or logarithm at 0), or for an overflow."
        )


@tf.function
def _sum_of_log_odds(outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(log_odds(padded_to_lanes(outputs), padded_to_lanes(labels))[: labels.shape[0]])
