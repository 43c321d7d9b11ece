"""Figure: how many draws sequential certification takes, beside a fixed number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from src.reporting.plotting import BLUE, GREY, ORANGE, VERMILION, WIDTH, styled
from src.studies.resolution.corrected.comparison_tables import largest_fixed
from src.studies.resolution.corrected.figure_parts import handle, missing_figure
from src.studies.resolution.corrected.measurements import Log, Measured, load_measurements

TITLE = "Draws for an image in sequential certification"

HALF = 0.36
"""Of a row's height, taken by its points."""

MEDIAN: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "markersize": 6, "markeredgewidth": 1.8,
                          "linestyle": "none"}  # fmt: skip
CAP: dict[str, Any] = {"marker": "v", "markerfacecolor": "none", "markersize": 6, "linestyle": "none"}


@styled
def draws(folder: Path) -> Figure:
    """Draws of each image, a row for each sequential log: its points rise from the image with fewest to that with most.

    So a point's height in its row is the share of the log's images that took so many draws or fewer. Marked are mean
    and median, the cap, and the trial's largest fixed number of draws. Draws that choose the class (n0) are not
    counted.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    found = [(one, log) for one in load_measurements(folder) for log in one.logs if not log.is_fixed]
    if not found:
        return missing_figure(TITLE, "sequential certificates")
    figure = Figure(figsize=(WIDTH, 1.3 + 0.5 * len(found)), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    for place, (one, log) in enumerate(found):
        _row(axes, place, one, log)
    axes.set_yticks(range(len(found)), [_name(one, log) for one, log in found])
    axes.set(ylim=(len(found) - 0.5, -0.7), xlabel="draws for an image (log scale); each point is one image")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x")
    figure.suptitle(TITLE)
    handles = [
        handle("mean", color=VERMILION, marker="D", linestyle="none", markersize=5),
        handle("median", color=ORANGE, **MEDIAN),
        handle("cap of the sequential draws", color=GREY, **CAP),
        handle("fixed n", color="black", marker="|", linestyle="none", markersize=12, markeredgewidth=1.5),
    ]
    note = "A point's height in its row: the share of images that took so many draws or fewer, 0 (bottom) to 1 (top)"
    figure.legend(handles=handles, loc="outside lower center", ncols=4, title=note)
    return figure


def _row(axes: Axes, place: int, one: Measured, log: Log) -> None:
    taken = np.sort(log.rows["n"].to_numpy())
    ranks = (np.arange(len(taken)) + 0.5) / len(taken)
    # The axis points down.
    axes.plot(taken, place + HALF * (1 - 2 * ranks), color=BLUE, marker=".", markersize=2, linestyle="none",
              label=f"images {place}")  # fmt: skip
    # Above its row, as a fixed number of draws is often equal to it.
    axes.plot(log.draws, place - HALF - 0.12, color=GREY, label=f"cap {place}", **CAP)
    fixed = largest_fixed(one.logs)
    if fixed is not None:
        axes.vlines(fixed.draws, place - HALF, place + HALF, color="black", linewidth=1.5)
    axes.plot(np.median(taken), place, color=ORANGE, zorder=3, label=f"median {place}", **MEDIAN)
    # Lower than the median, which it may be equal to.
    axes.plot(taken.mean(), place + HALF / 2, color=VERMILION, marker="D", markersize=5, linestyle="none", zorder=3,
              label=f"mean {place}")  # fmt: skip


def _name(one: Measured, log: Log) -> str:
    trial = one.trial
    network = f"{trial.variant}, {trial.recipe}, σ = {one.sigma:g}" + (f", seed {trial.seed}" if trial.seed else "")
    network += "" if trial.precision == "float32" else f", {trial.precision}"
    radii = ", ".join(f"{radius:g}" for radius in log.grid)
    return f"{network}\n{'radii' if len(log.grid) > 1 else 'radius'} {radii}; {len(log.rows):,} images"
