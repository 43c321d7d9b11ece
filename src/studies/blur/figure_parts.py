"""What the study's figures share: how each network or training looks, and where the legend stands."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.plotting import SERIES, SKY, YELLOW

STYLES = (*SERIES, (SKY, "v"), (YELLOW, "P"))
"""Six networks, trainings or layers: colour and marker."""


def legend(figure: Figure, axes: Axes, title: str, columns: int = 3) -> None:
    """Say below all panels what the lines of one are, under a title that explains the rest."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=title)
