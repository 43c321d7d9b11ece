"""What a certification log says in a few lines, and how far its certificates could reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from src.base import ABSTAIN, Bounds, InputError
from src.certification.log import Fixed, Method, Predict, Sequential
from src.certification.settings import read_settings, sidecar_of
from src.smoothing.radius import round_down
from src.statistics.intervals import Interval, average_certified_radius, certified_accuracy, wilson_interval
from src.storage.files import explained_storage_errors

DIGITS = 4
"""Of what is printed."""

COLUMN = 38
"""Characters of a line before its number."""


@dataclass(frozen=True)
class Certification:
    """How the images of a log were certified.

    Attributes:
        method: with its draws.
        sigma: of the noise, in the unit of the images.
        alpha: probability that an answer is wrong.
        bounds: of the images; None in a log that does not state them.
    """

    method: Method
    sigma: float
    alpha: float
    bounds: Bounds | None = None

    @property
    def draws(self) -> str:
        """For each image, as a sentence has it."""
        if isinstance(self.method, Sequential):
            return f"a cap of {self.method.cap} draws"
        return f"n = {self.method.n} draws"

    @property
    def largest_radius(self) -> float:
        """That a certificate can have; ABSTAIN where none can."""
        if isinstance(self.method, Predict):
            return float(ABSTAIN)
        return self.method.largest_radius(self.alpha, self.sigma)


def read_certification(log: Path) -> Certification | None:
    """How the images of a log were certified, from the settings beside it; None where there are none that say it.

    Raises:
        InputError: the settings can't be read or make no sense.
        StorageError: the folder can't be looked into.
    """
    sidecar = sidecar_of(log)
    way_out = f"Mend it, or move it away to have {log} read without it."
    with explained_storage_errors(sidecar):
        if not sidecar.exists():
            return None
    settings, _ = read_settings(sidecar, way_out)
    if not {"method", "sigma", "alpha"} <= settings.keys():
        return None
    try:
        bounds = Bounds(*map(float, settings["bounds"])) if "bounds" in settings else None
        found = Certification(_method(settings), float(settings["sigma"]), float(settings["alpha"]), bounds)
        _ = found.largest_radius
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{sidecar} does not describe its log ({error}). {way_out}") from error
    return found


def largest_radius(log: pd.DataFrame, certification: Certification | None) -> float:
    """How far a log of at least one image could certify; where nothing says it, the largest radius in it.

    Args:
        log: as `src.certification.log.read_log` reads it, with radii.
        certification: how it was made, if that is known.
    """
    found = float(log["radius_exact"].max())
    if certification is None:
        return found
    # Another version of SciPy may have rounded otherwise. An abstention's radius is 0, and no certificate.
    return max(certification.largest_radius, found) if found > 0 else certification.largest_radius


def summary(log: pd.DataFrame, radii: Sequence[float], certification: Certification) -> list[str]:
    """Accuracies, abstentions and draws with their 95% intervals, which are about the sample of images.

    The network's own accuracy comes first: where that is low already, images and model do not go together.

    Args:
        log: as `src.certification.log.read_log` reads it, at least one image; of PREDICT it has no radii.
        radii: where to state the certified accuracy, ascending; of a sequential certification its grid.
        certification: how the log was made; no number is stated beyond what it could certify.
    """
    images = len(log)
    on_grid = isinstance(certification.method, Sequential)
    lines = [f"{images} {'image' if images == 1 else 'images'}; 95% intervals in brackets:"]
    clean = "accuracy of the network, no noise"
    if "network" in log:
        lines.append(_line(clean, wilson_interval(int((log["network"] == log["label"]).sum()), images)))
    else:
        lines.append(f"  {clean:<{COLUMN}}not recorded in this log")
    if "radius_exact" in log:
        reach = largest_radius(log, certification)
        for radius in radii:
            what = f"certified accuracy at {radius:g}"
            if radius <= reach:
                lines.append(_line(what, certified_accuracy(log, radius)))
            else:
                lines.append(_beyond(what, reach, certification))
        if reach < 0:
            lines.append(_beyond("average certified radius", reach, certification))
        elif images > 1:
            acr = _rounded_outwards(average_certified_radius(log))
            lines.append(_line("average certified radius", acr) + (" (of a grid: a lower bound)" if on_grid else ""))
    else:
        lines.append(_line("accuracy, abstentions as errors", wilson_interval(int(log["correct"].sum()), images)))
    # Without a test at radius 0, the class may still be certain; only the smallest radius was too much.
    unanswered = "not certified at the smallest radius" if on_grid and radii[0] > 0 else "abstentions"
    lines.append(_line(unanswered, wilson_interval(int((log["predict"] == ABSTAIN).sum()), images)))
    lines.append(f"  {'draws for an image, mean':<{COLUMN}}{log['n'].mean():.0f}")
    return lines


def _rounded_outwards(radius: Interval) -> Interval:
    """A mean radius for display: never more than it is, nor the interval narrower."""
    estimate, low, high = (float(round_down(value, DIGITS)) for value in (radius.estimate, radius.low, -radius.high))
    return Interval(estimate, low, -high)


def _beyond(what: str, reach: float, certification: Certification) -> str:
    able = f"{certification.draws} can certify at alpha {certification.alpha:g}: take a larger --n"
    kind = "radius of the grid" if isinstance(certification.method, Sequential) else "radius"
    largest = "" if reach < 0 else f"{round_down(reach, DIGITS):g}, the largest {kind} "
    return f"  {what:<{COLUMN}}beyond {largest}{'what' if reach < 0 else 'that'} {able}"


def _method(settings: Mapping[str, Any]) -> Method:
    name = settings["method"]
    if name == Sequential.name:
        return Sequential(tuple(map(float, settings["radii"])), int(settings["cap"]))
    if name not in (Fixed.name, Predict.name):
        raise ValueError(f"method {name!r} is unknown")
    return (Fixed if name == Fixed.name else Predict)(int(settings["n"]))


def _line(what: str, value: Interval) -> str:
    estimate, low, high = (f"{number:.{DIGITS}f}" for number in value)
    return f"  {what:<{COLUMN}}{estimate} [{low}, {high}]"
