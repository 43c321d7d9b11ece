"""Table: what resolution changes in the average certified radius, image by image, at equal noise."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from src.claims.claim import simultaneous_confidence
from src.statistics.intervals import Interval, certified_radii, paired_bootstrap
from src.studies.resolution.config import NORMAL
from src.studies.resolution.corrected.comparison_tables import BOOTSTRAP_SEED, common
from src.studies.resolution.corrected.measurements import IDENTITY, Log, Measured, shown

RESOLUTION_COLUMNS = (
    *IDENTITY, "comparison", "n", "images", "acr_28", "largest_acr_28", "at_largest", "normal_sigma", "normal_acr_28",
    "normal_largest_acr_28", "normal_at_largest", "difference", "difference_low", "difference_high", "rows_in_group",
    "simultaneous_low", "simultaneous_high", "normal_trial", "trial",
)  # fmt: skip

COMPARISONS: tuple[tuple[str, Callable[[Measured], float]], ...] = (
    ("equal noise on the picture", lambda one: one.to_28(one.sigma)),
    ("equal sigma", lambda one: one.sigma),
)
"""What two networks have in common besides their training."""

OF_THE_RESOLUTION = ("filters", "units", "side", "resized_by", "esrgan", "recipe")
"""Settings of a training that may differ; of the recipe that is sigma."""


def resolution_table(measured: list[Measured]) -> pd.DataFrame:
    """The average certified radius (ACR) of each network beside Normal's, 28x28, all radii times 28 / side.

    Networks with Gaussian augmentation, trained equally long from one seed in one precision, are compared in groups:
    certified by one n, at equal noise, which is equal either on the picture (sigma * 28 / side) or on the pixels
    (sigma). A row has both networks' ACR on the images that both have been certified on, the difference (this network
    less Normal) with its paired bootstrap interval, and the interval at which all of the group's rows hold together
    with 95% (Bonferroni). `largest_acr_28` is what n draws could certify at the most, all of them being hits;
    `at_largest` is the share of images that have it, whose radii more draws would tell apart.

    The intervals are about test images like these and not about seeds: another training of the same network would give
    another ACR.
    """
    rows = []
    for comparison, noise in COMPARISONS:
        groups: dict[tuple[Any, ...], list[tuple[Measured, Log]]] = defaultdict(list)
        for one in measured:
            if one.trial.recipe != "gaussian":
                continue
            alike = {name: value for name, value in one.trial.training.items() if name not in OF_THE_RESOLUTION}
            network = json.dumps(alike, sort_keys=True), one.trial.seed, one.trial.precision, noise(one)
            for log in one.logs:
                if log.is_fixed:
                    groups[*network, log.draws].append((one, log))
        for group in groups.values():
            rows += [{"comparison": comparison, **row} for row in _rows(group)]
    return pd.DataFrame(rows, columns=list(RESOLUTION_COLUMNS))


def _rows(group: list[tuple[Measured, Log]]) -> list[dict[str, Any]]:
    normal = next((pair for pair in group if pair[0].trial.variant == NORMAL.name), None)
    if normal is None:
        return []
    others = [pair for pair in group if pair[0].trial.variant != NORMAL.name and len(common(pair[1], normal[1]))]
    return [_row(*pair, *normal, len(others)) for pair in others]


def _row(one: Measured, log: Log, normal: Measured, normal_log: Log, count: int) -> dict[str, Any]:
    images = common(log, normal_log)
    radii, reference = _radii(one, log, images), _radii(normal, normal_log, images)
    if len(images) > 1:
        alone = paired_bootstrap(radii - reference, BOOTSTRAP_SEED)
        together = paired_bootstrap(radii - reference, BOOTSTRAP_SEED, simultaneous_confidence(count))
    else:
        alone = together = Interval(float((radii - reference).mean()), math.nan, math.nan)
    return {
        **one.identity(),
        "n": log.draws,
        "images": len(images),
        "acr_28": radii.mean(),
        "largest_acr_28": shown(one.to_28(log.largest_radius)),
        "at_largest": _at_largest(radii, one, log),
        "normal_sigma": normal.sigma,
        "normal_acr_28": reference.mean(),
        "normal_largest_acr_28": shown(normal.to_28(normal_log.largest_radius)),
        "normal_at_largest": _at_largest(reference, normal, normal_log),
        "difference": alone.estimate,
        "difference_low": alone.low,
        "difference_high": alone.high,
        "rows_in_group": count,
        "simultaneous_low": together.low,
        "simultaneous_high": together.high,
        "normal_trial": normal.trial.key,
        "trial": one.trial.key,
    }


def _at_largest(radii: np.ndarray, one: Measured, log: Log) -> float:
    """The share of images that have the largest radius; another version of SciPy may have rounded it otherwise."""
    return float(np.isclose(radii, one.to_28(log.largest_radius), rtol=1e-4).mean())


def _radii(one: Measured, log: Log, images: pd.Index) -> np.ndarray:
    """(images,) in the unit of 28x28; 0 where the answer is wrong or none."""
    return one.to_28(1.0) * np.maximum(certified_radii(log.on(images)), 0.0)
