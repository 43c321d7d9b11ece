"""Certified accuracy against the radius."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.base import InputError
from src.metrics import certified_radii, wilson_interval
from src.plotting import SERIES, WIDTH, styled

LINES = ("-", "--", ":")
"""After every colour and marker has been used once."""

MARKS = 8
"""On a curve, so that it is told apart without its colour."""


@styled
def certified_accuracy_curves(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """For each log, the share of images that are certified for their label at a radius or more.

    The bands are pointwise 95% score intervals, which are about the sample of images.

    Args:
        logs: by the name that the legend gives them, as `src.certification_log.read_log` reads them.

    Raises:
        InputError: a log has no radii or no images, or there are too many.
    """
    if not 0 < len(logs) <= len(SERIES) * len(LINES):
        raise InputError(f"curves: expected 1 to {len(SERIES) * len(LINES)} logs, got {len(logs)}.")
    for name, log in logs.items():
        if "radius_exact" not in log:
            raise InputError(f"{name} has no radii: PREDICT gives none. Plot logs of certificates.")
        if log.empty:
            raise InputError(f"{name} has no images yet. Let its run go on first.")
    figure = Figure(figsize=(WIDTH, 0.6 * WIDTH), layout="constrained")
    axes = figure.subplots()
    largest = max(certified_radii(log).max() for log in logs.values())
    end = 1.05 * largest if largest > 0 else 1.0
    for place, (name, log) in enumerate(logs.items()):
        colour, marker = SERIES[place % len(SERIES)]
        radii, accuracies = _steps(certified_radii(log), end)
        axes.fill_between(radii, accuracies[1], accuracies[2], step="pre", color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            radii, accuracies[0], drawstyle="steps-pre", color=colour, linestyle=LINES[place // len(SERIES)],
            marker=marker, markevery=max(1, len(radii) // MARKS), clip_on=False,
            label=f"{name} ({len(log)} images)",
        )  # fmt: skip
    axes.set(xlim=(0, end), ylim=(0, 1), xlabel="l2 radius (in the unit of the images)", ylabel="certified accuracy")
    axes.grid(True)
    axes.legend(title="bands: pointwise 95% intervals")
    return figure


def _steps(certified: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the curve steps, and its estimate, low and high up to there: (k,) and (3, k).

    Args:
        certified: (images,) the certified radius, or -1.
        end: beyond all of them.
    """
    ascending = np.sort(certified)
    radii = np.append(np.unique(np.append(ascending[ascending >= 0], 0.0)), end)
    reaching = len(ascending) - np.searchsorted(ascending, radii, side="left")
    return radii, np.array([wilson_interval(int(count), len(ascending)) for count in reaching]).T
