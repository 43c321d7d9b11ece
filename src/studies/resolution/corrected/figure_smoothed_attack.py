"""Figure: what PGD on the smoothed classifier finds as its draws, steps and restarts grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from src.reporting.plotting import SERIES, WIDTH, plain_ticks, styled
from src.statistics.intervals import wilson_interval
from src.studies.resolution.corrected.attack_tables import smoothed_attack_table
from src.studies.resolution.corrected.figure_parts import (
    ACCURACY_LIMITS,
    bars,
    handle,
    missing_figure,
    remark,
)
from src.studies.resolution.corrected.measurements import load_measurements

TITLE = "PGD on the smoothed classifier against PGD on its network"

BUDGET = ["m", "steps", "restarts"]

LABELS = {"m": "noise draws m", "steps": "steps", "restarts": "restarts"}

LINES = 4
"""Networks at the most, as there are styles."""


@styled
def smoothed_attack(folder: Path) -> Figure:
    """Errors of the smoothed classifier against the attack's draws, steps and restarts, one varied at a time.

    At the largest budget at which a network's attack was varied; a line for each network, with 95% intervals. The
    horizontal line is PGD on the network, transferred, at the same epsilon on the same images.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    table = smoothed_attack_table(load_measurements(folder))
    swept = [rows for _, trial in table.groupby("trial", sort=False) if len(rows := _swept(trial)) > 1]
    if not swept:
        return missing_figure(TITLE, "PGD on a smoothed classifier with several draws, steps or restarts")
    figure = Figure(figsize=(WIDTH, 3.2 + 0.16 * len(swept[:LINES])), layout="constrained")
    panels = figure.subplots(1, len(BUDGET), sharey=True)
    for axes, name in zip(panels, BUDGET, strict=True):
        _panel(axes, name, swept[:LINES])
    panels[0].set_ylabel("errors, abstentions included (share of images)")
    panels[0].set_ylim(*ACCURACY_LIMITS)
    figure.suptitle(TITLE)
    handles = []
    for place, rows in enumerate(swept[:LINES]):
        colour, marker = SERIES[place]
        first = rows.iloc[0]
        precision = "" if first["precision"] == "float32" else f"{first['precision']}, "
        handles.append(
            handle(
                f"{first['variant']}, {first['recipe']}, σ = {first['sigma']:g}, seed {first['seed']}, {precision}"
                f"l2 ε = {first['epsilon']:g}, n = {first['n']} votes, {first['images']} images",
                color=colour, marker=marker,
            )
        )  # fmt: skip
    transfer = "PGD on its network, transferred (same ε and images; in its colour)"
    handles.append(handle(transfer, color="black", linestyle="--"))
    more = f"; {len(swept) - LINES} more networks are in smoothed_attack.csv" if len(swept) > LINES else ""
    figure.legend(handles=handles, loc="outside lower center", title=f"Bars: 95% interval{more}")
    return figure


def _swept(trial: pd.DataFrame) -> pd.DataFrame:
    """A trial's rows at the epsilon at which most budgets were tried; of equal ones, the largest."""
    tried = trial.groupby("epsilon")[BUDGET].apply(lambda rows: len(rows.drop_duplicates()))
    epsilon = max(tried.index, key=lambda value: (tried[value], value))
    # One transferred attack: that of most steps and restarts.
    rows = trial[trial["epsilon"] == epsilon].sort_values(["transfer_restarts", "transfer_steps"])
    return rows.drop_duplicates(BUDGET, keep="last")


def _panel(axes: Axes, name: str, swept: list[pd.DataFrame]) -> None:
    axes.grid()
    axes.set_xlabel(f"{LABELS[name]} (log scale)")
    axes.set_xscale("log", base=2)
    values: set[int] = set()
    held = ""
    for place, rows in enumerate(swept):
        # The others as in most rows: the middle of the sweep.
        others = {other: int(rows[other].mode().iloc[0]) for other in BUDGET if other != name}
        points = rows[np.logical_and.reduce([rows[other] == value for other, value in others.items()])]
        points = points.sort_values(name)
        intervals = np.array(
            [wilson_interval(int(e), int(n)) for e, n in zip(points["errors"], points["images"], strict=True)]
        ).T
        colour, marker = SERIES[place]
        shifted = points[name] * 1.04 ** (place - (len(swept) - 1) / 2)
        style: dict[str, Any] = {"color": colour, "marker": marker, "elinewidth": 0.8}
        axes.errorbar(shifted, intervals[0], bars(intervals), label=f"{name} {place}", **style)
        transfer = float((points["transfer_errors"] / points["images"]).iloc[0])
        axes.axhline(transfer, color=colour, linestyle="--", linewidth=0.9, label=f"transfer {place}")
        values |= set(points[name])
        held = ", ".join(f"{other} = {value}" for other, value in others.items())
    if not values:
        remark(axes, "not measured yet")
        return
    plain_ticks(axes, sorted(values))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(held, fontsize=8)
