"""The figure of blurred images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from src.reporting.plotting import WIDTH, styled
from src.storage.arrays import load_arrays
from src.studies.blur.figure_parts import NAMES

REMEDY = "Delete it and run again: it is made anew."


def _place(path: Path) -> tuple[str, int, str]:
    """By data set and side."""
    dataset, method, side = path.stem.split("-")
    return dataset, int(side), method


@styled
def images(folder: Path) -> Figure:
    """A test image of each kind, sharp and under some of the blurs, pixel by pixel.

    Args:
        folder: results/blur/<profile>, with its examples.

    Raises:
        InputError: a file is damaged.
    """
    found = [(path.stem, load_arrays(path, REMEDY)) for path in sorted((folder / "examples").glob("*.npz"), key=_place)]
    columns = max((len(shown) for _, shown in found), default=1)
    figure = Figure(figsize=(WIDTH, 0.3 + 1.35 * max(1, len(found))), layout="constrained")
    panels = figure.subplots(max(1, len(found)), columns, squeeze=False)
    for row, (name, shown) in zip(panels, found, strict=False):
        for axes, (title, image) in zip(row, shown.items(), strict=False):
            # One channel is gray.
            pixels = np.clip(image[..., 0] if image.shape[-1] == 1 else image, 0, 1)
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(title)
        dataset, method, side = name.split("-")
        row[0].set_ylabel(f"{NAMES[dataset]}\n{side}x{side}" + ("" if method == "original" else f", {method}"))
    for axes in panels.ravel():
        axes.set(xticks=[], yticks=[])
    return figure
