"""What a certification log says in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from src.base import ABSTAIN
from src.metrics import Interval, average_certified_radius, certified_accuracy, wilson_interval


def summary(log: pd.DataFrame, radii: Sequence[float], on_grid: bool) -> list[str]:
    """Accuracies, abstentions and draws with their 95% intervals, which are about the sample of images.

    Args:
        log: as `src.certification_log.read_log` reads it, at least one image; of PREDICT it has no radii.
        radii: where to state the certified accuracy.
        on_grid: whether images were only certified at the radii of a grid.
    """
    images = len(log)
    lines = [f"{images} {'image' if images == 1 else 'images'}; 95% intervals in brackets:"]
    if "radius_exact" in log:
        for radius in radii:
            lines.append(_line(f"certified accuracy at {radius:g}", certified_accuracy(log, radius)))
        if images > 1:
            acr = average_certified_radius(log)
            lines.append(_line("average certified radius", acr) + (" (of a grid: a lower bound)" if on_grid else ""))
    else:
        lines.append(_line("accuracy, abstentions as errors", wilson_interval(int(log["correct"].sum()), images)))
    lines.append(_line("abstentions", wilson_interval(int((log["predict"] == ABSTAIN).sum()), images)))
    lines.append(f"  {'draws for an image, mean':<34}{log['n'].mean():.0f}")
    return lines


def _line(what: str, value: Interval) -> str:
    return f"  {what:<34}{value.estimate:.4f} [{value.low:.4f}, {value.high:.4f}]"
