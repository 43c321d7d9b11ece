"""What a certification log says in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from src.base import ABSTAIN
from src.metrics import Interval, average_certified_radius, certified_accuracy, wilson_interval
from src.smoothing.certification import round_down

DIGITS = 4
"""Of what is printed."""

COLUMN = 38
"""Characters of a line before its number."""


def summary(log: pd.DataFrame, radii: Sequence[float], on_grid: bool) -> list[str]:
    """Accuracies, abstentions and draws with their 95% intervals, which are about the sample of images.

    Args:
        log: as `src.certification_log.read_log` reads it, at least one image; of PREDICT it has no radii.
        radii: where to state the certified accuracy, ascending.
        on_grid: whether images were certified at these radii alone.
    """
    images = len(log)
    lines = [f"{images} {'image' if images == 1 else 'images'}; 95% intervals in brackets:"]
    if "radius_exact" in log:
        for radius in radii:
            lines.append(_line(f"certified accuracy at {radius:g}", certified_accuracy(log, radius)))
        if images > 1:
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


def _line(what: str, value: Interval) -> str:
    estimate, low, high = (f"{number:.{DIGITS}f}" for number in value)
    return f"  {what:<{COLUMN}}{estimate} [{low}, {high}]"
