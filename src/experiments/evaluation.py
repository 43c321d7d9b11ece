"""A trained network and its smoothed classifier on images: one row per image and condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy import special

from src.attacks.fgsm import FGSM
from src.base import LabeledImages, checked_indices
from src.experiments.conditions import Attack, Condition, HasColumns, Smoothing, missing_images
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.finite import showing_nan
from src.smoothing.votes import Votes
from src.storage.records import Records

BLOCK = 100
"""Images evaluated together, and all that an interruption can cost."""


class Evaluator:
    """A network, its smoothed classifier and the attacks on it, compiled once for all conditions.

    Args:
        network: emits logits for float32 images in [0, 1].
        seed: of the noise.
    """

    def __init__(self, network: keras.Model, seed: int) -> None:
        self._network = network
        self._smoothed = SmoothedClassifier(network, sigma=0.0, seed=seed)
        self._attacks: dict[str, FGSM] = {}
        shape = tuple(network.input_shape[1:])
        self._forward = tf.function(
            showing_nan(network),
            input_signature=[tf.TensorSpec([BLOCK, *shape], tf.float32)],
        )

    def logits(self, images: np.ndarray) -> np.ndarray:
        """(batch, classes) float32, computed in padded blocks so that an image's do not depend on the batch."""
        blocks = []
        for start in range(0, len(images), BLOCK):
            block = images[start : start + BLOCK]
            padding = [(0, BLOCK - len(block))] + [(0, 0)] * (images.ndim - 1)
            blocks.append(self._forward(tf.constant(np.pad(block, padding))).numpy()[: len(block)])
        return np.concatenate(blocks)

    def attacked(self, images: np.ndarray, labels: np.ndarray, attack: Attack | None) -> np.ndarray:
        """The images themselves, or adversarial ones for the network."""
        return images if attack is None else self.fgsm(attack)(images, labels, attack.epsilon)

    def fgsm(self, attack: Attack) -> FGSM:
        """The attack on the network, of any budget."""
        if attack.output not in self._attacks:
            self._attacks[attack.output] = FGSM(self._network, "softmax" if attack.output == "softmax" else "logits")
        return self._attacks[attack.output]

    def classify(
        self, images: np.ndarray, labels: np.ndarray, indices: np.ndarray, smoothing: Smoothing | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predictions and losses, both (batch,).

        The network's loss is the cross-entropy of its logits; the smoothed classifier's is -log of the mean softmax
        over the draws, clipped to [1e-7, 1 - 1e-7] as in the paper author's code.
        """
        if smoothing is None:
            logits = self.logits(images)
            # In NumPy and float64: TensorFlow rounds what is left over by a processor's vectors otherwise, so that an
            # image's loss would depend on its place in the batch.
            wide = logits.astype(np.float64)
            losses = special.logsumexp(wide, axis=1) - wide[np.arange(len(labels)), labels]
            return logits.argmax(axis=1), losses.astype(np.float32)
        votes = self.votes(images, indices, smoothing)
        likelihoods = votes.probabilities[np.arange(len(labels)), labels].astype(np.float64)
        return votes.prediction, -np.log(np.clip(likelihoods, 1e-7, 1 - 1e-7))

    def votes(self, images: np.ndarray, indices: np.ndarray, smoothing: Smoothing) -> Votes:
        """How the draws of the smoothed classifier voted."""
        return self._smoothed.with_sigma(smoothing.sigma).vote(images, smoothing.n, indices)

    def perturbed(self, block: LabeledImages, attack: Attack | None) -> np.ndarray:
        """The images of a block as this attack leaves them, float32 in [0, 1]."""
        return self.attacked(block.as_float(), block.labels, attack)

    def outcomes(self, images: np.ndarray, block: LabeledImages, condition: Condition) -> dict[str, np.ndarray]:
        """What records say of these images, `perturbed` ones of the block, in this condition."""
        predictions, losses = self.classify(images, block.labels, block.indices, condition.smoothing)
        return {"prediction": predictions, "loss": losses}


class AnyCondition(HasColumns, Protocol):
    """Which classifier sees which images, of any study."""

    @property
    def perturbation(self) -> Any:
        """What is done to the images before any classifier sees them; None for nothing."""


class AnyEvaluator(Protocol):
    """What carries out the conditions of a study; `Evaluator` says what its methods do."""

    def perturbed(self, block: LabeledImages, perturbation: Any) -> np.ndarray: ...

    def outcomes(self, images: np.ndarray, block: LabeledImages, condition: Any) -> dict[str, np.ndarray]: ...


def evaluate(
    evaluator: AnyEvaluator,
    trial_key: str,
    data: LabeledImages,
    conditions: Sequence[AnyCondition],
    records: Records,
    advance: Callable[[int], None],
) -> None:
    """Append to `records` what is missing of `conditions` x `data`, block by block.

    Args:
        evaluator: of the trial's network.
        trial_key: for the `trial` column.
        data: the images.
        conditions: those with the same perturbation share its images.
        records: of the trial.
        advance: called with the number of (image, condition) pairs done.

    Raises:
        InputError: a records file is damaged, or an image's index is there twice, of which records keep one row.
        StorageError: the records can't be written; blocks appended before are kept.
    """
    checked_indices(data.indices, len(data))
    known = records.load()
    for perturbation in dict.fromkeys(condition.perturbation for condition in conditions):
        group = [condition for condition in conditions if condition.perturbation == perturbation]
        missing = {condition: missing_images(known, condition, data.indices) for condition in group}
        positions = np.unique(np.concatenate(list(missing.values())))
        for start in range(0, len(positions), BLOCK):
            block = data.take(positions[start : start + BLOCK])
            images = evaluator.perturbed(block, perturbation)
            frames = []
            for condition in group:
                wanted = np.flatnonzero(np.isin(positions[start : start + BLOCK], missing[condition]))
                if len(wanted) == 0:
                    continue
                part = block.take(wanted)
                rows = {"trial": trial_key, **condition.columns(), "image": part.indices, "label": part.labels}
                frames.append(pd.DataFrame({**rows, **evaluator.outcomes(images[wanted], part, condition)}))
            records.append(pd.concat(frames, ignore_index=True))
            advance(sum(map(len, frames)))
