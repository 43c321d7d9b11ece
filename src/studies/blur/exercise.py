"""The notebook's exercise: a digit of the reader's choice, blurred, on a network of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from src.base import InputError
from src.datasets.resolution import Resolution
from src.experiments.trial_table import load_trials
from src.perturbations.blur import GaussianBlur
from src.reporting.notebooks import digit_image, places, profile_of
from src.reporting.plotting import pictures
from src.studies.blur.config import BOUNDARY, PROFILES
from src.training.trial import Trial


@dataclass(frozen=True)
class Attempt:
    """A digit sharp and blurred, and what a network says of both; prints as that.

    Attributes:
        images: title -> (side, side) in [0, 1].
        lines: the answers, and a line for each convolution.
    """

    images: Mapping[str, np.ndarray]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def figure(self) -> Figure:
        """The images."""
        return pictures([self.images])


def small_network() -> Trial:
    """The 14x14 network that the profile's results are about; the weights of `paper`'s are part of the repository.

    Raises:
        InputError: there is none here.
    """
    profile = profile_of(PROFILES)
    table = places().profile(profile) / "trials.csv"
    for trial, _ in load_trials(table).values():
        if trial.training["side"] == 14 and places().trial(trial).is_complete:
            return trial
    command = f"python -m src.reproduce --study {profile.study} --profile {profile.name}"
    raise InputError(f"{table} lists no trained 14x14 network that is here. Make it: {command}.")


def blur_digit(digit: int, sigma: float, which: int = 0) -> Attempt:
    """Ask the 14x14 network about a digit before and after a Gaussian blur, and hold its layers against their bounds.

    Args:
        digit: 0 to 9.
        sigma: of the blur, in pixels of 14x14.
        which: how many of this digit to pass over, in the fixed order of the test set.

    Raises:
        InputError: there is no such digit or network, or sigma is not a positive number.
    """
    from src.studies.blur.measurement import constants, measured
    from src.studies.blur.stages import stages
    from src.training.networks import load_network

    blur, trial = GaussianBlur(sigma), small_network()
    image = digit_image(digit, Resolution(14, trial.training["resized_by"]), which)
    network = load_network(replace(trial, precision="float32"), places().trial(trial))
    sharp = image.as_float()
    soft = blur.apply(sharp, BOUNDARY)
    said = [int(np.asarray(network(values, training=False)).argmax()) for values in (sharp, soft)]
    chain = stages(network)
    found = measured(chain, image, [blur]).merge(constants(chain, 14, [blur]), on=["stage", "blur", "size", "angle"])
    lines = [f"A {digit}: the network says {said[0]} of the sharp image and {said[1]} of the blurred one."]
    for row in found[found["kind"] == "conv"].itertuples():
        alone = (
            f"||L(x) - L(Kx)|| is {row.own_error / row.input_norm:.3f} ||x||; the bound is {row.bound:.3f} ||x||."
            if np.isfinite(row.bound)
            else "the blur is too small for its pixels to be one."
        )
        lines.append(f"{row.name}: {alone} The change of its output so far: {row.error / row.norm:.0%} of its length.")
    last = found[found["stage"] == found["stage"].max()].iloc[0]
    lines.append(f"The logits change by {last['error'] / last['norm']:.0%} of their length.")
    titles = f"sharp\nnetwork: {said[0]}", f"blurred, σ = {sigma:g} pixels\nnetwork: {said[1]}", "what the blur took"
    shown = sharp, soft, 0.5 + (sharp - soft) / 2
    images = {title: values[0, ..., 0] for title, values in zip(titles, shown, strict=True)}
    return Attempt(images, tuple(lines))
