"""The abstract's sentences about accuracy: each query carries out the tests of one claim."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from src.claims.claim import Comparison, Outcome, above_zero, simultaneous_confidence
from src.statistics.paired import mcnemar, paired_difference, pairs
from src.statistics.seeds import paired_trainings_interval
from src.studies.blur.conditions import blur_columns
from src.studies.blur.config import CIFAR10, CONTROLS, MNIST, PLAIN, SOURCE_SIDE, Dataset, Training, heavy
from src.studies.blur.evidence import DATASETS, Evidence, plainly_trained, right, under
from src.studies.blur.plan import SIDE

SEEDS_NEEDED = 3
"""Trainings without which a difference between two ways of training is not judged."""


def blur_costs(evidence: Evidence) -> Iterator[Comparison]:
    """Accuracy without blur minus under each heavy Gaussian blur, on the same images: is it above zero?"""
    for dataset in DATASETS:
        found = []
        for one in plainly_trained(evidence, dataset):
            sharp = right(under(one, {"blur": "none", "size": 0.0, "angle": 0.0}))
            for size, blur in heavy(dataset, one.job.side).items():
                soft = right(under(one, blur_columns(blur)))
                found.append((f"{one.job.label}, {gaussian(dataset, size)}", pairs(sharp, soft)))
        confidence = simultaneous_confidence(len(found))
        for subject, counts in found:
            lost = paired_difference(counts, confidence)
            yield Comparison(
                protocol=dataset,
                subject=subject,
                quantity="accuracy without blur minus under blur",
                value=lost,
                outcome=above_zero(lost),
                seeds=1,
                images=counts.images,
                confidence=confidence,
                p_value=mcnemar(counts),
            )


def gaussian(dataset: Dataset, size: float) -> str:
    """A blur's name, in pixels that are equal for the picture."""
    return f"Gaussian blur of {size:g} pixels" + (f" of {SOURCE_SIDE}x{SOURCE_SIDE}" if dataset == MNIST else "")


def copies_help(evidence: Evidence, trained_on: Training) -> Iterator[Comparison]:
    """Accuracy under heavy blur, trained on blurred copies minus unblurred ones, paired by seed: is it above zero?

    Beside stands, without a say, the comparison with plain training, which has half as many images and steps.

    Args:
        evidence: what was measured.
        trained_on: which of the trainings on blurred copies.
    """
    trained = {(one.trial.variant, one.trial.seed): one for one in evidence if one.job.dataset == CIFAR10}
    found: list[tuple[str, bool, np.ndarray, np.ndarray]] = []
    name = trained_on.name
    for control in (CONTROLS[name], PLAIN.name):
        seeds = [seed for training, seed in trained if training == name and (control, seed) in trained]
        for size, blur in heavy(CIFAR10, SIDE).items():
            columns = blur_columns(blur)
            answers = [
                np.array([right(under(trained[one, seed], columns)) for seed in seeds]) for one in (name, control)
            ]
            if seeds:
                subject = f"{name} minus {control}, {gaussian(CIFAR10, size)}"
                found.append((subject, control != PLAIN.name, answers[0], answers[1]))
    confidence = simultaneous_confidence(sum(decides for _, decides, _, _ in found))
    for subject, decides, copies, control_answers in found:
        gain = paired_trainings_interval(copies, control_answers, confidence)
        outcome, note = Outcome.SHOWN, "shown at the same confidence"
        if len(copies) < SEEDS_NEEDED:
            outcome, note = Outcome.INCONCLUSIVE if decides else Outcome.SHOWN, f"needs {SEEDS_NEEDED} trainings"
        elif decides:
            outcome, note = above_zero(gain), ""
        yield Comparison(
            protocol=CIFAR10,
            subject=subject,
            quantity="difference in mean accuracy, over trainings and images",
            value=gain,
            outcome=outcome,
            seeds=len(copies),
            images=copies.shape[1],
            confidence=confidence,
            note=note,
        )
