"""All that the study's tables and claims rest on: networks with their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from src.experiments.folders import Places
from src.experiments.trial_table import load_trials
from src.studies.blur.config import CIFAR10, MNIST, PLAIN, TRAININGS, Dataset, Profile
from src.studies.blur.plan import Job
from src.training.trial import Trial

DATASETS = (MNIST, CIFAR10)

BLUR = ["blur", "size", "angle"]
"""Columns that name a blur."""


@dataclass(frozen=True)
class Measured:
    """A network with all that was recorded of it.

    Attributes:
        job: what was asked.
        answers: its records under blur.
        layers: what blur does at its stages.
        constants: of these.
    """

    job: Job
    answers: pd.DataFrame
    layers: pd.DataFrame
    constants: pd.DataFrame

    @property
    def trial(self) -> Trial:
        return self.job.trial


def load_evidence(places: Places, profile: Profile) -> list[Measured]:
    """The networks of a profile's folder that are complete, in the order of the tables; none without a trials.csv.

    Of two trainings from one seed (in two precisions) that in float32 is taken, so that none counts twice.

    Raises:
        InputError: a file is damaged.
    """
    order = {training.name: place for place, training in enumerate(TRAININGS)}
    jobs = [Job(profile, trial) for trial, _ in load_trials(places.profile(profile) / "trials.csv").values()]

    def place(job: Job) -> tuple[bool, int, int, str, int]:
        own = order.get(job.trial.variant, len(order)) if job.dataset == CIFAR10 else 0
        return job.dataset == CIFAR10, job.side, own, job.trial.variant, job.trial.seed

    chosen: dict[tuple[str, str, int], Job] = {}
    for job in sorted(jobs, key=lambda job: (job.trial.precision != "float32", job.trial.key)):
        if job.is_evaluated(places):
            chosen.setdefault((job.dataset, job.trial.variant, job.trial.seed), job)
    return [
        Measured(job, job.records(places).load(), job.layers(places).load(), job.constants(places).load())
        for job in sorted(chosen.values(), key=place)
    ]


def right(answers: pd.DataFrame) -> np.ndarray:
    """(images,) bool, by ascending image."""
    ordered = answers.sort_values("image")
    return (ordered["label"] == ordered["prediction"]).to_numpy()


def under(one: Measured, blur: Mapping[str, Any]) -> pd.DataFrame:
    """What a network answers under a blur."""
    return same(one.answers[one.answers["classifier"] == "cnn"], blur, BLUR)


def same(rows: pd.DataFrame, row: Mapping[str, Any], names: list[str]) -> pd.DataFrame:
    chosen = np.ones(len(rows), bool)
    for name in names:
        chosen &= (rows[name] == row[name]).to_numpy()
    return rows[chosen]


Evidence = Sequence[Measured]


def plainly_trained(evidence: Evidence, dataset: Dataset) -> list[Measured]:
    """The networks that saw no blur or noise of this study: of MNIST all, of CIFAR-10 those plainly trained."""
    of_dataset = [one for one in evidence if one.job.dataset == dataset]
    return [one for one in of_dataset if dataset == MNIST or one.trial.variant == PLAIN.name]
