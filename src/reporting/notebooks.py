"""What all notebooks need besides the figures: where the results are, and how figures and tables are shown."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import PIL.Image
from IPython.display import HTML, Image
from matplotlib.figure import Figure

from src.base import InputError, LabeledImages
from src.datasets.mnist import load_mnist
from src.datasets.resolution import Resolution, at_resolution
from src.datasets.splits import evaluation_order
from src.experiments.folders import Places, Profile
from src.reporting.plotting import DPI

ROOT = Path(__file__).resolve().parents[2]

AProfile = TypeVar("AProfile", bound=Profile)
"""That of one study."""

DISPLAYED = 860
"""Pixels: how wide a page shows a figure, which has more."""


def places() -> Places:
    """The repository's data, models and results, or the folders that the environment names.

    REPRODUCE_DATA, REPRODUCE_MODELS and REPRODUCE_RESULTS stand for the options --data, --models and --results of
    `python -m src.reproduce`; a relative one is taken from the repository's root.
    """
    return Places(*(ROOT / os.environ.get(f"REPRODUCE_{name.upper()}", name) for name in ("data", "models", "results")))


def profile_of(profiles: Sequence[AProfile]) -> AProfile:
    """One profile of a study: `paper`, or that of the environment's REPRODUCE_PROFILE.

    Args:
        profiles: all of the study.

    Raises:
        InputError: there is no such profile.
    """
    name = os.environ.get("REPRODUCE_PROFILE", "paper")
    profile = next((profile for profile in profiles if profile.name == name), None)
    if profile is None:
        known = ", ".join(profile.name for profile in profiles)
        raise InputError(f"REPRODUCE_PROFILE: there is no profile {name!r}; name one of {known}.")
    return profile


def results_of(profiles: Sequence[Profile]) -> Path:
    """The results of that profile.

    Args:
        profiles: all of the study.

    Raises:
        InputError: there is no such profile, or it has no results.
    """
    profile = profile_of(profiles)
    folder = places().profile(profile)
    if not folder.is_dir():
        command = f"python -m src.reproduce --study {profile.study} --profile {profile.name}"
        raise InputError(f"{folder} is missing. Make it: {command}.")
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


def digit_image(digit: int, resolution: Resolution | None = None, which: int = 0) -> LabeledImages:
    """One test image of a digit at a resolution, taken in the order in which the studies take them.

    Args:
        digit: 0 to 9.
        resolution: what to make of it; 14x14 by PIL's bilinear filter by default.
        which: how many of this digit to pass over.

    Raises:
        InputError: there is no such image, or as `at_resolution`.
    """
    test = load_mnist(places().mnist).test
    test = test.take(evaluation_order(len(test)))
    if digit not in range(10):
        raise InputError(f"digit: expected 0 to 9, got {digit!r}.")
    of_digit = np.flatnonzero(test.labels == digit)
    if which not in range(len(of_digit)):
        last = len(of_digit) - 1
        raise InputError(f"which: expected 0 to {last} of the test set's images of {digit}, got {which!r}.")
    image = test.take(of_digit[which : which + 1])
    return at_resolution(image, "test", resolution or Resolution(14, "bilinear"), places().cache)
