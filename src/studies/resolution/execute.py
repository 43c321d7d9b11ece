"""One job from start to end: the network trained or loaded, then evaluated."""

from __future__ import annotations

import gc
import sys

import keras
import numpy as np

from src.attacks.diagnostics import softmax_as_logits, zero_gradients
from src.attacks.fgsm import FGSM
from src.base import LabeledImages
from src.cli.progress import stage
from src.datasets.mnist import Mnist
from src.experiments.conditions import Attack, Condition, Smoothing
from src.experiments.evaluation import Evaluator, evaluate
from src.experiments.folders import Places
from src.experiments.trial_table import refuse_other_weights, save_trial
from src.storage.arrays import save_arrays
from src.studies.resolution.images import test_images, training_images
from src.studies.resolution.plan import Job
from src.training.networks import load_network, train_network

EXAMPLES = 8
"""Test images kept with their adversarial versions for the figures."""


def execute(job: Job, places: Places, mnist: Mnist, esrgan: str | None) -> None:
    """Bring a job to its end: train, evaluate, and add it to the profile's table of trials.

    Args:
        job: what to do; what is complete of it is not done again.
        places: where to read and write.
        mnist: the images.
        esrgan: the handle that `load_esrgan` takes.

    Raises:
        InputError: a file on disk is damaged or does not belong.
        StorageError: something can't be written.
        TrainingError: a loss is not finite.
    """
    trial_folder = places.trial(job.trial)
    trial_folder.begin(job.trial)
    if not job.is_evaluated(places) or not trial_folder.marker.exists():
        _train_and_evaluate(job, places, mnist, esrgan)
    save_trial(places.profile(job.profile) / "trials.csv", job.trial, trial_folder.facts())
    # The network and its graphs, before the next one's.
    keras.backend.clear_session()
    gc.collect()


def network_of(job: Job, places: Places, mnist: Mnist, esrgan: str | None) -> keras.Model:
    """The job's network: loaded, or trained, going on from its last epoch.

    Args:
        job, places, mnist, esrgan: as of `execute`.

    Raises:
        InputError, StorageError, TrainingError: likewise.
    """
    folder = places.trial(job.trial)
    folder.begin(job.trial)
    if folder.is_complete:
        return load_network(job.trial, folder)
    images = training_images(mnist, job.profile, job.protocol, job.variant, job.trial.seed, places.cache, esrgan)
    return train_network(job.trial, images, folder)


def _train_and_evaluate(job: Job, places: Places, mnist: Mnist, esrgan: str | None) -> None:
    trial_folder = places.trial(job.trial)
    network = network_of(job, places, mnist, esrgan)
    table = places.profile(job.profile) / "trials.csv"
    refuse_other_weights(table, job.made(places), job.trial, trial_folder)
    # Listed before its first record, so that the records' weights are known.
    save_trial(table, job.trial, trial_folder.facts())
    _evaluate(job, places, mnist, network, esrgan)


def _evaluate(job: Job, places: Places, mnist: Mnist, network: keras.Model, esrgan: str | None) -> None:
    evaluator = Evaluator(network, job.trial.seed)
    _evaluate_on_training_images(job, places, mnist, evaluator, esrgan)
    counts = sorted(set(job.work.values()))
    data = test_images(mnist, counts[-1], job.protocol, job.variant, places.cache, esrgan)
    records = job.records(places)
    description = f"Evaluating {job.variant.name} ({job.protocol.name})"
    with stage(description, total=job.missing(places), unit="classifications") as advance:
        for count in counts:
            conditions = [condition for condition, needed in job.work.items() if needed == count]
            evaluate(evaluator, job.trial.key, data.take(slice(0, count)), conditions, records, advance)
    records.finish()
    _count_votes(job, places, evaluator, data.take(slice(0, job.profile.sweep_images)))
    shown = data.take(slice(0, EXAMPLES))
    attack = Attack(job.protocol.attack_epsilon(job.variant), job.protocol.attacked_output)
    clean = shown.as_float()
    _tell_of_a_broken_attack(job, evaluator.fgsm(attack), clean, shown.labels)
    adversarial = evaluator.attacked(clean, shown.labels, attack)
    smoothing = Smoothing(job.protocol.sigma, job.protocol.votes)
    predictions = {
        f"{name}_{images_name}": evaluator.classify(images, shown.labels, shown.indices, classifier)[0]
        for name, classifier in (("cnn", None), ("rs", smoothing))
        for images_name, images in (("clean", clean), ("adversarial", adversarial))
    }
    save_arrays(
        job.examples(places),
        {
            "clean": shown.images,
            "adversarial": adversarial,
            "labels": shown.labels,
            "epsilon": np.array(attack.epsilon),
            **predictions,
        },
    )


def _evaluate_on_training_images(
    job: Job, places: Places, mnist: Mnist, evaluator: Evaluator, esrgan: str | None
) -> None:
    if job.missing_fit(places):
        images = training_images(mnist, job.profile, job.protocol, job.variant, job.trial.seed, places.cache, esrgan)
        # The head of them: what follows repeats it, where an epoch has several passes.
        data = images.take(slice(0, len(job.fit_indices)))
        with stage(f"{job.variant.name} ({job.protocol.name}) on its training images", len(data), "images") as advance:
            evaluate(evaluator, job.trial.key, data, [Condition()], job.fit(places), advance)
    job.fit(places).finish()


def _count_votes(job: Job, places: Places, evaluator: Evaluator, data: LabeledImages) -> None:
    description = f"Votes of {job.variant.name} ({job.protocol.name})"
    if job.missing_votes(places):
        with stage(description, total=job.missing_votes(places), unit="classifications") as advance:
            evaluate(VoteCounter(evaluator), job.trial.key, data, job.vote_conditions, job.votes(places), advance)
    job.votes(places).finish()


class VoteCounter:
    """Evaluates conditions of the smoothed classifier to how its votes fell.

    Args:
        evaluator: of the trial's network.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def perturbed(self, block: LabeledImages, attack: Attack | None) -> np.ndarray:
        """As the evaluator's."""
        return self._evaluator.perturbed(block, attack)

    def outcomes(self, images: np.ndarray, block: LabeledImages, condition: Condition) -> dict[str, np.ndarray]:
        """The predicted class with its votes, and the votes of the class that follows."""
        assert condition.smoothing is not None
        votes = self._evaluator.votes(images, block.indices, condition.smoothing)
        ordered = np.sort(votes.counts, axis=1)
        return {"prediction": votes.prediction, "votes": ordered[:, -1], "runner_up_votes": ordered[:, -2]}


def _tell_of_a_broken_attack(job: Job, attack: FGSM, images: np.ndarray, labels: np.ndarray) -> None:
    """Say on standard error what is wrong with the protocol's attack; `released` is carried out as it is."""
    for finding in (softmax_as_logits(attack.outputs(images)), zero_gradients(attack.gradients(images, labels))):
        if finding is not None:
            print(f"warning: FGSM on {job.variant.name} ({job.protocol.name}): {finding}", file=sys.stderr)
