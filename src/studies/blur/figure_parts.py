"""What the study's figures share: how each network or training looks, and where the legend stands."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.reporting.plotting import BLACK, SERIES, SKY
from src.studies.blur.config import CIFAR10, MNIST

STYLES = (*SERIES, (SKY, "v"), (BLACK, "P"))
"""Six networks, trainings or layers: colour and marker."""

NAMES: dict[str, str] = {MNIST: "MNIST", CIFAR10: "CIFAR-10"}
"""Of the data sets, as people write them."""


def legend(figure: Figure, axes: Axes, title: str, columns: int = 3) -> None:
    """Say below all panels what the lines of one are, under a title that explains the rest."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=title)
