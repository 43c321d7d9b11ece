"""What the figures of protocol `corrected` share: who has which line, curves of certified accuracy, remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.reporting.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, SERIES, SKY, VERMILION, WIDTH
from src.statistics.intervals import wilson_interval
from src.studies.resolution.config import VARIANTS
from src.studies.resolution.corrected.config import SIGMAS
from src.studies.resolution.corrected.measurements import Measured

POINTS = 400
"""Radii at which a curve is drawn."""

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
"""Line styles that are told apart in print."""

VARIANT_STYLE: dict[str, dict[str, Any]] = {
    variant.name: {"color": colour, "marker": marker}
    for variant, (colour, marker) in zip(
        VARIANTS,
        ((SKY, "v"), (BLUE, "o"), (VERMILION, "s"), (ORANGE, "D"), (PURPLE, "^"), (GREEN, "P")),
        strict=True,
    )
}
"""Colour and marker of a network, the same in every figure."""

SIDES = {variant.name: f"{variant.side} × {variant.side}" for variant in VARIANTS}

ACCURACY_LIMITS = (-0.02, 1.04)


def sigma_style(sigma: float) -> dict[str, Any]:
    """Colour, marker and line style of a noise, the same in every figure; grey for one that is not of the study."""
    if sigma not in SIGMAS:
        return {"color": GREY, "marker": "x", "linestyle": "-"}
    place = SIGMAS.index(sigma)
    colour, marker = SERIES[place]
    return {"color": colour, "marker": marker, "linestyle": DASHES[place]}


def named(variant: str) -> str:
    """A network with the size of its images."""
    return f"{variant}, {SIDES[variant]}"


def schedule_text(one: Measured) -> str:
    """How long a network was trained."""
    images, epochs = one.trial.training["train_images"], one.trial.training["epochs"]
    return f"{one.schedule} training: {images:,} × {epochs} epochs"


def variants_of(measured: Iterable[Measured]) -> list[str]:
    """The networks among these, in the study's order."""
    there = {one.trial.variant for one in measured}
    return [variant.name for variant in VARIANTS if variant.name in there]


def shares(certified: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Certified accuracy with its interval.

    Args:
        certified: (images,) radii that are certified for the label, -1 where none is.
        radii: where.

    Returns:
        (3, radii): estimate, low, high.
    """
    counts = (certified >= np.asarray(radii)[:, None]).sum(axis=1)
    intervals = {count: wilson_interval(int(count), len(certified)) for count in np.unique(counts)}
    return np.array([intervals[count] for count in counts]).T


def draw_curve(
    axes: Axes, certified: np.ndarray, largest: float, to_x: Callable[[float], float], band: bool, **style: Any
) -> None:
    """Certified accuracy against radius, down to 0 at the `largest` that could be certified; to_x gives the unit."""
    radii = np.linspace(0, largest, POINTS)
    accuracy, low, high = shares(certified, radii)
    x = np.array([to_x(radius) for radius in radii])
    axes.plot([*x, x[-1]], [*accuracy, 0.0], **style | {"marker": ""})
    if band:
        axes.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)


def bars(interval: np.ndarray) -> np.ndarray:
    """(3, points) estimate, low, high as errorbar's (2, points) lengths."""
    return np.maximum(np.stack([interval[0] - interval[1], interval[2] - interval[0]]), 0)


def handle(label: str, **style: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], label=label, **style)


def panel_grid(count: int, columns: int, height: float, extra: float, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows of at most `columns`; heights in inches, `extra` for titles and legend."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, extra + height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, **shared).ravel())
    for axes in panels[count:]:
        axes.remove()
    for place, axes in enumerate(panels[:count]):
        axes.grid()
        # A panel with none below it has the axis' numbers.
        if place + columns >= count:
            axes.tick_params(labelbottom=True)
    return figure, panels[:count]


def missing_figure(title: str, needed: str) -> Figure:
    """What stands in the place of a figure that nothing has been measured for yet."""
    figure = Figure(figsize=(WIDTH, 1.4), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots()
    axes.set_axis_off()
    remark(axes, f"Not measured yet: {needed}.")
    return figure


def remark(axes: Axes, text: str) -> None:
    """A sentence in the middle of a panel."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def several(values: Iterable[int]) -> str:
    """Numbers with thousands separators: "100 or 1,000", and "30 to 500" for more than two."""
    ordered = sorted(set(values))
    if len(ordered) > 2:
        return f"{ordered[0]:,} to {ordered[-1]:,}"
    return " or ".join(f"{value:,}" for value in ordered)


def unique(handles: Sequence[Line2D]) -> list[Line2D]:
    """Each label once, in the order in which they first stand."""
    found: dict[str, Line2D] = {}
    for one in handles:
        found.setdefault(str(one.get_label()), one)
    return list(found.values())
