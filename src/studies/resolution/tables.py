"""The study's tables, from trials and records alone: the paper's two, cell by cell, and the two sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from src.conditions import COLUMNS, KEY, Condition, select
from src.files import write_text
from src.metrics import Interval, mean_interval, newcombe_interval, wilson_interval
from src.records import Records
from src.studies.resolution.config import FULL_SCALE, PROTOCOLS, VARIANTS, Profile
from src.studies.resolution.plan import Job, test_order
from src.trials import Trial
from src.trials_table import load_trials

REPORTED = Path(__file__).with_name("reported.csv")
"""Every cell of the paper's two tables beside the output saved in its author's notebook."""

PAPER_TEST_IMAGES = 1_000

METRICS = {
    "accuracy": ("cnn_accuracy", "cnn_loss", "rs_accuracy", "rs_loss"),
    "adversarial": ("cnn_accuracy", "rs_accuracy"),
}
"""Columns of the paper's two tables."""

TABLES = ("accuracy.csv", "adversarial_accuracy.csv", "sigma_sweep.csv", "epsilon_sweep.csv")


def reported() -> pd.DataFrame:
    """The published numbers: table, variant, metric, paper, author_notebook, author_epsilon_255, note."""
    return pd.read_csv(REPORTED)


def write_tables(folder: Path, profile: Profile) -> None:
    """Write the four tables of all trials in a profile's folder.

    Raises:
        InputError: trials.csv or a records file is damaged.
        StorageError: the folder can't be written.
    """
    trials = list(_evaluated(folder, profile))
    tables = (
        published_table("accuracy", profile, trials),
        published_table("adversarial", profile, trials),
        sigma_sweep(trials),
        epsilon_sweep(trials),
    )
    for name, table in zip(TABLES, tables, strict=True):
        write_text(folder / name, table.to_csv(index=False, float_format="%.6g"))


def _evaluated(folder: Path, profile: Profile) -> Iterator[tuple[Job, pd.DataFrame]]:
    protocols = {protocol.name: protocol for protocol in PROTOCOLS}
    variants = {variant.name: variant for variant in VARIANTS}
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]
    order = {name: place for place, name in enumerate([*protocols, *variants])}

    def place(trial: Trial) -> tuple[int, int, str, int, str]:
        return order[trial.protocol], trial.seed, trial.precision, order[trial.variant], trial.key

    for trial in sorted(trials, key=place):
        records = Records(folder / "records" / f"{trial.key}.csv.gz", COLUMNS, KEY).load()
        yield Job(profile, protocols[trial.protocol], variants[trial.variant], trial), records


def published_table(table: str, profile: Profile, evaluated: list[tuple[Job, pd.DataFrame]]) -> pd.DataFrame:
    """One of the paper's two tables, one row a cell: paper, author's notebook, measured, interval, verdict.

    An accuracy's `difference` is measured minus paper with Newcombe's 95% interval, the paper's being of 1,000
    images; the paper is "inside" if that interval holds 0. A loss's is of the mean over the images, Student's t;
    the paper gives no spread, so its loss counts as exact.

    Args:
        table: "accuracy" (clean images) or "adversarial" (FGSM).
        profile: for the sizes of the test set.
        evaluated: jobs with their records.
    """
    published = reported().query("table == @table").set_index(["variant", "metric"])
    rows = []
    for job, records in evaluated:
        by_classifier = {
            "rs" if condition.smoothing else "cnn": condition
            for condition in job.paper_conditions
            if (condition.attack is None) == (table == "accuracy")
        }
        for count in profile.test_images:
            for metric in METRICS[table]:
                classifier, quantity = metric.split("_")
                condition = by_classifier[classifier]
                chosen = _first(select(records, condition), count)
                if chosen is None:
                    continue
                paper = published.loc[(job.variant.name, metric)]
                rows.append(
                    {
                        **_identity(job),
                        "test_images": count,
                        **_scales(condition),
                        "metric": metric,
                        "paper": paper["paper"],
                        "author_notebook": paper["author_notebook"],
                        **_against(chosen, quantity, float(paper["paper"])),
                        "trial": job.trial.key,
                    }
                )
    return pd.DataFrame(rows)


def _against(records: pd.DataFrame, quantity: str, paper: float) -> dict[str, float | str]:
    if quantity == "accuracy":
        successes = int((records["label"] == records["prediction"]).sum())
        measured = wilson_interval(successes, len(records))
        published = round(paper * PAPER_TEST_IMAGES)
        difference = newcombe_interval(successes, len(records), published, PAPER_TEST_IMAGES)
    else:
        measured = mean_interval(records["loss"].to_numpy())
        difference = Interval(*(value - paper for value in measured))
    return {
        "measured": measured.estimate,
        "low": measured.low,
        "high": measured.high,
        "difference": difference.estimate,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "paper_is": "inside" if 0.0 in difference else "outside",
    }


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
    cnn, rs = (_first(select(records, condition), count) for condition in (network, smoothed))
    if cnn is None or rs is None:
        return []
    accuracies: dict[str, float] = {}
    for name, chosen in (("cnn", cnn), ("rs", rs)):
        interval = wilson_interval(int((chosen["label"] == chosen["prediction"]).sum()), count)
        parts = zip(("accuracy", "low", "high"), interval, strict=True)
        accuracies |= {f"{name}_{part}": value for part, value in parts}
    return [
        {
            **_identity(job),
            "test_images": count,
            **_scales(smoothed),
            "n": smoothed.columns()["n"],
            **accuracies,
            "rs_minus_cnn": accuracies["rs_accuracy"] - accuracies["cnn_accuracy"],
            "same_prediction": float((cnn["prediction"].to_numpy() == rs["prediction"].to_numpy()).mean()),
            "trial": job.trial.key,
        }
    ]


def _identity(job: Job) -> dict[str, str | int]:
    trial: Trial = job.trial
    return {"protocol": trial.protocol, "variant": trial.variant, "seed": trial.seed, "precision": trial.precision}


def _scales(condition: Condition) -> dict[str, float | int | str]:
    columns = condition.columns()
    sigma, epsilon = float(columns["sigma"]), float(columns["epsilon"])
    return {
        "sigma": sigma,
        "sigma_255": sigma * FULL_SCALE,
        "attacked_output": columns["attacked_output"],
        "epsilon": epsilon,
        "epsilon_255": epsilon * FULL_SCALE,
    }


def _first(records: pd.DataFrame, count: int) -> pd.DataFrame | None:
    """The records of the first `count` images of the shuffled test set, by image; None unless all are there."""
    chosen = records[np.isin(records["image"].to_numpy(), test_order()[:count])]
    return chosen.sort_values("image") if len(chosen) == count else None
