"""What the notebooks need besides the figures: where the results are, tables and pictures."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
from IPython.display import HTML, Image
from matplotlib.figure import Figure

from src.base import InputError, LabeledImages
from src.datasets.mnist import load_mnist
from src.datasets.resolution import Resolution, at_resolution
from src.places import Places
from src.plotting import DPI, axes_at, show_pixels, styled
from src.studies.resolution.config import DOWNSCALED, PROFILES, VARIANTS
from src.studies.resolution.plan import test_order
from src.trials_table import load_trials

ROOT = Path(__file__).resolve().parents[3]

DISPLAYED = 860
"""Pixels: how wide a page shows a figure, which has more."""

PANEL = 448
"""Pixels: a whole multiple of every side, and of 112."""


def places() -> Places:
    """The repository's data, models and results, or the folders that the environment names.

    REPRODUCE_DATA, REPRODUCE_MODELS and REPRODUCE_RESULTS stand for the options --data, --models and --results of
    `python -m src.reproduce`; a relative one is taken from the repository's root.
    """
    return Places(*(ROOT / os.environ.get(f"REPRODUCE_{name.upper()}", name) for name in ("data", "models", "results")))


def results_folder() -> Path:
    """The results of one profile: `paper`, or that of the environment's REPRODUCE_PROFILE.

    Raises:
        InputError: there is no such profile, or it has no results.
    """
    name = os.environ.get("REPRODUCE_PROFILE", "paper")
    profile = next((profile for profile in PROFILES if profile.name == name), None)
    if profile is None:
        known = ", ".join(profile.name for profile in PROFILES)
        raise InputError(f"REPRODUCE_PROFILE: there is no profile {name!r}; name one of {known}.")
    folder = places().profile(profile)
    if not folder.is_dir():
        raise InputError(f"{folder} is missing. Make it: python -m src.reproduce --profile {name}.")
    return folder


def show(figure: Figure, text: str) -> Image:
    """A figure as it is saved, for a notebook; `text` says what is on it to those who can't see it."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    with PIL.Image.open(drawn) as image:
        width = min(DISPLAYED, image.width)
        # A palette makes a third of the size, and notebooks are kept with their figures.
        image.convert("RGB").quantize(256, dither=PIL.Image.Dither.NONE).save(packed, "png", optimize=True)
    return Image(packed.getvalue(), format="png", width=width, alt=text)


def as_table(table: pd.DataFrame, digits: int = 3) -> HTML:
    """A table without its index; `digits` after the point, and nothing where there is no value."""
    return HTML(table.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.{digits}f}"))


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
