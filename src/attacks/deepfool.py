"""Foolbox's DeepFool (Moosavi-Dezfooli, Fawzi and Frossard 2016) on a Keras model."""

from __future__ import annotations

from typing import NamedTuple

import foolbox
import keras
import numpy as np

from src.attacks.balls import Norm, check_norm, lengths
from src.attacks.foolbox_attack import FoolboxAttack
from src.base import Bounds


class MinimalPerturbations(NamedTuple):
    """The nearest misclassified images that were found.

    Attributes:
        images: (batch, height, width, channels) float32; the clean image where none was found.
        distances: (batch,) float64 from the clean image; 0 where it is misclassified itself, inf where none was found.
    """

    images: np.ndarray
    distances: np.ndarray


class DeepFool(FoolboxAttack):
    """Steps to the nearest boundary of the linearised network, until the class changes; 50 at the most.

    Args:
        network: (batch, height, width, channels) float32 -> (batch, classes) logits.
        norm: of the distance, "linf" or "l2".
        bounds: of valid pixel values.

    Raises:
        InputError: `norm` is unknown, or the network's shapes don't fit.
    """

    def __init__(self, network: keras.Model, norm: Norm, bounds: Bounds | None = None) -> None:
        super().__init__(network, bounds=bounds)
        check_norm(norm)
        self.norm: Norm = norm

    def __call__(self, images: np.ndarray, labels: np.ndarray) -> MinimalPerturbations:
        """Adversarial images as near as they were found.

        Args:
            images: (batch, height, width, channels) float32 within the bounds.
            labels: (batch,) the true classes, which the attack leads away from.

        Raises:
            InputError: images and labels do not fit the network, bounds or each other.
        """
        images, labels = self._checked(images, labels)
        attacks = foolbox.attacks
        attack = attacks.LinfDeepFoolAttack() if self.norm == "linf" else attacks.L2DeepFoolAttack()
        found, fooled = self._run(lambda _: attack, images, labels, None)
        distances = np.where(fooled, lengths(found - images, self.norm), np.inf)
        return MinimalPerturbations(np.where(fooled[:, None, None, None], found, images), distances)
