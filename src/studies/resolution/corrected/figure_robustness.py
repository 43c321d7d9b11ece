"""Figure: accuracy of network and smoothed classifier as attacks grow, with what is certified below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.reporting.plotting import WIDTH, styled
from src.statistics.intervals import certified_radii
from src.studies.resolution.config import FULL_SCALE
from src.studies.resolution.corrected.attack_tables import certified_log, robust_accuracy_table
from src.studies.resolution.corrected.conditions import FGSM
from src.studies.resolution.corrected.figure_choices import entitled, gaussian, longest_trained, one_of_each
from src.studies.resolution.corrected.figure_parts import (
    ACCURACY_LIMITS,
    draw_curve,
    handle,
    missing_figure,
    named,
    remark,
    several,
    sigma_style,
    variants_of,
)
from src.studies.resolution.corrected.measurements import Measured, load_measurements

TITLE = "Accuracy under attack, networks trained on noisy images"

ROWS = 2
"""Networks at the most: those that were attacked most thoroughly."""

COLUMNS = (
    (FGSM, "FGSM (l∞) on the network", "ε, pixels in 0–255"),
    ("pgd", "PGD (l2) on the network", "l2 ε, pixels in [0, 1]"),
    ("smoothed-pgd", "PGD (l2) on the smoothed classifier", "l2 ε, pixels in [0, 1]"),
)


NOT_WRONG: dict[str, Any] = {"linestyle": "-.", "linewidth": 0.8, "marker": "x", "markersize": 4}


@styled
def robustness(folder: Path) -> Figure:
    """Accuracy against an attack's budget: FGSM, PGD on the network, PGD on the smoothed classifier.

    A line for each sigma (of one seed and precision): the smoothed classifier full, with its 95% interval, the network
    dashed and open. In these abstentions are errors. The dotted line is the certified accuracy of the same images. A
    certificate rules out wrong answers and not abstentions, so what no l2 attack gets below it is the thin line with
    crosses: the share of images that are not answered wrongly. An attack's steps and draws are those at which most
    budgets were tried.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    attacked = [one for one in gaussian(load_measurements(folder)) if len(one.records)]
    drawn = _most_thorough(one_of_each(longest_trained(attacked)))
    if not drawn:
        return missing_figure(TITLE, "attacks on a network with the Gaussian recipe")
    names = variants_of(drawn)
    table = robust_accuracy_table(drawn)
    figure = Figure(figsize=(WIDTH, 1.35 + 2.15 * len(names)), layout="constrained")
    grid = figure.subplots(len(names), len(COLUMNS), sharey=True, sharex="col", squeeze=False)
    for place, name in enumerate(names):
        rows = table[table["variant"] == name]
        for axes, (attack, title, label) in zip(grid[place], COLUMNS, strict=True):
            _panel(axes, rows, attack)
            if attack == "smoothed-pgd":
                _certified(axes, [one for one in drawn if one.trial.variant == name])
            axes.set_title(title if place == 0 else "", fontsize=8)
            axes.set_xlabel(label if place == len(names) - 1 else "")
        schedule = next(one.schedule for one in drawn if one.trial.variant == name)
        counts = several(rows["images"])
        grid[place][0].set_ylabel(f"{named(name)} ({schedule})\naccuracy (share of {counts} images)")
    figure.suptitle(entitled(TITLE, drawn))
    handles = [handle(f"σ = {sigma:g}", **_line(sigma)) for sigma in sorted(set(table["sigma"]))]
    handles += [
        handle("network", color="black", linestyle="--", marker="o", markersize=5, markerfacecolor="none"),
        handle("smoothed classifier (shaded: 95%)", color="black", marker="o", markersize=3),
        handle("smoothed, right or abstained", color="black", **NOT_WRONG),
        handle("certified (may abstain)", color="black", linestyle=":"),
    ]
    votes = f"Smoothed classifier: n = {several(table.loc[table['n'] > 0, 'n'])} votes"
    certified = ", ".join(f"{draws} ({name})" for name in names if (draws := _certified_draws(drawn, name)))
    note = f"{votes}; certified by n = {certified}" if certified else votes
    figure.legend(handles=handles, loc="outside lower center", ncols=3, title=note)
    return figure


def _most_thorough(measured: list[Measured]) -> list[Measured]:
    kinds: dict[str, int] = {}
    for one in measured:
        count = one.records["attack"].nunique()
        kinds[one.trial.variant] = max(kinds.get(one.trial.variant, 0), count)
    chosen = sorted(kinds, key=lambda name: -kinds[name])[:ROWS]
    return [one for one in measured if one.trial.variant in chosen]


def _panel(axes: Axes, rows: pd.DataFrame, attack: str) -> None:
    axes.grid()
    axes.set_ylim(*ACCURACY_LIMITS)
    norm = "linf" if attack == FGSM else "l2"
    chosen = rows[(rows["attack"] == attack) & (rows["norm"] == norm)]
    if chosen.empty:
        remark(axes, "not measured yet")
        return
    budgets = list(chosen.groupby(["steps", "restarts", "m"], sort=True))
    chosen = max(budgets, key=lambda pair: pair[1]["epsilon"].nunique())[1]
    clean = rows[rows["attack"] == "none"]
    unit = FULL_SCALE if norm == "linf" else 1
    for (_, classifier), points in chosen.groupby(["trial", "classifier"], sort=False):
        sigma = float(points["sigma"].iloc[0])
        start = clean[(clean["trial"] == points["trial"].iloc[0]) & (clean["classifier"] == classifier)]
        points = pd.concat([start, points]).sort_values("epsilon")
        x = points["epsilon"] * unit
        if classifier == "network":
            style = _line(sigma) | {"linestyle": "--", "markersize": 5, "markerfacecolor": "none", "linewidth": 0.8}
            axes.plot(x, points["accuracy"], label=f"network {sigma:g}", **style)
            continue
        axes.plot(x, points["accuracy"], label=f"smoothed {sigma:g}", **_line(sigma))
        axes.fill_between(x, points["low"], points["high"], color=_line(sigma)["color"], alpha=0.13, linewidth=0)
        if attack == "smoothed-pgd":
            style = _line(sigma) | NOT_WRONG | {"label": f"right or abstained {sigma:g}"}
            axes.plot(x, 1 - points["wrong_answers"], **style)


def _certified(axes: Axes, drawn: list[Measured]) -> None:
    """What "right or abstained" can't get below: curves of the images that were attacked."""
    for one in drawn:
        images = _attacked(one)
        log = certified_log(one, images)
        if log is not None and len(images):
            style = _line(one.sigma) | {"linestyle": ":", "label": f"certified {one.sigma:g}"}
            draw_curve(axes, certified_radii(log.on(images)), log.largest_radius, float, False, **style)


def _attacked(one: Measured) -> pd.Index:
    return pd.Index(one.records.loc[one.records["attack"] == "smoothed-pgd", "image"].unique())


def _certified_draws(drawn: list[Measured], variant: str) -> str:
    logs = [certified_log(one, _attacked(one)) for one in drawn
            if one.trial.variant == variant and len(_attacked(one))]  # fmt: skip
    return several(log.draws for log in logs if log is not None)


def _line(sigma: float) -> dict[str, Any]:
    """Line styles are taken here: they tell classifiers apart."""
    return sigma_style(sigma) | {"linestyle": "-", "markersize": 3}
