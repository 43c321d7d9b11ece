"""Tables of attacks: robust accuracy, attacks on the smoothed classifier, and the smallest perturbations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from src.base import ABSTAIN
from src.statistics.intervals import CONFIDENCE, Interval, certified_accuracy, wilson_interval
from src.studies.resolution.config import FULL_SCALE
from src.studies.resolution.corrected.conditions import CONDITION
from src.studies.resolution.corrected.measurements import IDENTITY, Log, Measured

ROBUST_COLUMNS = (
    *IDENTITY, "classifier", "n", "alpha", "attack", "norm", "epsilon", "epsilon_28", "epsilon_255", "steps",
    "restarts", "m", "images", "accuracy", "low", "high", "abstention_rate", "wrong_answers", "distance_mean",
    "distance_median", "certified_accuracy", "certified_draws", "trial",
)  # fmt: skip

SMOOTHED_COLUMNS = (
    *IDENTITY, "epsilon", "epsilon_28", "n", "alpha", "steps", "restarts", "m", "transfer_steps", "transfer_restarts",
    "images", "errors", "wrong", "abstentions", "transfer_errors", "transfer_wrong", "transfer_abstentions",
    "only_smoothed", "only_transfer", "difference", "p_value", "trial",
)  # fmt: skip

MINIMAL_COLUMNS = (
    *IDENTITY, "norm", "images", "found", "found_share", "found_low", "found_high", "median", "median_low",
    "median_high", "median_28", "median_28_low", "median_28_high", "trial",
)  # fmt: skip


def _conditions(one: Measured) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """(condition, records by ascending image) of each condition, without those of DeepFool, which has no budget."""
    budgeted = one.records[one.records["attack"] != "deepfool"]
    for values, rows in budgeted.groupby(list(CONDITION)):
        yield dict(zip(CONDITION, values, strict=True)), rows.sort_values("image")


def _errors(rows: pd.DataFrame) -> np.ndarray:
    """(images,) bool; an abstention is one."""
    return (rows["prediction"] != rows["label"]).to_numpy()


def robust_accuracy_table(measured: list[Measured]) -> pd.DataFrame:
    """One row for each trial, classifier and attack with a budget: accuracy, an abstention being an error.

    `wrong_answers` is the share of images that got another class than their label, abstentions left out.
    `certified_accuracy` is, for the smoothed classifier within l2, the share of the row's images that are certified at
    the attack's budget, from the log with most fixed draws (`certified_draws`) that has all of these images; it is
    empty where so many draws can't certify that far. A certificate allows an
    abstention at the attacked point, so what stays above it is 1 - `wrong_answers`, and not `accuracy`; certificates
    and predictions each err with probability alpha. Distances are l2, of the perturbations.
    """
    rows = []
    for one in measured:
        for condition, records in _conditions(one):
            right = len(records) - int(_errors(records).sum())
            accuracy = wilson_interval(right, len(records))
            l2, linf = condition["norm"] == "l2", condition["norm"] == "linf"
            rows.append(
                {
                    **one.identity(),
                    **condition,
                    "epsilon_28": one.to_28(condition["epsilon"]) if l2 else math.nan,
                    "epsilon_255": condition["epsilon"] * FULL_SCALE if linf else math.nan,
                    "images": len(records),
                    "accuracy": accuracy.estimate,
                    "low": accuracy.low,
                    "high": accuracy.high,
                    "abstention_rate": (records["prediction"] == ABSTAIN).mean(),
                    "wrong_answers": (_errors(records) & (records["prediction"] != ABSTAIN)).mean(),
                    "distance_mean": records["distance"].mean(),
                    "distance_median": records["distance"].median(),
                    **_certified(one, condition, records),
                    "trial": one.trial.key,
                }
            )
    return pd.DataFrame(rows, columns=list(ROBUST_COLUMNS))


def _certified(one: Measured, condition: dict[str, Any], records: pd.DataFrame) -> dict[str, float]:
    if condition["classifier"] != "smoothed" or condition["norm"] == "linf":
        return {}
    log = certified_log(one, pd.Index(records["image"]))
    if log is None:
        return {}
    if condition["epsilon"] > log.largest_radius:
        return {"certified_draws": log.draws}
    certified = certified_accuracy(log.on(records["image"]), condition["epsilon"]).estimate
    return {"certified_accuracy": certified, "certified_draws": log.draws}


def certified_log(one: Measured, images: pd.Index) -> Log | None:
    """The log with most fixed draws of those that have all of these images."""
    complete = [log for log in one.logs if log.is_fixed and images.isin(log.rows["idx"]).all()]
    return max(complete, key=lambda log: log.draws, default=None)


def smoothed_attack_table(measured: list[Measured]) -> pd.DataFrame:
    """PGD on the smoothed classifier beside PGD on its network, both judged by the smoothed classifier, image by image.

    One row for each budget, steps, restarts and m, on the images attacked both ways at the same epsilon. `difference`
    is the share of errors under PGD on the smoothed classifier less that under the transferred attack; p_value is
    McNemar's, exact and two-sided. Errors are wrong answers and abstentions.
    """
    rows = []
    for one in measured:
        judged = [pair for pair in _conditions(one) if pair[0]["classifier"] == "smoothed" and pair[0]["norm"] == "l2"]
        transfers = [pair for pair in judged if pair[0]["attack"] == "pgd"]
        for condition, records in judged:
            if condition["attack"] != "smoothed-pgd":
                continue
            for transfer, others in transfers:
                if all(transfer[name] == condition[name] for name in ("epsilon", "n", "alpha")):
                    compared = _compare(records, others)
                    if compared:
                        rows.append(
                            {
                                **one.identity(),
                                **condition,
                                "epsilon_28": one.to_28(condition["epsilon"]),
                                "transfer_steps": transfer["steps"],
                                "transfer_restarts": transfer["restarts"],
                                **compared,
                                "trial": one.trial.key,
                            }
                        )
    return pd.DataFrame(rows, columns=list(SMOOTHED_COLUMNS))


def _compare(records: pd.DataFrame, others: pd.DataFrame) -> dict[str, float]:
    """Errors of both on the images in both; empty where there are none."""
    pairs = records.merge(others, on="image", suffixes=("", "_transfer"))
    if pairs.empty:
        return {}
    mine = _errors(pairs)
    theirs = (pairs["prediction_transfer"] != pairs["label_transfer"]).to_numpy()
    only, only_theirs = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    apart = only + only_theirs
    abstentions, transfer_abstentions = (
        int((pairs[name] == ABSTAIN).sum()) for name in ("prediction", "prediction_transfer")
    )
    return {
        "images": len(pairs),
        "errors": int(mine.sum()),
        "wrong": int(mine.sum()) - abstentions,
        "abstentions": abstentions,
        "transfer_errors": int(theirs.sum()),
        "transfer_wrong": int(theirs.sum()) - transfer_abstentions,
        "transfer_abstentions": transfer_abstentions,
        "only_smoothed": only,
        "only_transfer": only_theirs,
        "difference": (only - only_theirs) / len(pairs),
        "p_value": float(stats.binomtest(only, apart, 0.5).pvalue) if apart else 1.0,
    }


def minimal_perturbations_table(measured: list[Measured]) -> pd.DataFrame:
    """DeepFool on the network: how far the nearest other class is, one row for each trial.

    The median is over all images, infinite where no perturbation was found; its interval is from order statistics,
    empty for fewer than 6 images.
    """
    rows = []
    for one in measured:
        records = one.records[(one.records["attack"] == "deepfool") & (one.records["classifier"] == "network")]
        for norm, chosen in records.groupby("norm"):
            distances = chosen["distance"].to_numpy()
            found = int(np.isfinite(distances).sum())
            share, median = wilson_interval(found, len(distances)), median_interval(distances)
            rows.append(
                {
                    **one.identity(),
                    "norm": norm,
                    "images": len(distances),
                    "found": found,
                    **dict(zip(("found_share", "found_low", "found_high"), share, strict=True)),
                    **dict(zip(("median", "median_low", "median_high"), median, strict=True)),
                    **dict(zip(("median_28", "median_28_low", "median_28_high"), map(one.to_28, median), strict=True)),
                    "trial": one.trial.key,
                }
            )
    return pd.DataFrame(rows, columns=list(MINIMAL_COLUMNS))


def median_interval(values: np.ndarray) -> Interval:
    """A median between two order statistics that hold it with 95% probability or more; nan where there are too few."""
    ordered = np.sort(values)
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(values), 0.5))
    if rank == 0:
        return Interval(float(np.median(ordered)), math.nan, math.nan)
    return Interval(float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank]))
