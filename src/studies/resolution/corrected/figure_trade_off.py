"""Figure: what robustness costs on clean images, by noise and by network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.plotting import WIDTH, plain_ticks, styled
from src.studies.resolution.corrected.attack_tables import robust_accuracy_table
from src.studies.resolution.corrected.certificate_tables import acr
from src.studies.resolution.corrected.figure_choices import entitled, gaussian, longest_trained, one_of_each, same_draws
from src.studies.resolution.corrected.figure_parts import (
    VARIANT_STYLE,
    bars,
    handle,
    missing_figure,
    remark,
    several,
    variants_of,
)
from src.studies.resolution.corrected.measurements import Measured, load_measurements

TITLE = "What certified robustness costs on clean images, networks trained on noisy images"


@styled
def trade_off(folder: Path) -> Figure:
    """Accuracy on clean images and average certified radius (ACR, on the scale of 28x28) against sigma.

    At the left the smoothed classifier full (an abstention is an error), with 95% intervals, and the network dashed and
    open, from the records; at the right the certificates, all of one number of draws. The longest trained networks of
    each variant, of one seed and precision.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    found = [one for one in gaussian(load_measurements(folder)) if one.logs or len(one.records)]
    drawn = one_of_each(longest_trained(found))
    if not drawn:
        return missing_figure(TITLE, "certificates and predictions of a network with the Gaussian recipe")
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    _accuracy(left, robust_accuracy_table(drawn))
    _radius(right, drawn)
    for axes in (left, right):
        axes.grid()
        axes.set_xlabel("noise σ, pixels in [0, 1] (log scale)")
    figure.suptitle(entitled(TITLE, drawn))
    handles = []
    for name in variants_of(drawn):
        schedule = next(one.schedule for one in drawn if one.trial.variant == name)
        handles.append(handle(f"{name} ({schedule})", **VARIANT_STYLE[name]))
    handles += [
        handle("smoothed classifier", color="black", marker="o"),
        handle("network", color="black", marker="o", linestyle="--", markerfacecolor="none"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _lines(table: pd.DataFrame, by: list[str]) -> list[tuple[list[str], pd.DataFrame, pd.Series]]:
    """(names, rows by ascending sigma, where they are drawn) of each line."""
    names = list(dict.fromkeys(table["variant"]))
    found = []
    for key, rows in table.groupby(by, sort=False):
        rows = rows.sort_values("sigma")
        # Beside each other, so that intervals do not hide each other.
        shift = 1.03 ** (names.index(rows["variant"].iloc[0]) - (len(names) - 1) / 2)
        found.append(([str(part) for part in key], rows, rows["sigma"] * shift))
    return found


def _accuracy(axes: Axes, table: pd.DataFrame) -> None:
    axes.set_ylabel("clean accuracy (share of images)")
    clean = table[table["attack"] == "none"]
    if clean.empty:
        remark(axes, "not measured yet")
        return
    for (variant, classifier), rows, x in _lines(clean, ["variant", "classifier"]):
        style = dict(VARIANT_STYLE[variant])
        if classifier == "network":
            style |= {"linestyle": "--", "markerfacecolor": "none", "markersize": 5.5, "linewidth": 0.8}
            axes.plot(x, rows["accuracy"], label=f"network {variant}", **style)
        else:
            ends = bars(rows[["accuracy", "low", "high"]].to_numpy().T)
            axes.errorbar(x, rows["accuracy"], ends, elinewidth=0.7, label=f"smoothed {variant}", **style)
    votes = several(clean.loc[clean["n"] > 0, "n"])
    axes.set_title(f"Accuracy: {several(clean['images'])} test images, n = {votes}", fontsize=8)
    _sigmas(axes, clean["sigma"])


def _radius(axes: Axes, measured: list[Measured]) -> None:
    axes.set_ylabel("ACR · 28/side (l2), pixels in [0, 1]")
    logs = same_draws(measured)
    if not logs:
        remark(axes, "not measured yet")
        return
    rows = []
    for one, log in logs:
        estimate, low, high = (one.to_28(value) for value in acr(log.rows))
        rows.append({**one.identity(), "acr": estimate, "low": low, "high": high})
    table = pd.DataFrame(rows)
    for (variant,), line, x in _lines(table, ["variant"]):
        ends = np.nan_to_num(bars(line[["acr", "low", "high"]].to_numpy().T))
        axes.errorbar(x, line["acr"], ends, elinewidth=0.7, label=f"ACR {variant}", **VARIANT_STYLE[variant])
    images = several(len(log.rows) for _, log in logs)
    axes.set_title(f"Certified radius: {images} test images, n = {logs[0][1].draws:,}", fontsize=8)
    axes.set_ylim(bottom=0)
    _sigmas(axes, table["sigma"])


def _sigmas(axes: Axes, sigmas: pd.Series) -> None:
    axes.set_xscale("log")
    plain_ticks(axes, sorted(set(sigmas)))
