"""Foolbox's fast gradient sign method (Goodfellow, Shlens and Szegedy 2015) on a Keras model."""

from __future__ import annotations

import foolbox
import numpy as np

from src.attacks.foolbox_attack import FoolboxAttack
from src.attacks.inputs import check_epsilon

BLOCK = 100
"""Images attacked together; a smaller last block is padded, so that the network always runs the same kernel."""


class FGSM(FoolboxAttack):
    """x + epsilon * sign(gradient of the cross-entropy), clipped to the bounds."""

    block = BLOCK

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
        images, labels = self._checked(images, labels)
        attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
        return self._run(lambda _: attack, images, labels, epsilon)[0]
