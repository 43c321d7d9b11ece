"""Foolbox's fast gradient sign method (Goodfellow, Shlens and Szegedy 2015) on a Keras model."""

from __future__ import annotations

import foolbox
import numpy as np
import tensorflow as tf

from src.attacks.foolbox_attack import Climb, FoolboxAttack
from src.attacks.inputs import check_epsilon

BLOCK = 100
"""Images attacked together; a smaller last block is padded, so that the network always runs the same kernel."""


class FGSM(FoolboxAttack):
    """x + epsilon * sign(gradient of the cross-entropy), clipped to the bounds.

    Given logits, it climbs the log-odds against the label, whose gradient has the cross-entropy's sign and is right
    where that one's rounds to nothing. Given the softmax, it climbs Foolbox's cross-entropy, as the paper's author did.
    """

    block = BLOCK

    def __call__(self, images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        """Adversarial images.

        Args:
            images: (batch, ...) float32 within the bounds, in the shape of the network's input.
            labels: (batch,) the true classes, which the attack leads away from.
            epsilon: l-infinity budget, in the unit of the images, 0 or more.

        Returns:
            Float32, in the shape of the images.

        Raises:
            InputError: `epsilon` is out of range, images and labels do not fit the network, bounds or each other, or
                a gradient is not finite.
        """
        check_epsilon(epsilon)
        images, labels = self._checked(images, labels)

        def attack_on(rows: np.ndarray) -> Climb:
            attack = (_OnSoftmax if self._output == "softmax" else _OnLogits)(random_start=False)
            attack.rows = rows
            return attack

        return self._run(attack_on, images, labels, epsilon)[0]

    def _losses(self, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        if self._output == "softmax":
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
        return super()._losses(outputs, labels)


class _OnLogits(Climb, foolbox.attacks.LinfFastGradientAttack):
    pass


class _OnSoftmax(Climb, foolbox.attacks.LinfFastGradientAttack):
    get_loss_fn = foolbox.attacks.LinfFastGradientAttack.get_loss_fn
