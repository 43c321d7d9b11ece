"""The figures of protocol `corrected`: what there is, and writing all of it. A notebook calls one function a figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from src.cli.progress import stage
from src.reporting.plotting import save
from src.studies.resolution.corrected.figure_certified import certified_accuracy
from src.studies.resolution.corrected.figure_draws import draws
from src.studies.resolution.corrected.figure_recipes import recipes
from src.studies.resolution.corrected.figure_resolution import certified_by_resolution
from src.studies.resolution.corrected.figure_robustness import robustness
from src.studies.resolution.corrected.figure_smoothed_attack import smoothed_attack
from src.studies.resolution.corrected.figure_trade_off import trade_off

__all__ = [
    "FIGURES",
    "certified_accuracy",
    "certified_by_resolution",
    "draws",
    "recipes",
    "robustness",
    "smoothed_attack",
    "trade_off",
    "write_figures",
]

_DRAW: dict[str, Callable[[Path], Figure]] = {
    "certified_accuracy.png": certified_accuracy,
    "certified_by_resolution.png": certified_by_resolution,
    "trade_off.png": trade_off,
    "robustness.png": robustness,
    "draws.png": draws,
    "recipes.png": recipes,
    "smoothed_attack.png": smoothed_attack,
}

FIGURES = tuple(_DRAW)
"""File names under figures/ of the protocol's folder."""


def write_figures(folder: Path) -> None:
    """Write every figure of all that was measured so far; one that nothing was measured for says so.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
        StorageError: the folder can't be written.
    """
    with stage("Drawing", total=len(_DRAW), unit="figures") as advance:
        for name, draw in _DRAW.items():
            save(draw(folder), folder / "figures" / name)
            advance(1)
