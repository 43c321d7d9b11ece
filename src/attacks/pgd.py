"""Foolbox's projected gradient descent (Madry et al. 2018) on a Keras model, with keyed random starts."""

from __future__ import annotations

import copy

import eagerpy
import foolbox
import keras
import numpy as np
import tensorflow as tf
from scipy import special

from src.attacks.balls import STEP, Norm, check_norm, random_points
from src.attacks.foolbox_attack import Climb, FoolboxAttack, Output
from src.attacks.inputs import check_count, check_epsilon, keys_of
from src.base import Bounds
from src.smoothing.noise import check_seed


class PGD(FoolboxAttack):
    """Steps of 2.5 * epsilon / steps that raise the cross-entropy, back into the ball and the bounds.

    It climbs the log-odds against the label, which rise in the same directions and do not saturate.

    Foolbox's own step does not know the number of steps: with less than 40 of them it would not reach the budget.

    Restart 0 starts at the image, further ones at random points of the ball. An image's depend on (seed, index,
    restart) alone, so neither the batch nor the order changes a result.

    Args:
        network: (batch, ...) float32 -> (batch, classes) logits.
        norm: of the ball, "linf" or "l2".
        steps: gradients, at least 1.
        restarts: at least 1.
        seed: of the random starts.
        output: as for `FoolboxAttack`.
        bounds: of valid pixel values, as Bounds or (lower, upper).

    Raises:
        InputError: a number is out of range, `norm` is unknown, or the network can't be attacked.
    """

    def __init__(
        self,
        network: keras.Model,
        norm: Norm,
        steps: int = 40,
        restarts: int = 1,
        seed: int = 0,
        output: Output = "logits",
        bounds: Bounds | tuple[float, float] | None = None,
    ) -> None:
        super().__init__(network, output, bounds)
        check_norm(norm)
        check_seed(seed)
        self.norm: Norm = norm
        self.steps = check_count("steps", steps)
        self._restarts = check_count("restarts", restarts)
        size = int(np.prod(self._shape))

        @tf.function(input_signature=[tf.TensorSpec([self.block], tf.int64), tf.TensorSpec([], tf.int64)])
        def starts(indices: tf.Tensor, restart: tf.Tensor) -> tf.Tensor:
            points = random_points(seed, indices, tf.fill([self.block], restart), size, norm)
            return tf.reshape(points, [self.block, *self._shape])

        self._starts = starts

    def with_steps(self, steps: int) -> PGD:
        """The same attack with another number of steps, without compiling anew.

        Raises:
            InputError: `steps` is below 1.
        """
        other = copy.copy(self)
        other.steps = check_count("steps", steps)
        return other

    def __call__(
        self, images: np.ndarray, labels: np.ndarray, epsilon: float, indices: np.ndarray | None = None
    ) -> np.ndarray:
        """Adversarial images: of the first restart that is misclassified, else of the one with the largest loss.

        Args:
            images: (batch, ...) float32 within the bounds.
            labels: (batch,) the true classes, which the attack leads away from.
            epsilon: budget in the norm, in the unit of the images, 0 or more.
            indices: (batch,) what the random starts are keyed by; the positions by default.

        Returns:
            Float32, in the shape of the images.

        Raises:
            InputError: `epsilon` is out of range, images, labels and indices do not fit the network, bounds or each
                other, or the network's outputs or gradients are not finite.
        """
        check_epsilon(epsilon)
        images, labels = self._checked(images, labels)
        indices = keys_of(indices, len(images))
        adversarial, losses = images.copy(), np.full(len(images), -np.inf)
        left = np.arange(len(images))
        for restart in range(self._restarts):
            found = self._restart(images[left], labels[left], epsilon, indices[left], restart)
            outputs = self.outputs(found)
            loss = _log_odds(outputs, labels[left])
            fooled = outputs.argmax(axis=1) != labels[left]
            better = fooled | (loss > losses[left])
            adversarial[left[better]], losses[left[better]] = found[better], loss[better]
            left = left[~fooled]
        return adversarial

    def _restart(
        self, images: np.ndarray, labels: np.ndarray, epsilon: float, indices: np.ndarray, restart: int
    ) -> np.ndarray:
        kind = _LinfPGD if self.norm == "linf" else _L2PGD

        def attack_on(rows: np.ndarray) -> _Keyed:
            attack = kind(rel_stepsize=STEP / self.steps, steps=self.steps, random_start=restart > 0)
            attack.rows = rows
            if restart > 0:
                attack.start = self._starts(indices[rows], restart)
            return attack

        return self._run(attack_on, images, labels, epsilon)[0]


def _log_odds(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(batch,) float64: as `losses.log_odds`, to tell restarts apart where the cross-entropy rounds to 0."""
    wide, is_label = outputs.astype(np.float64), np.arange(outputs.shape[1]) == labels[:, None]
    return special.logsumexp(np.where(is_label, -np.inf, wide), axis=1) - wide[is_label]


class _Keyed(Climb):
    """A given start in the place of Foolbox's random one.

    Attributes:
        start: points of the unit ball, in the shape of the images.
    """

    start: tf.Tensor

    def get_random_start(self, x0: eagerpy.Tensor, epsilon: float) -> eagerpy.Tensor:
        return x0 + epsilon * eagerpy.astensor(self.start)


class _LinfPGD(_Keyed, foolbox.attacks.LinfProjectedGradientDescentAttack):
    pass


class _L2PGD(_Keyed, foolbox.attacks.L2ProjectedGradientDescentAttack):
    pass
