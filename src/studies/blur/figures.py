"""The study's figures, each from one table: what there is, and writing all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from src.reporting.plotting import save
from src.studies.blur.figure_accuracy import accuracy, kinds, smoothing, training
from src.studies.blur.figure_images import images
from src.studies.blur.figure_layers import layers, product, propagation

__all__ = [
    "FIGURES", "accuracy", "images", "kinds", "layers", "product", "propagation", "smoothing", "training",
    "write_figures",
]  # fmt: skip

FIGURES: dict[str, Callable[[Path], Figure]] = {
    "images.png": images,
    "accuracy.png": accuracy,
    "kinds.png": kinds,
    "training.png": training,
    "layers.png": layers,
    "propagation.png": propagation,
    "product.png": product,
    "smoothing.png": smoothing,
}


def write_figures(folder: Path) -> None:
    """Draw all figures into the folder's `figures/`.

    Raises:
        StorageError: the folder can't be written.
    """
    for name, draw in FIGURES.items():
        save(draw(folder), folder / "figures" / name)
