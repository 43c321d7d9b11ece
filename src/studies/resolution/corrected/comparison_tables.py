"""Tables that compare certificates image by image: draws as needed with a fixed number, and recipe with recipe."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from src.statistics.intervals import Interval, certified_radii, paired_bootstrap, wilson_interval
from src.studies.resolution.corrected.certificate_tables import acr
from src.studies.resolution.corrected.measurements import IDENTITY, METHOD, Log, Measured, shown

BOOTSTRAP_SEED = 2023

SEQUENTIAL_COLUMNS = (
    *IDENTITY, "grid", "cap", "n", "n0", "images", "radius", "radius_28", "sequential_certified", "sequential_accuracy",
    "sequential_low", "sequential_high", "fixed_certified", "fixed_accuracy", "fixed_low", "fixed_high",
    "decided_otherwise", "decided_otherwise_images", "sequential_draws_mean", "fixed_draws", "share_of_draws",
    "share_with_selection", "trial",
)  # fmt: skip

RECIPES_COLUMNS = (
    *IDENTITY, *METHOD, "images", "acr", "acr_low", "acr_high", "largest_radius", "common_images", "minus_gaussian",
    "minus_gaussian_low", "minus_gaussian_high", "above_gaussian", "trial",
)  # fmt: skip


def largest_fixed(logs: tuple[Log, ...]) -> Log | None:
    """The log with most draws for each image, of those with a fixed number."""
    return max((log for log in logs if log.is_fixed), key=lambda log: log.draws, default=None)


def common(*logs: Log) -> pd.Index:
    """The images that are in all logs, ascending."""
    images = pd.Index(logs[0].rows["idx"])
    for log in logs[1:]:
        images = images.intersection(pd.Index(log.rows["idx"]))
    return images.sort_values()


def sequential_table(measured: list[Measured]) -> pd.DataFrame:
    """Sequential certification beside the trial's largest fixed number of draws, on the images in both logs.

    One row for each sequential log and radius of its grid. Certified means for the label; `decided_otherwise` counts
    the images that one method certifies and the other does not, and names them. Beyond what its draws can certify at
    the most a method's numbers are empty, and what compares the two beyond the reach of either.

    The methods are not independent: they share their noise, as an image's sequential draws are the first of its fixed
    ones, and n0 equal draws choose the class. So few images decided otherwise say what fewer draws cost, and not how
    often fresh noise would decide otherwise. The draws of a sequential log decide all radii of its grid together;
    `share_of_draws` leaves the n0 draws out, `share_with_selection` counts them on both sides.
    """
    rows = []
    for one, sequential, fixed in _pairs(measured):
        images = common(sequential, fixed)
        mine, other = sequential.on(images), fixed.on(images)
        draws, n, n0 = float(mine["n"].mean()), float(other["n"].mean()), sequential.settings["n0"]
        for radius in sequential.grid:
            certified = {
                name: certified_radii(rows) >= radius
                for name, log, rows in (("sequential", sequential, mine), ("fixed", fixed, other))
                if radius <= log.largest_radius
            }
            accuracies: dict[str, float] = {}
            for name, hits in certified.items():
                interval = wilson_interval(int(hits.sum()), len(hits))
                accuracies |= {f"{name}_certified": int(hits.sum())}
                parts = zip(("accuracy", "low", "high"), interval, strict=True)
                accuracies |= {f"{name}_{part}": value for part, value in parts}
            rows.append(
                {
                    **one.identity(),
                    "grid": sequential.columns()["grid"],
                    "cap": sequential.draws,
                    "n": fixed.draws,
                    "n0": n0,
                    "images": len(images),
                    "radius": shown(radius),
                    "radius_28": shown(one.to_28(radius)),
                    **accuracies,
                    **(_otherwise(images, **certified) if len(certified) == 2 else {}),
                    "sequential_draws_mean": draws,
                    "fixed_draws": n,
                    "share_of_draws": draws / n,
                    "share_with_selection": (draws + n0) / (n + fixed.settings["n0"]),
                    "trial": one.trial.key,
                }
            )
    return pd.DataFrame(rows, columns=list(SEQUENTIAL_COLUMNS))


def _otherwise(images: pd.Index, sequential: np.ndarray, fixed: np.ndarray) -> dict[str, Any]:
    apart = images[sequential != fixed]
    return {"decided_otherwise": len(apart), "decided_otherwise_images": " ".join(map(str, apart))}


def _pairs(measured: list[Measured]) -> Iterator[tuple[Measured, Log, Log]]:
    for one in measured:
        fixed = largest_fixed(one.logs)
        for log in one.logs:
            if fixed is not None and not log.is_fixed and len(common(log, fixed)):
                yield one, log, fixed


def recipes_table(measured: list[Measured]) -> pd.DataFrame:
    """The average certified radius (ACR) of each recipe beside Gaussian training.

    Networks are compared that differ in nothing but the recipe, certified in the same way; a row's difference is that
    of the images in both logs, with a paired bootstrap interval, and "above" Gaussian training if that is above 0. No
    ACR can be above `largest_radius`, which the draws certify where all are hits. The intervals are about these two
    trained networks and images like these: that another training seed gives another network is not in them.
    """
    groups = defaultdict(list)
    for one in measured:
        alike = json.dumps({**one.trial.training, "recipe": one.sigma}, sort_keys=True)
        for log in one.logs:
            network = one.trial.variant, alike, one.trial.seed, one.trial.precision
            groups[(*network, *log.columns().values())].append((one, log))
    rows = []
    for group in groups.values():
        gaussian = next((log for one, log in group if one.trial.recipe == "gaussian"), None)
        if gaussian is None or len(group) == 1:
            continue
        for one, log in group:
            radius = acr(log.rows)
            rows.append(
                {
                    **one.identity(),
                    **log.columns(),
                    "images": len(log.rows),
                    "acr": radius.estimate,
                    "acr_low": radius.low,
                    "acr_high": radius.high,
                    "largest_radius": shown(log.largest_radius),
                    **({"above_gaussian": ""} if log is gaussian else _difference(log, gaussian)),
                    "trial": one.trial.key,
                }
            )
    return pd.DataFrame(rows, columns=list(RECIPES_COLUMNS))


def _difference(log: Log, gaussian: Log) -> dict[str, Any]:
    images = common(log, gaussian)
    radii, reference = (np.maximum(certified_radii(one.on(images)), 0.0) for one in (log, gaussian))
    if len(images) > 1:
        interval = paired_bootstrap(radii - reference, BOOTSTRAP_SEED)
    else:
        interval = Interval(math.nan, math.nan, math.nan)
    return {
        "common_images": len(images),
        "minus_gaussian": interval.estimate,
        "minus_gaussian_low": interval.low,
        "minus_gaussian_high": interval.high,
        "above_gaussian": ("yes" if interval.low > 0 else "no") if len(images) > 1 else "",
    }
