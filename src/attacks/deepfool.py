"""Foolbox's DeepFool (Moosavi-Dezfooli, Fawzi and Frossard 2016) on a Keras model."""

from __future__ import annotations

from typing import NamedTuple

import foolbox
import keras
import numpy as np

from src.attacks.balls import Norm, check_norm, lengths
from src.attacks.foolbox_attack import FoolboxAttack, Output
from src.base import Bounds


class MinimalPerturbations(NamedTuple):
    """The nearest misclassified images that were found.

    Attributes:
        images: (batch, ...) float32; the clean image where none was found.
        distances: (batch,) float64 from the clean image; 0 where it is misclassified itself, inf where none was found.
    """

    images: np.ndarray
    distances: np.ndarray


class DeepFool(FoolboxAttack):
    """Steps to the nearest boundary of the linearised network, until the class changes; 50 at the most.

    Args:
        network: (batch, ...) float32 -> (batch, classes) logits.
        norm: of the distance, "linf" or "l2".
        bounds: of valid pixel values, as Bounds or (lower, upper).
        output: as for `FoolboxAttack`.

    Raises:
        InputError: `norm` is unknown, or the network can't be attacked.
    """

    def __init__(
        self,
        network: keras.Model,
        norm: Norm,
        bounds: Bounds | tuple[float, float] | None = None,
        output: Output = "logits",
    ) -> None:
        super().__init__(network, output, bounds)
        check_norm(norm)
        self.norm: Norm = norm

    def __call__(self, images: np.ndarray, labels: np.ndarray) -> MinimalPerturbations:
        """Adversarial images as near as they were found.

        Args:
            images: (batch, ...) float32 within the bounds.
            labels: (batch,) the true classes, which the attack leads away from.

        Raises:
            InputError: images and labels do not fit the network, bounds or each other, or a gradient is not finite.
        """
        images, labels = self._checked(images, labels)
        attacks = foolbox.attacks
        attack = attacks.LinfDeepFoolAttack() if self.norm == "linf" else attacks.L2DeepFoolAttack()
        found, fooled = self._run(lambda _: attack, images, labels, None)
        distances = np.where(fooled, lengths(found - images, self.norm), np.inf)
        kept = fooled.reshape(-1, *[1] * (images.ndim - 1))
        return MinimalPerturbations(np.where(kept, found, images), distances)
