"""Certified accuracy against the radius."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.base import InputError
from src.certification.summary import Certification, largest_radius
from src.reporting.plotting import BLACK, SERIES, WIDTH, styled
from src.statistics.intervals import certified_radii, wilson_interval

LINES = ("-", "--", ":")
"""After every colour and marker has been used once."""

MARKS = 8
"""On a curve, so that it is told apart without its colour."""

LONGEST = 50
"""Characters of a log's name in the legend; what is longer is cut in its middle."""

SIDE_BY_SIDE = 48
"""Characters of labels of which two stand in a line of the legend."""

LINE = 110
"""Characters of a line of the legend."""

END: dict[str, Any] = {"color": BLACK, "marker": "|", "markersize": 13, "markeredgewidth": 1.8, "linestyle": "none"}
"""Where a curve ends."""

END_KNOWN = "a curve's end: the largest radius that its draws, or its grid, can certify"
END_FOUND = "a curve's end: the largest radius in its log"

Logs: TypeAlias = Mapping[str, tuple[pd.DataFrame, Certification | None]]
"""By name: as `src.certification.log.read_log` reads it, with how it was certified where that is known."""


@styled
def certified_accuracy_curves(logs: Logs) -> Figure:
    """For each log, the share of images that are certified for their label at a radius or more.

    A curve ends, at a mark, at the largest radius that its log could certify; where that is not known, at the largest
    in the log. The bands are pointwise 95% score intervals, which are about the sample of images.

    Args:
        logs: at least one.

    Raises:
        InputError: a log has no radii, no images or draws too few for any radius; the logs' images have different
            bounds; or there are too many.
    """
    if not 0 < len(logs) <= len(SERIES) * len(LINES):
        raise InputError(f"curves: expected 1 to {len(SERIES) * len(LINES)} logs, got {len(logs)}.")
    for name, (log, certification) in logs.items():
        _check(name, log, certification)
    unit = _unit(logs)
    labels = _labels(logs)
    rows = sum(label.count("\n") + 1 for label in labels)
    figure = Figure(figsize=(WIDTH, 0.55 * WIDTH + 0.17 * (rows + 2)), layout="constrained")
    axes = figure.subplots()
    curves, ends = [], [largest_radius(*log) for log in logs.values()]
    for place, ((log, _), label, end) in enumerate(zip(logs.values(), labels, ends, strict=True)):
        colour, marker = SERIES[place % len(SERIES)]
        radii, accuracies = _steps(certified_radii(log), end)
        axes.fill_between(radii, accuracies[1], accuracies[2], step="pre", color=colour, alpha=0.15, linewidth=0)
        curves += axes.plot(
            radii, accuracies[0], drawstyle="steps-pre", color=colour, linestyle=LINES[place // len(SERIES)],
            marker=marker, markevery=max(1, len(radii) // MARKS), clip_on=False, label=label,
        )  # fmt: skip
        axes.plot(end, accuracies[0, -1], **END | {"color": colour}, clip_on=False)
    right = 1.05 * max(ends) if max(ends) > 0 else 1.0
    axes.set(xlim=(0, right), ylim=(0, 1), xlabel=f"l2 radius ({unit})", ylabel="certified accuracy (share of images)")
    axes.grid(True)
    figure.legend(
        handles=[*curves, Line2D([], [], label=_end_note(logs), **END)], loc="outside lower center",
        ncols=2 if max(map(len, labels)) <= SIDE_BY_SIDE else 1, title="bands: pointwise 95% intervals",
    )  # fmt: skip
    return figure


def _check(name: str, log: pd.DataFrame, certification: Certification | None) -> None:
    if "radius_exact" not in log:
        raise InputError(f"{name} has no radii: PREDICT gives none. Plot logs of certificates.")
    if log.empty:
        raise InputError(f"{name} has no images yet. Let its run go on first.")
    if certification is not None and largest_radius(log, certification) < 0:
        raise InputError(
            f"{name}: {certification.draws} can certify no radius at alpha {certification.alpha:g}, so it has no "
            "curve. Certify with a larger --n, or leave it out."
        )


def _unit(logs: Logs) -> str:
    """Of the radii, which all logs have to share as far as they state it."""
    stated = {name: made.bounds for name, (_, made) in logs.items() if made is not None and made.bounds is not None}
    if len(set(stated.values())) > 1:
        ranges = ", ".join(f"{name} in [{bounds.lower:g}, {bounds.upper:g}]" for name, bounds in stated.items())
        raise InputError(
            f"the logs' images have different bounds, so their radii have different units: {ranges}. "
            "Draw those of one range together."
        )
    if len(stated) < len(logs):
        return "in the unit of the images"
    bounds = next(iter(stated.values()))
    return f"in the unit of the images, which are in [{bounds.lower:g}, {bounds.upper:g}]"


def _end_note(logs: Logs) -> str:
    known = [made is not None for _, made in logs.values()]
    if all(known):
        return END_KNOWN
    return f"{END_KNOWN}\n(of a log without settings: the largest in it)" if any(known) else END_FOUND


def _labels(logs: Logs) -> list[str]:
    """What the legend says of each log."""
    names = [_shortened(name) for name in logs]
    if len(set(names)) < len(names):  # they differ in their middles
        names = list(logs)
    labels = []
    for name, (log, made) in zip(names, logs.values(), strict=True):
        settings = "" if made is None else f", σ = {made.sigma:g}, {_draws(made)}"
        label = "\n".join(textwrap.wrap(f"{name}{settings} ({len(log):,} images)", LINE)).replace("$", r"\$")
        labels.append(f" {label}" if label.startswith("_") else label)  # matplotlib would leave it out
    return labels


def _draws(made: Certification) -> str:
    settings = made.method.settings()
    return f"cap = {settings['cap']:,}" if "cap" in settings else f"n = {settings['n']:,}"


def _shortened(name: str) -> str:
    kept = (LONGEST - 1) // 2
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1 - kept]}…{name[-kept:]}"


def _steps(certified: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the curve steps, and its estimate, low and high up to there: (k,) and (3, k).

    Args:
        certified: (images,) the certified radius, or -1.
        end: where the curve ends, none of them beyond.
    """
    ascending = np.sort(certified)
    radii = np.unique([*ascending[ascending >= 0], 0.0, end])
    reaching = len(ascending) - np.searchsorted(ascending, radii, side="left")
    return radii, np.array([wilson_interval(int(count), len(ascending)) for count in reaching]).T
