"""Figure: what robustness costs on clean images, by network and by noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.reporting.plotting import GREY, WIDTH, styled
from src.studies.resolution.corrected.attack_tables import robust_accuracy_table
from src.studies.resolution.corrected.certificate_tables import acr
from src.studies.resolution.corrected.comparison_tables import common
from src.studies.resolution.corrected.figure_choices import entitled, gaussian, one_of_each, same_draws, schedules
from src.studies.resolution.corrected.figure_parts import (
    VARIANT_STYLE,
    bars,
    handle,
    missing_figure,
    remark,
    schedule_text,
    several,
)
from src.studies.resolution.corrected.measurements import Measured, load_measurements

TITLE = "What certified robustness costs on clean images, networks trained on noisy images"

OPEN: dict[str, Any] = {"markersize": 6.5, "markerfacecolor": "none", "linestyle": "none"}

LARGEST: dict[str, Any] = {"color": GREY, "marker": "|", "markersize": 8, "linestyle": "none"}


@styled
def trade_off(folder: Path) -> Figure:
    """Accuracy on clean images and average certified radius (ACR, on the scale of 28x28) of each network and sigma.

    The upper panels are of the networks that were trained equally long, by the schedule that most variants have; the
    lower ones, where there are any, of those that were trained longest. At the left the smoothed classifier (an
    abstention is an error) with 95% intervals and, open, the network, from the records; at the right the certificates,
    on the images that all of a panel's logs have and of one number of draws, with the largest ACR that these can give.
    Networks are of one seed and precision.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    drawn = one_of_each(one for one in gaussian(load_measurements(folder)) if one.logs or len(one.records))
    if not drawn:
        return missing_figure(TITLE, "certificates and predictions of a network with the Gaussian recipe")
    most, *others = schedules(drawn)
    longest = max(others, key=lambda group: group[0].effort, default=most)
    blocks = [most, longest] if longest[0].effort > most[0].effort else [most]
    heights = [len(block) + 1.0 for block in blocks]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.45 * len(blocks) + 0.165 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(blocks), 2, sharex="col", sharey="row", squeeze=False, height_ratios=heights)
    for (left, right), block in zip(panels, blocks, strict=True):
        _accuracy(left, block)
        _radius(right, block)
        left.set_ylabel(schedule_text(block[0]).replace(": ", ":\n"))
        left.set_yticks(range(len(block)), [f"{one.trial.variant}, σ = {one.sigma:g}" for one in block])
        left.set_ylim(len(block) - 0.4, -0.6)
        for axes in (left, right):
            axes.grid()
    panels[-1][0].set_xlabel("clean accuracy (share of images)")
    panels[-1][1].set_xlabel("ACR · 28/side (l2), pixels in [0, 1]")
    panels[0][1].set_xlim(left=0)
    figure.suptitle(entitled(TITLE, (one for block in blocks for one in block)))
    handles = [
        handle("smoothed classifier (bars: 95%)", color="black", marker="o"),
        handle("network", color="black", marker="o", **OPEN),
        handle("largest ACR that n draws can give", **LARGEST),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _accuracy(axes: Axes, block: list[Measured]) -> None:
    table = robust_accuracy_table(block)
    clean = table[table["attack"] == "none"]
    if clean.empty:
        remark(axes, "not measured yet")
        return
    for place, one in enumerate(block):
        style, name = VARIANT_STYLE[one.trial.variant], f"{one.trial.variant} {one.sigma:g}"
        rows = clean[clean["trial"] == one.trial.key]
        if rows.empty:
            _say(axes, place, "not attacked: no predictions")
        for row in rows.to_dict("records"):
            if row["classifier"] == "network":
                axes.plot(row["accuracy"], place, label=f"network {name}", **style | OPEN)
            else:
                _point(axes, place, [row["accuracy"], row["low"], row["high"]], f"smoothed {name}", style)
    votes = several(clean.loc[clean["n"] > 0, "n"])
    axes.set_title(f"Accuracy: {several(clean['images'])} test images, n = {votes}", fontsize=8)


def _radius(axes: Axes, block: list[Measured]) -> None:
    logs = {one.trial.key: log for one, log in same_draws(block)}
    images = common(*logs.values()) if logs else []
    if not len(images):
        remark(axes, "not measured yet")
        return
    for place, one in enumerate(block):
        log = logs.get(one.trial.key)
        if log is None:
            _say(axes, place, "not certified by this n")
            continue
        interval = [one.to_28(value) for value in acr(log.on(images))]
        name = f"ACR {one.trial.variant} {one.sigma:g}"
        _point(axes, place, interval, name, VARIANT_STYLE[one.trial.variant])
        axes.plot(one.to_28(log.largest_radius), place, label=f"largest {name}", **LARGEST)
    draws = next(iter(logs.values())).draws
    axes.set_title(f"ACR: the same {len(images):,} test images, n = {draws:,}", fontsize=8)


def _point(axes: Axes, place: int, interval: list[float], label: str, style: dict[str, Any]) -> None:
    # One image has no interval.
    ends = np.nan_to_num(bars(np.array(interval)[:, None]))
    axes.errorbar([interval[0]], [place], xerr=ends, elinewidth=0.9, label=label, **style)


def _say(axes: Axes, place: int, text: str) -> None:
    # Over the grid.
    over = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(0.5, place, text, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=7, color=GREY,
              bbox=over)  # fmt: skip
