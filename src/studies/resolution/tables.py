"""The study's tables, from trials and records alone: the paper's two, cell by cell, and the two sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from src.base import InputError
from src.experiments.conditions import COLUMNS, KEY, current
from src.experiments.trial_table import load_trials
from src.storage.files import write_text
from src.storage.records import Records
from src.studies.resolution.config import PROTOCOLS, VARIANTS, Profile
from src.studies.resolution.difference_table import difference_table
from src.studies.resolution.plan import Job
from src.studies.resolution.published_tables import published_table
from src.studies.resolution.sweep_tables import epsilon_sweep, sigma_sweep
from src.training.trial import Trial

TABLES = ("accuracy.csv", "adversarial_accuracy.csv", "differences.csv", "sigma_sweep.csv", "epsilon_sweep.csv")


def write_tables(folder: Path, profile: Profile) -> None:
    """Write the tables of all trials in a profile's folder.

    Raises:
        InputError: trials.csv or a records file is damaged.
        StorageError: the folder can't be written.
    """
    trials = list(evaluated(folder, profile))
    tables = (
        published_table("accuracy", profile, trials),
        published_table("adversarial", profile, trials),
        difference_table(profile, trials),
        sigma_sweep(trials),
        epsilon_sweep(trials),
    )
    for name, table in zip(TABLES, tables, strict=True):
        write_text(folder / name, table.to_csv(index=False, float_format="%.6g"))


def evaluated(folder: Path, profile: Profile) -> Iterator[tuple[Job, pd.DataFrame]]:
    """The trials of a profile's folder with their records, in the order of tables; none if it has no trials.csv.

    Raises:
        InputError: trials.csv or a records file is damaged, or a trial is not known here.
    """
    protocols = {protocol.name: protocol for protocol in PROTOCOLS}
    variants = {variant.name: variant for variant in VARIANTS}
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]
    for trial in trials:
        if trial.protocol not in protocols or trial.variant not in variants:
            raise InputError(
                f"{folder / 'trials.csv'} lists {trial.key}, which this version does not know. "
                "Name another --results, or take the version that wrote it."
            )
    order = {name: place for place, name in enumerate([*protocols, *variants])}

    def place(trial: Trial) -> tuple[int, int, str, int, str]:
        return order[trial.protocol], trial.seed, trial.precision, order[trial.variant], trial.key

    for trial in sorted(trials, key=place):
        records = Records(folder / "records" / f"{trial.key}.csv.gz", COLUMNS, KEY).load()
        yield Job(profile, protocols[trial.protocol], variants[trial.variant], trial), current(records)
