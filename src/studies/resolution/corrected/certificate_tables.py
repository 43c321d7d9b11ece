"""Tables of certificates: certified accuracy at each radius, and a line for each log, beside published numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from src.base import ABSTAIN
from src.statistics.intervals import (
    CONFIDENCE,
    Interval,
    average_certified_radius,
    certified_accuracy,
    certified_radii,
    high_probability_certified_accuracy,
    wilson_interval,
)
from src.studies.resolution.config import NORMAL
from src.studies.resolution.corrected.config import FULL
from src.studies.resolution.corrected.measurements import IDENTITY, METHOD, Log, Measured, shown

PUBLISHED = Path(__file__).with_name("published.csv")
"""Certified accuracy and ACR of each recipe on MNIST (28x28): LeNet, 10,000 test images, n = 100,000, recomputed from
the logs that their authors published."""

PUBLISHED_DRAWS, FEWEST_IMAGES = 100_000, 100
"""What a log needs for a verdict against published accuracies: so many draws, and at least so many images."""

TOLERANCE = 0.02
"""How far below a published accuracy ours may truly be, for another network and schedule."""

RHO = 0.001
"""Probability that a high-probability bound is wrong."""

ACCURACY_COLUMNS = (
    *IDENTITY, *METHOD, "images", "radius", "radius_28", "certified_accuracy", "low", "high", "high_probability",
    "published", "published_minus_ours", "floor", "at_or_above_floor", "trial",
)  # fmt: skip

LOG_COLUMNS = (
    *IDENTITY, *METHOD, "images", "acr", "acr_low", "acr_high", "acr_is_lower_bound", "acr_28", "largest_radius",
    "abstention_rate", "accuracy", "accuracy_low", "accuracy_high", "n0", "draws_mean", "draws_median", "draws_max",
    "draws_total", "published_acr", "published_minus_acr", "published_minus_acr_low", "published_minus_acr_high",
    "trial",
)  # fmt: skip


@dataclass(frozen=True)
class Published:
    """A recipe at one sigma.

    Attributes:
        acr: average certified radius.
        accuracy: certified accuracy (a share) by radius.
    """

    acr: float
    accuracy: dict[float, float]


@cache
def published() -> dict[tuple[str, float], Published]:
    """The published numbers by recipe and sigma."""
    found = {}
    for row in pd.read_csv(PUBLISHED).itertuples():
        cells = (cell.split(":") for cell in str(row.certified_percent_at_radius).split(";"))
        accuracy = {float(radius): float(percent) / 100 for radius, percent in cells}
        found[str(row.recipe), float(str(row.sigma))] = Published(float(str(row.acr)), accuracy)
    return found


def published_for(measured: Measured) -> Published | None:
    """What is published for the trial's recipe and sigma; only on images of 28x28."""
    trial = measured.trial
    return published().get((trial.recipe, measured.sigma)) if trial.variant == NORMAL.name else None


def acr(rows: pd.DataFrame) -> Interval:
    """The average certified radius; without an interval (nan) for a single image."""
    if len(rows) > 1:
        return average_certified_radius(rows)
    return Interval(float(np.maximum(certified_radii(rows), 0).mean()), math.nan, math.nan)


def certified_accuracy_table(measured: list[Measured]) -> pd.DataFrame:
    """One row for each log and radius: certified accuracy with its score interval.

    Radii are those of a sequential log's grid, and otherwise multiples of sigma / 4 and the published ones; all only as
    far as the draws can certify, as beyond it nothing was measured. `high_probability` bounds, with probability
    1 - RHO, the share of these very images that is truly certified. `floor` is the published value less TOLERANCE and
    less what sampling so many images from it may take away (half a 95% interval). A floor has only what was certified
    by the published number of draws (n or cap) on FEWEST_IMAGES or more, of a network of the full schedule.
    """
    rows = []
    for one in measured:
        for log in one.logs:
            for radius in _radii(one, log):
                accuracy = certified_accuracy(log.rows, radius)
                bound = high_probability_certified_accuracy(log.rows, radius, log.settings["alpha"], RHO)
                rows.append(
                    {
                        **one.identity(),
                        **log.columns(),
                        "images": len(log.rows),
                        "radius": shown(radius),
                        "radius_28": shown(one.to_28(radius)),
                        **dict(zip(("certified_accuracy", "low", "high"), accuracy, strict=True)),
                        "high_probability": bound,
                        **_beside_published(one, log, radius, accuracy.estimate),
                        "trial": one.trial.key,
                    }
                )
    return pd.DataFrame(rows, columns=list(ACCURACY_COLUMNS))


