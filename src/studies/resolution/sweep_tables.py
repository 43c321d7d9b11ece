"""The two sweeps: each network beside its smoothed classifier, against sigma and against FGSM's epsilon."""

from __future__ import annotations

import pandas as pd

from src.experiments.conditions import Condition, select
from src.statistics.intervals import wilson_interval
from src.studies.resolution.plan import Job
from src.studies.resolution.rows import first_images, identity, scales


def sigma_sweep(evaluated: list[tuple[Job, pd.DataFrame]]) -> pd.DataFrame:
    """The network beside its smoothed classifier on clean images, a row for each trial and sigma."""
    rows = []
    for job, records in evaluated:
        network, *smoothed = job.sigma_conditions
        for condition in smoothed:
            rows += _side_by_side(job, records, network, condition)
    return pd.DataFrame(rows)


def epsilon_sweep(evaluated: list[tuple[Job, pd.DataFrame]]) -> pd.DataFrame:
    """The network beside its smoothed classifier under FGSM, a row for each trial and epsilon."""
    rows = []
    for job, records in evaluated:
        conditions = job.epsilon_conditions
        for network, smoothed in zip(conditions[::2], conditions[1::2], strict=True):
            rows += _side_by_side(job, records, network, smoothed)
    return pd.DataFrame(rows)


def _side_by_side(
    job: Job, records: pd.DataFrame, network: Condition, smoothed: Condition
) -> list[dict[str, float | int | str]]:
    count = job.profile.sweep_images
    cnn, rs = (first_images(select(records, condition), count) for condition in (network, smoothed))
    if cnn is None or rs is None:
        return []
    accuracies: dict[str, float] = {}
    for name, chosen in (("cnn", cnn), ("rs", rs)):
        interval = wilson_interval(int((chosen["label"] == chosen["prediction"]).sum()), count)
        parts = zip(("accuracy", "low", "high"), interval, strict=True)
        accuracies |= {f"{name}_{part}": value for part, value in parts}
    return [
        {
            **identity(job),
            "test_images": count,
            **scales(smoothed),
            "n": smoothed.columns()["n"],
            **accuracies,
            "rs_minus_cnn": accuracies["rs_accuracy"] - accuracies["cnn_accuracy"],
            "same_prediction": float((cnn["prediction"].to_numpy() == rs["prediction"].to_numpy()).mean()),
            "trial": job.trial.key,
        }
    ]
