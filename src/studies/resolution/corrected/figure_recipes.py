"""Figure: average certified radius by training recipe, beside Gaussian training and the published numbers."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.reporting.plotting import BLUE, GREY, PAPER_MARK, styled
from src.studies.resolution.config import NORMAL
from src.studies.resolution.corrected.certificate_tables import published
from src.studies.resolution.corrected.comparison_tables import recipes_table
from src.studies.resolution.corrected.figure_parts import handle, missing_figure, named, panel_grid, several
from src.studies.resolution.corrected.measurements import METHOD, RECIPES, load_measurements

TITLE = "Average certified radius (ACR) by training recipe"

GROUP = ["variant", "sigma", "schedule", "train_images", "epochs", "precision", *METHOD]

REACH: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1.0}

SEED_STEP = 0.16
"""Between the rows of one recipe's seeds."""


@styled
def recipes(folder: Path) -> Figure:
    """ACR of each recipe with its 95% interval, a panel for each variant, sigma, schedule, precision and certification.

    Seeds are points below each other. At the right stands the difference to Gaussian training on the same images with
    its paired interval (of the first seed), which is about these two networks and not about other seeds. Published
    values are of 100,000 draws on 10,000 images, so only their order can be compared: the dashed line beside them is
    the largest ACR that our draws can give, and a value above it can't be reached.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    table = recipes_table(load_measurements(folder))
    if table.empty:
        return missing_figure(TITLE, "certificates of the Gaussian and of another recipe in one schedule")
    groups = list(table.groupby(GROUP, sort=False))
    most = max(rows["recipe"].nunique() for _, rows in groups)
    figure, panels = panel_grid(len(groups), 2, 1.0 + 0.2 * most, 1.25)
    for axes, (key, rows) in zip(panels, groups, strict=True):
        _panel(axes, key, rows)
    figure.suptitle(TITLE)
    seeds = "; seeds below each other" if table["seed"].nunique() > 1 else ""
    handles = [handle(f"ours, with its 95% interval{seeds}", color=BLUE, marker="o", linestyle="-")]
    if ((table["variant"] == NORMAL.name) & table["sigma"].isin([sigma for _, sigma in published()])).any():
        handles.append(handle("published, n = 100,000, 10,000 images: not comparable exactly", **PAPER_MARK))
        reach = "largest ACR that our draws can give: what is published above it can't be reached"
        handles.append(handle(reach, **REACH))
    note = "At the right: difference to gaussian on the same images, with its paired 95% interval"
    figure.legend(handles=handles, loc="outside lower center", title=note)
    return figure


def _panel(axes: Axes, key: Hashable, rows: pd.DataFrame) -> None:
    group = dict(zip(GROUP, key, strict=True)) if isinstance(key, tuple) else {}
    there = [recipe for recipe in RECIPES if recipe in set(rows["recipe"])]
    seeds = sorted(set(rows["seed"]))
    for row in rows.to_dict("records"):
        y = there.index(row["recipe"]) + SEED_STEP * (seeds.index(row["seed"]) - (len(seeds) - 1) / 2)
        ends = [[row["acr"] - row["acr_low"]], [row["acr_high"] - row["acr"]]]
        axes.errorbar([row["acr"]], [y], xerr=ends, color=BLUE, fmt="o", label=f"{row['recipe']} {row['seed']}")
        if row["seed"] == seeds[0] and pd.notna(row["minus_gaussian"]):
            text = "{minus_gaussian:+.3f} [{minus_gaussian_low:+.3f}, {minus_gaussian_high:+.3f}]".format(**row)
            # Beside the panel, so that it hides nothing.
            axes.text(1.02, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=GREY)
    if group["variant"] == NORMAL.name:
        known = {place: published().get((recipe, group["sigma"])) for place, recipe in enumerate(there)}
        marks = [(value.acr, place) for place, value in known.items() if value is not None]
        if marks:
            axes.axvline(rows["largest_radius"].iloc[0], label="largest", **REACH)
            axes.plot(*zip(*marks, strict=True), label="published", **PAPER_MARK)
    axes.set_yticks(range(len(there)), there)
    axes.set_ylim(len(there) - 0.5, -0.5)
    draws = f"n = {group['draws']:,}" if group["method"] == "fixed" else f"at most {group['draws']:,} draws"
    images = several(rows["images"])
    precision = "" if group["precision"] == "float32" else f", {group['precision']}"
    network = f"{named(group['variant'])}, σ = {group['sigma']:g}{precision}"
    schedule, largest = group["schedule"], f"{rows['largest_radius'].iloc[0]:.3f}"
    title = f"{network}\n{schedule} training; {images} images\n{draws}: ACR can be {largest} at the most"
    axes.set_title(title, fontsize=7.5)
    bound = "" if group["method"] == "fixed" else ", lower bound"
    axes.set_xlabel(f"ACR (l2{bound}), pixels in [0, 1]")
    axes.margins(x=0.12)
