"""All that the study's tables and claims rest on: networks with their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.records import Records
from src.studies.blur.conditions import COLUMNS, KEY
from src.studies.blur.config import CIFAR10, MNIST, PLAIN, TRAININGS, Dataset, Profile
from src.studies.blur.plan import CONSTANT_COLUMNS, CONSTANT_KEY, LAYER_COLUMNS, LAYER_KEY, Job
from src.trials import Trial
from src.trials_table import load_trials

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


def load_evidence(folder: Path, profile: Profile) -> list[Measured]:
    """All networks of a profile's folder, in the order of the tables; none if it has no trials.csv.

    Raises:
        InputError: a file is damaged.
    """
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]

    order = {training.name: place for place, training in enumerate(TRAININGS)}

    def place(trial: Trial) -> tuple[bool, int, int, str, int, str]:
        job = Job(profile, trial)
        own = order.get(trial.variant, len(order)) if job.dataset == CIFAR10 else 0
        return job.dataset == CIFAR10, job.side, own, trial.variant, trial.seed, trial.key

    def read(kind: str, trial: Trial, columns: dict[str, str], key: tuple[str, ...]) -> pd.DataFrame:
        return Records(folder / kind / f"{trial.key}.csv.gz", columns, key).load()

    return [
        Measured(
            Job(profile, trial),
            read("records", trial, COLUMNS, KEY),
            read("layers", trial, LAYER_COLUMNS, LAYER_KEY),
            read("constants", trial, CONSTANT_COLUMNS, CONSTANT_KEY),
        )
        for trial in sorted(trials, key=place)
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
