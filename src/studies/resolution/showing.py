"""What the notebooks of the study need besides the figures: its results, histories and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.base import InputError, LabeledImages
from src.datasets.mnist import load_mnist
from src.datasets.resolution import Resolution, at_resolution
from src.plotting import DPI, axes_at, show_pixels, styled
from src.showing import as_table, places, results_of, show
from src.studies.resolution.config import DOWNSCALED, PROFILES, VARIANTS
from src.studies.resolution.plan import test_order
from src.trials_table import load_trials

__all__ = ["as_table", "digit_image", "histories", "pictures", "places", "results_folder", "show"]

PANEL = 448
"""Pixels: a whole multiple of every side, and of 112."""


def results_folder() -> Path:
    """The results of one profile: `paper`, or that of the environment's REPRODUCE_PROFILE.

    Raises:
        InputError: there is no such profile, or it has no results.
    """
    return results_of(PROFILES)


def histories(folder: Path) -> pd.DataFrame:
    """What each network's training recorded: a row for each trial and epoch.

    Args:
        folder: with trials.csv; a network whose history is not there is left out.

    Returns:
        Columns trial, protocol, variant, recipe, sigma (NaN without one), seed, epoch, loss, accuracy, seconds.

    Raises:
        InputError: the table of trials is damaged.
    """
    order = [variant.name for variant in VARIANTS]
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]
    found = []
    for trial in sorted(trials, key=lambda trial: (trial.protocol, order.index(trial.variant))):
        path = places().trial(trial).history
        if path.exists():
            history = pd.read_csv(path)
            sigma = trial.training.get("recipe", {}).get("sigma")
            whose = {"trial": trial.key, "protocol": trial.protocol, "variant": trial.variant, "recipe": trial.recipe}
            found.append(history.assign(**whose, sigma=sigma, seed=trial.seed))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def digit_image(digit: int, resolution: Resolution | None = None, which: int = 0) -> LabeledImages:
    """One test image of a digit at a resolution, taken in the order in which the study takes them.

    Args:
        digit: 0 to 9.
        resolution: what to make of it; that of the Downscaled network by default.
        which: how many of this digit to pass over.

    Raises:
        InputError: there is no such image, or as `at_resolution`.
    """
    test = load_mnist(places().mnist).test.take(test_order())
    of_digit = np.flatnonzero(test.labels == digit)
    if not 0 <= which < len(of_digit):
        raise InputError(f"digit and which: the test set has {len(of_digit)} images of {digit!r}, none is {which!r}.")
    image = test.take(of_digit[which : which + 1])
    return at_resolution(image, "test", resolution or DOWNSCALED.resolution("bilinear"), places().cache)


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
