"""The figures of layers under Gaussian blur: the inequality at each, and the error's way through the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from src.reporting.plotting import GREY, WIDTH, styled
from src.studies.blur.config import BLURRED, HEAVY, MNIST, PLAIN, SMALLEST
from src.studies.blur.figure_parts import NAMES, STYLES, legend


@styled
def layers(folder: Path) -> Figure:
    """Each convolution: bound and largest measured ratio, against the Gaussian blur, a panel for each network.

    Args:
        folder: results/blur/<profile>, with its layers.csv.
    """

    def panel(axes: Axes, rows: pd.DataFrame) -> None:
        for ((_, name), own), (colour, marker) in zip(rows.groupby(["stage", "layer"]), STYLES, strict=False):
            own = own.sort_values("size")
            axes.plot(own["size"], own["bound"], color=colour, linestyle="--", label=f"{name}: bound")
            axes.plot(own["size"], own["measured_max"], color=colour, marker=marker, label=f"{name}: measured")
        axes.axhline(1, color=GREY, linewidth=0.8)
        axes.set_xlabel("σ of the blur, the image's pixels")

    title = (
        "Gaussian blur. Dashed: bound. Marked: largest ratio of the test images. Thin line: a constant of 1.\n"
        "Lines begin where the blur reaches the layer's pixels, which poolings make larger."
    )
    return _panels(pd.read_csv(folder / "layers.csv"), panel, "||L(x) − L(Kx)|| / ||x||", title, log=True)


@styled
def propagation(folder: Path) -> Figure:
    """Relative error of a Gaussian blur after each stage, beside the commuting one; a panel for each network.

    Args:
        folder: results/blur/<profile>, with its propagation.csv.
    """
    drawn = {"error": "measured", "commuting": "if layers commuted with the blur"}
    note = f"\nNo commuting error where it is less than {SMALLEST:g} pixels of the layer, or the layer has none."
    return _by_stage(folder, drawn, note)


@styled
def product(folder: Path) -> Figure:
    """The same measured error beside what the product of Lipschitz constants allows; a panel for each network.

    Args:
        folder: results/blur/<profile>, with its propagation.csv.
    """
    drawn = {"error": "measured", "product": "allowed by the product of Lipschitz constants"}
    return _by_stage(folder, drawn, "", log=True)


def _by_stage(folder: Path, drawn: Mapping[str, str], note: str, log: bool = False) -> Figure:
    def panel(axes: Axes, rows: pd.DataFrame) -> None:
        rows = rows.sort_values("stage")
        for (column, label), (colour, marker) in zip(drawn.items(), STYLES, strict=False):
            axes.plot(rows["stage"], rows[column], color=colour, marker=marker, label=label)
        axes.set_xticks(rows["stage"], rows["layer"], rotation=45, ha="right")

    table = pd.read_csv(folder / "propagation.csv")
    title = f"Gaussian blur with a standard deviation of {HEAVY:g} pixels of the network's images{note}"
    return _panels(table[table["size"] == HEAVY], panel, "relative error ||a − a'|| / ||a||", title, log)


def _panels(
    table: pd.DataFrame, panel: Callable[[Axes, pd.DataFrame], None], label: str, title: str, log: bool
) -> Figure:
    """A panel for each network: those of MNIST, and of CIFAR-10 with plain training and on blurred copies."""
    table = table[table["seed"] == table.groupby(["dataset", "variant"])["seed"].transform("min")]
    table = table[(table["dataset"] == MNIST) | table["variant"].isin([PLAIN.name, BLURRED.name])]
    groups = list(table.groupby(["dataset", "variant"], sort=False))
    columns = 2 if len(groups) == 4 else 3
    lines = max(1, -(-len(groups) // columns))
    figure = Figure(figsize=(WIDTH, 0.9 + 2.2 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, ((dataset, variant), rows) in zip(panels, groups, strict=False):
        panel(axes, rows)
        if log:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(f"{variant} ({NAMES[dataset]})", loc="left")
        axes.grid(True)
    if not log:
        # Of all, as they share it, and when all is drawn.
        panels[0].set_ylim(bottom=0)
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(label)
    if groups:
        # Of the panel with most lines.
        legend(figure, max(panels, key=lambda axes: len(axes.lines)), title, min(4, columns + 1))
    return figure
