"""The abstract's sentences about accuracy: each query carries out the tests of one claim."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from src.claims import Comparison, Outcome, above_zero, simultaneous_confidence
from src.paired import mcnemar, paired_difference, pairs
from src.studies.blur.config import CIFAR10, CONTROLS, HEAVY, SIGMAS
from src.studies.blur.evidence import DATASETS, Evidence, plainly_trained, right, under
from src.trainings import paired_trainings_interval

SEEDS_NEEDED = 3
"""Trainings without which a difference between two ways of training is not judged."""


def blur_costs(evidence: Evidence) -> Iterator[Comparison]:
    """Accuracy without blur minus under each heavy Gaussian blur, on the same images: is it above zero?"""
    for dataset in DATASETS:
        found = []
        for one in plainly_trained(evidence, dataset):
            sharp = right(under(one, {"blur": "none", "size": 0.0, "angle": 0.0}))
            for sigma in (sigma for sigma in SIGMAS if sigma >= HEAVY):
                soft = right(under(one, {"blur": "gaussian", "size": sigma, "angle": 0.0}))
                if len(soft) == len(sharp) > 0:
                    found.append((f"{one.job.label}, Gaussian blur of {sigma:g} pixels", pairs(sharp, soft)))
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


def copies_help(evidence: Evidence) -> Iterator[Comparison]:
    """Accuracy under heavy blur, trained on blurred copies minus unblurred ones, paired by seed: is it above zero?"""
    trained = {(one.trial.variant, one.trial.seed): one for one in evidence if one.job.dataset == CIFAR10}
    found: list[tuple[str, np.ndarray, np.ndarray]] = []
    for name, control in CONTROLS.items():
        seeds = [seed for training, seed in trained if training == name and (control, seed) in trained]
        for sigma in (sigma for sigma in SIGMAS if sigma >= HEAVY):
            blur = {"blur": "gaussian", "size": sigma, "angle": 0.0}
            answers = [np.array([right(under(trained[one, seed], blur)) for seed in seeds]) for one in (name, control)]
            if seeds and answers[0].shape == answers[1].shape:
                found.append((f"{name} minus {control}, Gaussian blur of {sigma:g} pixels", answers[0], answers[1]))
    confidence = simultaneous_confidence(len(found))
    for subject, copies, control_answers in found:
        gain = paired_trainings_interval(copies, control_answers, confidence)
        enough = len(copies) >= SEEDS_NEEDED
        yield Comparison(
            protocol=CIFAR10,
            subject=subject,
            quantity="difference in mean accuracy, over trainings and images",
            value=gain,
            outcome=above_zero(gain) if enough else Outcome.INCONCLUSIVE,
            seeds=len(copies),
            images=copies.shape[1],
            confidence=confidence,
            note="" if enough else f"needs {SEEDS_NEEDED} trainings",
        )
