"""Figure: what resolution changes in certified accuracy, at equal noise on the pixels and on the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.reporting.plotting import WIDTH, styled
from src.statistics.intervals import certified_radii
from src.studies.resolution.corrected.comparison_tables import common
from src.studies.resolution.corrected.figure_choices import entitled, gaussian, one_of_each, same_draws, schedules
from src.studies.resolution.corrected.figure_parts import (
    ACCURACY_LIMITS,
    SIDES,
    VARIANT_STYLE,
    bars,
    draw_curve,
    handle,
    missing_figure,
    remark,
    schedule_text,
    shares,
    unique,
)
from src.studies.resolution.corrected.measurements import Log, Measured, load_measurements

TITLE = "Certified accuracy by resolution, radii on the scale of 28 × 28"

PANELS: tuple[tuple[str, Callable[[Measured], bool]], ...] = (
    ("Equal σ on the pixels: 0.25", lambda one: one.sigma == 0.25),
    ("Equal σ on the pixels: 0.5", lambda one: one.sigma == 0.5),
    ("Equal σ on the picture: σ · 28/side = 0.25", lambda one: one.to_28(one.sigma) == 0.25),
)

MARKS = 2
"""Points of a line that show its interval."""

LINES: dict[str, dict[str, Any]] = dict(
    zip(
        VARIANT_STYLE,
        (
            {"linestyle": "-", "linewidth": 1.4},
            {"linestyle": "-", "linewidth": 1.4},
            # Wide, as those of the same size, drawn later, often lie on it.
            {"linestyle": "-", "linewidth": 2.0},
            {"linestyle": (0, (4, 2.5)), "linewidth": 1.4},
            {"linestyle": (0, (5, 1.5, 1.2, 1.5)), "linewidth": 1.4},
            {"linestyle": (0, (1.2, 1.2)), "linewidth": 1.4},
        ),
        strict=True,
    )
)
"""Line of a network."""

NOTE = (
    "Bars: 95% interval, at some radii.\n"
    "Thin: trained for longer or shorter than most.\n"
    "A line falls to 0 where n draws certify no more."
)

THIN = 0.7
"""Width of the line of a network that was trained for longer or shorter than most."""


@styled
def certified_by_resolution(folder: Path) -> Figure:
    """Certified accuracy against the radius times 28/side, so that equal radii are equally large in the picture.

    In each panel all lines are of the same images and of the same number of draws. Networks trained equally long, in
    the schedule that most variants have, are drawn with markers; the others thin and without. Of several seeds or
    precisions one is drawn.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    measured = one_of_each(one for one in gaussian(load_measurements(folder)) if one.logs)
    chosen = [_comparable([one for one in measured if belongs(one)]) for _, belongs in PANELS]
    if not any(chosen):
        return missing_figure(TITLE, "certificates of networks with the Gaussian recipe and σ of 0.25 or 0.5")
    figure = Figure(figsize=(WIDTH, 5.9), layout="constrained")
    *panels, corner = figure.subplots(2, 2, sharey=True).ravel()
    handles: list[Line2D] = []
    for axes, (title, _), logs in zip(panels, PANELS, chosen, strict=True):
        handles += _panel(axes, title, logs)
    for axes in (panels[0], panels[2]):
        axes.set_ylabel("certified accuracy (share of images)")
    corner.set_axis_off()
    corner.legend(
        handles=unique(sorted(handles, key=_legend_place)),
        loc="center",
        title=NOTE,
        alignment="left",
        labelspacing=0.35,
        handlelength=3,
    )
    figure.suptitle(entitled(TITLE, (one for logs in chosen for one, _ in logs)))
    return figure


def _legend_place(one: Line2D) -> tuple[bool, int]:
    """The thick lines first, each in the study's order."""
    name = str(one.get_label()).split(",")[0]
    return one.get_linewidth() == THIN, list(VARIANT_STYLE).index(name)


def _comparable(measured: list[Measured]) -> list[tuple[Measured, Log]]:
    """Logs of equal draws, if they have an image in common."""
    found = same_draws(measured)
    return found if found and len(common(*(log for _, log in found))) else []


def _panel(axes: Axes, title: str, logs: list[tuple[Measured, Log]]) -> list[Line2D]:
    axes.grid()
    axes.set(title=title, xlabel="l2 radius · 28/side, pixels in [0, 1]", ylim=ACCURACY_LIMITS)
    if not logs:
        remark(axes, "not measured yet")
        return []
    images = common(*(log for _, log in logs))
    main = schedule_text(schedules(one for one, _ in logs)[0][0])
    handles = []
    for place, (one, log) in enumerate(logs):
        certified = certified_radii(log.on(images))
        style = dict(VARIANT_STYLE[one.trial.variant])
        marker = style.pop("marker")
        line = dict(LINES[one.trial.variant])
        label = f"{one.trial.variant}, {SIDES[one.trial.variant]}, {one.schedule} training"
        if schedule_text(one) != main:
            line |= {"linewidth": THIN}
            draw_curve(axes, certified, log.largest_radius, one.to_28, False, **style, **line, label=label)
            handles.append(handle(label, **style, **line))
            continue
        draw_curve(axes, certified, log.largest_radius, one.to_28, False, **style, **line, label=label)
        # At other radii for each line, so that bars do not hide each other.
        radii = (np.arange(MARKS) + (place % 8 + 0.5) / 8) / MARKS * log.largest_radius
        points = shares(certified, radii)
        x = [one.to_28(radius) for radius in radii]
        mark: dict[str, Any] = {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.4}
        axes.errorbar(x, points[0], bars(points), fmt=marker, elinewidth=0.8, **style, **mark)
        handles.append(handle(label, marker=marker, markersize=5, **style, **line))
    axes.set_xlim(left=0)
    axes.set_title(f"{title}\nn = {logs[0][1].draws:,}; the same {len(images):,} test images", fontsize=8)
    return handles
