"""How every figure looks: one place for colours, markers, sizes and saving.

Figures are `matplotlib.figure.Figure`s, without pyplot: nothing global is changed and no window is opened.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from src.storage.files import write_atomically

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
"""Okabe and Ito's palette, which the colour-blind can tell apart."""

GREY = "#666666"
"""Reference lines and remarks."""

SERIES = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D"))
"""Colour and marker of the first, second, ... of what a figure compares: never colour alone."""

WIDTH = 7.2
"""Inches: a page's text width, at which the font sizes below are legible."""

DPI = 200

PANEL = 448
"""Pixels: a whole multiple of every side, and of 112."""

SMALL = 7
"""Points: the smallest text of a figure."""

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that all machines draw the same
    "font.size": 8,
    "figure.titlesize": 10,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL + 0.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "savefig.dpi": DPI,
}

PAPER_MARK: dict[str, Any] = {
    "marker": "D",
    "color": BLACK,
    "markerfacecolor": "none",
    "markersize": 6.5,
    "linestyle": "none",
}
"""A number that the paper reports: an open diamond, large enough for our mark to show inside."""

Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a function that returns a Figure draw in this project's style, whatever the user's matplotlibrc says."""

    @functools.wraps(draw)
    def inside(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return inside


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically; the same figure gives the same bytes.

    Raises:
        StorageError: the file can't be written.
    """
    with matplotlib.style.context(["default", STYLE]):
        # matplotlib's version would otherwise be in the file.
        metadata = {"Software": None}
        write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=DPI, metadata=metadata))


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in pixels of the saved file, from its top left corner.

    An image in axes of a whole multiple of its size is shown pixel by pixel, all equally large.
    """
    full_width, full_height = (inches * DPI for inches in figure.get_size_inches())
    bottom = full_height - top - height
    return figure.add_axes((left / full_width, bottom / full_height, width / full_width, height / full_height))


def show_pixels(axes: Axes, image: np.ndarray, maximum: float) -> None:
    """Show a gray image as it is: 0 black, `maximum` white, every pixel a square, a thin frame, no ticks.

    Args:
        axes: where.
        image: (height, width).
        maximum: of the pixel scale, 1 or 255.
    """
    axes.imshow(image, cmap="gray", vmin=0, vmax=maximum, interpolation="nearest", aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)


@styled
def pictures(rows: Sequence[Mapping[str, np.ndarray]]) -> Figure:
    """Gray images in rows, all equally large, pixel by pixel, each with its title.

    Args:
        rows: title -> (side, side) in [0, 1]; what lies outside is shown as black or white.
    """
    gap, above = 24, 130
    width = max(len(row) for row in rows) * (PANEL + gap) + gap
    figure = Figure(figsize=(width / DPI, (len(rows) * (above + PANEL) + gap) / DPI))
    for place, row in enumerate(rows):
        for column, (title, image) in enumerate(row.items()):
            top = place * (above + PANEL) + above
            axes = axes_at(figure, gap + column * (PANEL + gap), top, PANEL, PANEL)
            show_pixels(axes, np.asarray(image), 1)
            axes.set_title(title, fontsize=8)
    return figure


def plain_ticks(axes: Axes, ticks: Sequence[float], unit: float = 1) -> None:
    """Ticks of an x axis at these places only, written as 0.01 and not as a power of ten.

    Args:
        axes: whose x axis, its scale set.
        ticks: in the unit that is written.
        unit: how many of these make 1 on the axis.
    """
    axes.xaxis.set_major_locator(FixedLocator([tick / unit for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * unit:.3g}"))
