"""The study's figures: what there is, and writing all of it. A notebook calls one function a figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from src.cli.progress import stage
from src.reporting.plotting import save
from src.studies.resolution.figure_accuracy import accuracy
from src.studies.resolution.figure_architecture import architecture
from src.studies.resolution.figure_images import adversarial_examples, resolutions
from src.studies.resolution.figure_sweeps import epsilon_sweep, sigma_sweep

__all__ = [
    "FIGURES",
    "accuracy",
    "adversarial_examples",
    "architecture",
    "epsilon_sweep",
    "resolutions",
    "sigma_sweep",
    "write_figures",
]

_DRAW: dict[str, Callable[[Path], Figure]] = {
    "resolutions.png": resolutions,
    "architecture.png": lambda folder: architecture(),
    "accuracy.png": accuracy,
    "sigma_sweep.png": sigma_sweep,
    "epsilon_sweep.png": epsilon_sweep,
    "adversarial_examples.png": adversarial_examples,
}

FIGURES = tuple(_DRAW)
"""File names under a profile's figures/."""


def write_figures(folder: Path) -> None:
    """Write every figure of a profile's folder to its figures/.

    Args:
        folder: results/resolution/<profile>, with its tables and examples.

    Raises:
        InputError: a table or the examples are missing or damaged.
        StorageError: the folder can't be written.
    """
    with stage("Drawing", total=len(_DRAW), unit="figures") as advance:
        for name, draw in _DRAW.items():
            save(draw(folder), folder / "figures" / name)
            advance(1)