def _radii(one: Measured, log: Log) -> list[float]:
    if log.grid:
        radii = set(log.grid)
    else:
        step, reference = one.sigma / 4, published_for(one)
        radii = {place * step for place in range(int(log.largest_radius / step) + 1)}
        radii |= reference.accuracy.keys() if reference else set()
    return sorted(radius for radius in radii if radius <= log.largest_radius)


def _beside_published(one: Measured, log: Log, radius: float, ours: float) -> dict[str, Any]:
    reference = published_for(one)
    value = reference.accuracy.get(radius) if reference else None
    if value is None:
        return {"at_or_above_floor": ""}
    if one.schedule != FULL.name or log.draws != PUBLISHED_DRAWS or len(log.rows) < FEWEST_IMAGES:
        return {"published": value, "at_or_above_floor": ""}
    z = stats.norm.isf((1 - CONFIDENCE) / 2)
    floor = value - TOLERANCE - z * math.sqrt(value * (1 - value) / len(log.rows))
    return {
        "published": value,
        "published_minus_ours": value - ours,
        "floor": floor,
        "at_or_above_floor": "yes" if ours >= floor else "no",
    }


def certificates_table(measured: list[Measured]) -> pd.DataFrame:
    """One row for each log: average certified radius (ACR), abstentions and draws.

    Over a grid the ACR is a lower bound. No ACR can be above `largest_radius`, which the draws certify where all are
    hits. An image counts as an abstention where nothing at all is certified; so
    `accuracy`, that of the answers, is empty for a grid that does not begin at 0. Draws are those of the estimation; n0
    further ones choose the class. ACR is set beside the published one only with the published number of draws; the
    interval of the difference takes the published value, of 10,000 images, as exact.
    """
    rows = []
    for one in measured:
        reference = published_for(one)
        for log in one.logs:
            radius, drawn = acr(log.rows), log.rows["n"]
            rows.append(
                {
                    **one.identity(),
                    **log.columns(),
                    "images": len(log.rows),
                    **dict(zip(("acr", "acr_low", "acr_high"), radius, strict=True)),
                    "acr_is_lower_bound": "no" if log.is_fixed else "yes",
                    "acr_28": one.to_28(radius.estimate),
                    "largest_radius": shown(log.largest_radius),
                    "abstention_rate": (log.rows["predict"] == ABSTAIN).mean(),
                    **_answers(log),
                    "n0": log.settings["n0"],
                    "draws_mean": drawn.mean(),
                    "draws_median": drawn.median(),
                    "draws_max": drawn.max(),
                    "draws_total": drawn.sum(),
                    **_acr_beside_published(reference, log, radius),
                    "trial": one.trial.key,
                }
            )
    return pd.DataFrame(rows, columns=list(LOG_COLUMNS))


def _answers(log: Log) -> dict[str, float]:
    if log.grid and log.grid[0] > 0:
        return {}
    interval = wilson_interval(int(log.rows["correct"].sum()), len(log.rows))
    return dict(zip(("accuracy", "accuracy_low", "accuracy_high"), interval, strict=True))


def _acr_beside_published(reference: Published | None, log: Log, ours: Interval) -> dict[str, float]:
    if reference is None or not log.is_fixed or log.draws != PUBLISHED_DRAWS:
        return {}
    return {
        "published_acr": reference.acr,
        "published_minus_acr": reference.acr - ours.estimate,
        "published_minus_acr_low": reference.acr - ours.high,
        "published_minus_acr_high": reference.acr - ours.low,
    }
