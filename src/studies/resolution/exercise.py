"""The notebooks' exercises: a digit of the reader's choice, smoothed and attacked, on a network of the repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from src.base import ABSTAIN, InputError, LabeledImages
from src.experiments.trial_table import load_trials
from src.smoothing.radius import prediction, round_down
from src.studies.resolution.config import DOWNSCALED, FULL_SCALE
from src.studies.resolution.corrected.config import ALPHA, CORRECTED
from src.studies.resolution.showing import pictures, places, results_folder
from src.training.trial import Trial

if TYPE_CHECKING:
    import keras

Attack = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(images, labels, epsilon) -> adversarial images, as those of src.attacks."""


def downscaled_network(protocol: str = CORRECTED, sigma: float = 0.25) -> keras.Model:
    """The trained 14x14 network of a protocol; its weights are part of the repository.

    Args:
        protocol: "released", "written" or "corrected".
        sigma: of the noise it was trained for, of `corrected` alone; the nearest there is.

    Raises:
        InputError: there is none, or its files are damaged.
    """
    # Here, so that figures and tables open without TensorFlow.
    from src.training.networks import load_network

    folder = results_folder() / CORRECTED if protocol == CORRECTED else results_folder()

    def rank(trial: Trial) -> tuple[float, int]:
        distance = abs(trial.training["recipe"]["sigma"] - sigma) if protocol == CORRECTED else 0.0
        return distance, -trial.training["train_images"] * trial.training["epochs"]

    trials = [
        trial
        for trial, _ in load_trials(folder / "trials.csv").values()
        if (trial.protocol, trial.variant) == (protocol, DOWNSCALED.name)
        and trial.recipe in ("cross_entropy", "gaussian")
        and places().trial(trial).is_complete
    ]
    if not trials:
        raise InputError(f"protocol: {folder.name} has no trained {DOWNSCALED.name} network of {protocol!r} here.")
    trial = min(trials, key=rank)
    # The weights are float32 at any precision, and not every processor is fast in bfloat16.
    return load_network(replace(trial, precision="float32"), places().trial(trial))


@dataclass(frozen=True)
class Attempt:
    """A digit clean, under noise and attacked, and what a network and its smoothed classifier say; prints as that.

    Attributes:
        images: title -> (side, side) in [0, 1], noise not clipped.
        answers: a sentence for the clean and for the attacked image.
    """

    images: Mapping[str, np.ndarray]
    answers: tuple[str, str]

    def __str__(self) -> str:
        return "\n".join(self.answers)

    def figure(self) -> Figure:
        """The three images, with the answers above them."""
        return pictures([self.images])


def smooth_and_attack(
    network: keras.Model, digit: LabeledImages, sigma: float, attack: Attack, epsilon: float, n: int = 1000
) -> Attempt:
    """Ask a network and its smoothed classifier about a digit before and after an attack.

    Args:
        network: (batch, side, side, 1) float32 in [0, 1] -> logits.
        digit: one image, at the network's resolution.
        sigma: of the smoothed classifier, in [0, 1].
        attack: on the network, or on the smoothed classifier.
        epsilon: its budget, in [0, 1].
        n: noisy copies that vote.

    Raises:
        InputError: a number is out of range, or the image does not fit the network.
    """
    from src.smoothing.classifier import SmoothedClassifier

    smoothed = SmoothedClassifier(network, sigma)
    clean = digit.as_float()
    images = np.concatenate([clean, attack(clean, digit.labels, epsilon)])
    indices = np.repeat(digit.indices, 2)  # the same noise for both
    said = np.asarray(network.predict_on_batch(images)).argmax(axis=1)
    counts = smoothed.vote(images, n, indices).counts
    voted = ["nothing" if answer == ABSTAIN else str(answer) for answer in smoothed.predict(images, n, ALPHA, indices)]
    radii = round_down(smoothed.certify(images, n, ALPHA, indices=indices).radius)
    moved = FULL_SCALE * np.abs(images[1] - images[0]).max()
    kinds = ("Clean", f"Attacked (a pixel changed by {moved:.3g}/255 at the most)")
    clean_answer, attacked_answer = (
        f"{kind}: a {digit.labels[0]}. The network says {said[place]}, the smoothed classifier {voted[place]} "
        f"(votes {_tally(counts[place])}; certified l2 radius {np.asarray(radii)[place]:.3f})."
        for place, kind in enumerate(kinds)
    )
    noise = np.random.default_rng(int(digit.indices[0])).standard_normal(clean[0, ..., 0].shape)
    titles = (
        f"clean\nnetwork {said[0]}, smoothed {voted[0]}",
        f"one noisy copy\nσ = {sigma:.3g} = {FULL_SCALE * sigma:.3g}/255",
        f"attacked, ε = {FULL_SCALE * epsilon:.3g}/255\nnetwork {said[1]}, smoothed {voted[1]}",
    )
    shown = (images[0, ..., 0], images[0, ..., 0] + sigma * noise, images[1, ..., 0])
    return Attempt(dict(zip(titles, shown, strict=True)), (clean_answer, attacked_answer))


def abstentions(
    network: keras.Model, digit: LabeledImages, sigma: float, n: int, alphas: Sequence[float]
) -> list[str]:
    """What PREDICT answers at each alpha, from the same n votes: a sentence each.

    Args:
        network, digit, sigma, n: as for `smooth_and_attack`.
        alphas: probabilities that an answer is not the smoothed classifier's.

    Raises:
        InputError: a number is out of range, or the image does not fit the network.
    """
    from src.smoothing.classifier import SmoothedClassifier

    counts = SmoothedClassifier(network, sigma).vote(digit.as_float(), n, digit.indices).counts
    answers = {alpha: int(prediction(counts, alpha)[0]) for alpha in alphas}
    return [
        f"alpha {alpha:g}, {n} votes: {'no answer' if answer == ABSTAIN else answer}"
        for alpha, answer in answers.items()
    ]


def _tally(votes: np.ndarray) -> str:
    """The three classes with most votes: "7: 981, 9: 12, 2: 7"."""
    most = [digit for digit in np.argsort(-votes, kind="stable")[:3] if votes[digit]]
    return ", ".join(f"{digit}: {votes[digit]}" for digit in most)
