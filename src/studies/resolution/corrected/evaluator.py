"""Protocol `corrected` on one network: the attacks, and what the network and its smoothed classifier say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from src.attacks.deepfool import DeepFool
from src.attacks.fgsm import FGSM
from src.attacks.pgd import PGD
from src.attacks.smoothed_pgd import SmoothedPGD
from src.base import LabeledImages
from src.experiments.evaluation import Evaluator
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.noise import Stream
from src.smoothing.radius import prediction
from src.studies.resolution.corrected.conditions import Attack, Condition
from src.studies.resolution.corrected.config import ALPHA

Attacker = Callable[[LabeledImages, float], np.ndarray]
"""(images, epsilon) -> adversarial images."""


class CorrectedEvaluator:
    """A network, the classifier smoothed for its training noise, and the attacks on both, each compiled once.

    Args:
        network: emits logits for float32 images in [0, 1].
        sigma: of the smoothed classifier, in [0, 1].
        seed: of all noise.
    """

    def __init__(self, network: keras.Model, sigma: float, seed: int) -> None:
        self.smoothed = SmoothedClassifier(network, sigma, seed)
        self.network = network
        self._seed = seed
        self._base = Evaluator(network, seed)
        self._attackers: dict[Attack, Attacker] = {}

    def perturbed(self, block: LabeledImages, attack: Attack | None) -> np.ndarray:
        """The images of a block as this attack leaves them, float32 in [0, 1]."""
        if attack is None:
            return block.as_float()
        kind = replace(attack, epsilon=0.0)
        if kind not in self._attackers:
            self._attackers[kind] = self._attacker(kind)
        return self._attackers[kind](block, attack.epsilon)

    def _attacker(self, kind: Attack) -> Attacker:
        match kind.name:
            case "fgsm-log-odds":
                fgsm = FGSM(self.network)
                return lambda block, epsilon: fgsm(block.as_float(), block.labels, epsilon)
            case "deepfool":
                deepfool = DeepFool(self.network, kind.norm)
                return lambda block, _: deepfool(block.as_float(), block.labels).images
            case "pgd":
                pgd = PGD(self.network, kind.norm, kind.steps, kind.restarts, self._seed)
                return lambda block, epsilon: pgd(block.as_float(), block.labels, epsilon, block.indices)
            case "smoothed-pgd":
                attack = SmoothedPGD(
                    self.network, self.smoothed.sigma, kind.norm, kind.steps, kind.m, kind.restarts, self._seed
                )
                return lambda block, epsilon: attack(block.as_float(), block.labels, epsilon, block.indices)

    def outcomes(self, images: np.ndarray, block: LabeledImages, condition: Condition) -> dict[str, np.ndarray]:
        """Predictions for these images, `perturbed` ones of the block, and how far they are from the clean ones."""
        if condition.n:
            # A stream that no attack has seen.
            counts = self.smoothed.vote(images, condition.n, block.indices, Stream.SCORING).counts
            predictions = prediction(counts, ALPHA)
        else:
            predictions = self._base.logits(images).argmax(axis=1)
        distances = np.sqrt(((images - block.as_float()).astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
        if condition.attack is not None and condition.attack.name == "deepfool":
            distances = np.where(predictions == block.labels, np.inf, distances)
        return {"prediction": predictions, "distance": distances}
