"""Figures of the two sweeps: accuracy against the smoothed classifier's noise and against the attack's budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.reporting.plotting import GREY, PAPER_MARK, WIDTH, plain_ticks, styled
from src.studies.resolution.config import FULL_SCALE, NOTEBOOK_EPSILONS, RELEASED
from src.studies.resolution.figure_data import PROTOCOL_SERIES, protocols_in, read_table, variants_in
from src.studies.resolution.published_tables import reported
from src.studies.resolution.rows import first_seed

COLUMNS = 3

NEEDED = ("sigma", "sigma_255", "epsilon", "cnn_accuracy", "rs_accuracy", "rs_low", "rs_high")

NOTEBOOK_SIGMA = RELEASED.sigma
WRITTEN_SIGMA = 1.0
"""The paper writes a noise of 255 on pixels in 0-255."""

SHADING = "Shaded: 95% interval of RS's accuracy."

OTHERS: dict[str, Any] = {"marker": "", "linewidth": 0.6, "alpha": 0.6, "zorder": 1.5}
"""RS of a network's trainings from other seeds than the first: thin, pale and behind."""


@styled
def sigma_sweep(folder: Path) -> Figure:
    """Accuracy on clean images against sigma, RS beside the CNN without noise, a panel for each network.

    Each network's first seed, RS with its 95% interval (Wilson); its other seeds thin and pale. Marked are the noise
    that the author's notebook adds and the one that the paper writes.

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: sigma_sweep.csv is missing or can't be used.
    """
    table = read_table(folder, "sigma_sweep.csv", NEEDED)

    def panel(axes: Axes, rows: pd.DataFrame, variant: str) -> None:
        axes.axvline(NOTEBOOK_SIGMA, color=GREY, linestyle=":", linewidth=1)
        axes.axvline(WRITTEN_SIGMA, color=GREY, linestyle="-.", linewidth=1)
        _other_seeds(axes, rows, "sigma")
        for protocol, trial in _trials(first_seed(rows)):
            # The CNN sees no noise: one value, for reference.
            _line(axes, trial, "sigma", "cnn", protocol, marker="")
            _line(axes, trial, "sigma", "rs", protocol)
        axes.set_xlim(NOTEBOOK_SIGMA / 1.5, WRITTEN_SIGMA * 1.5)

    figure = _grid(
        table,
        panel,
        scale={"value": "log"},
        ticks=(0.001, 0.01, 0.1, 1),
        ticks_255=(0.15, 1, 10, 50, 255),
        labels=("noise σ, pixels in [0, 1]", "noise σ, pixels in 0–255"),
    )
    figure.suptitle(f"Accuracy of the smoothed classifier (RS) as its noise grows, {_images(table)} clean test images")
    columns = [
        [_handle(protocol, "cnn", " without noise", marker=""), _handle(protocol, "rs")]
        for protocol in protocols_in(table)
    ]
    marks = [
        Line2D([], [], color=GREY, linestyle=":", label="noise in the author's notebook: 0.15 of 255"),
        Line2D([], [], color=GREY, linestyle="-.", label="noise that the paper writes: 255 of 255"),
    ]
    _legend(figure, table, columns, marks)
    return figure


@styled
def epsilon_sweep(folder: Path) -> Figure:
    """Accuracy under FGSM against its budget, CNN beside RS, a panel for each network.

    Each network's first seed, RS with its 95% interval (Wilson); its other seeds thin and pale. Marked are the budgets
    of the author's notebook and, at the budget at which it was measured, the accuracy of the paper's Table 2.

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: epsilon_sweep.csv is missing or can't be used.
    """
    table = read_table(folder, "epsilon_sweep.csv", NEEDED)
    published = reported().query("table == 'adversarial'").drop_duplicates(["variant", "paper", "author_epsilon_255"])

    def panel(axes: Axes, rows: pd.DataFrame, variant: str) -> None:
        for epsilon in NOTEBOOK_EPSILONS:
            axes.axvline(epsilon, color=GREY, linestyle=":", linewidth=1)
        _other_seeds(axes, rows, "epsilon")
        for protocol, trial in _trials(first_seed(rows)):
            _line(axes, trial, "epsilon", "rs", protocol)
            _line(axes, trial, "epsilon", "cnn", protocol)
        paper = published[published["variant"] == variant]
        axes.plot(paper["author_epsilon_255"] / FULL_SCALE, paper["paper"], label="paper", zorder=4, **PAPER_MARK)
        axes.set_xlim(-0.0003, table["epsilon"].max() * 1.05)

    figure = _grid(
        table,
        panel,
        # A root scale: the small budgets are the paper's, the large ones show where accuracy breaks down.
        scale={"value": "function", "functions": (_signed_root, _signed_square)},
        ticks=(0, 0.01, 0.05, 0.1, 0.2, 0.3),
        ticks_255=(0, 2, 10, 25, 50, 75),
        labels=("FGSM ε, pixels in [0, 1] (root scale)", "FGSM ε, pixels in 0–255"),
    )
    figure.suptitle(f"Accuracy of CNN and RS as the FGSM attack grows, {_images(table)} test images")
    columns = []
    for protocol in protocols_in(table):
        sigma = table.loc[table["protocol"] == protocol, "sigma_255"].iloc[0]
        columns.append([_handle(protocol, "cnn"), _handle(protocol, "rs", f", σ = {sigma:.4g}/255")])
    marks = [
        Line2D([], [], label="the paper, at the notebook's ε", **PAPER_MARK),
        Line2D([], [], color=GREY, linestyle=":", label="ε in the author's notebook: 2 and 10 of 255"),
    ]
    _legend(figure, table, columns, marks)
    return figure


def _grid(
    table: pd.DataFrame,
    panel: Callable[[Axes, pd.DataFrame, str], None],
    scale: dict[str, Any],
    ticks: Sequence[float],
    ticks_255: Sequence[float],
    labels: tuple[str, str],
) -> Figure:
    """A panel for each network that was measured, sharing axes; scales in [0, 1] below, in 0-255 above."""
    variants = variants_in(table)
    # Four are two rows of two: nothing is left empty.
    columns = 2 if len(variants) == 4 else min(COLUMNS, len(variants))
    rows = -(-len(variants) // columns)
    figure = Figure(figsize=(WIDTH, 1.75 + 1.95 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, (axes, variant) in enumerate(zip(panels, variants, strict=False)):
        axes.set_xscale(**scale)
        panel(axes, table[table["variant"] == variant], variant)
        plain_ticks(axes, ticks)
        axes.set_title(variant, pad=4)
        axes.grid()
        axes.set_ylim(-0.02, 1.04)
        # Also where another panel is below.
        axes.tick_params(axis="x", labelbottom=True)
        if place % columns == 0:
            axes.set_ylabel("accuracy (share of images)")
        if place < columns:
            above = axes.twiny()
            above.set_xscale(**scale)
            above.set(xlim=axes.get_xlim(), xlabel=labels[1])
            plain_ticks(above, ticks_255, unit=FULL_SCALE)
            above.spines["top"].set_visible(True)
        if place + columns >= len(variants):
            axes.set_xlabel(labels[0])
    for axes in panels[len(variants) :]:
        axes.remove()
    return figure


def _trials(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(protocol, rows) of each trial, in the table's order."""
    return [(str(key[0]), trial) for key, trial in rows.groupby(["protocol", "trial"], sort=False)]


def _line(axes: Axes, trial: pd.DataFrame, x: str, classifier: str, protocol: str, **changes: Any) -> None:
    trial = trial.sort_values(x)
    style = _style(protocol, classifier) | changes
    axes.plot(trial[x], trial[f"{classifier}_accuracy"], label=f"{classifier} {protocol}", **style)
    if classifier == "rs":  # the CNN's is nearly the same; both would only be darker
        axes.fill_between(trial[x], trial["rs_low"], trial["rs_high"], color=style["color"], alpha=0.15, linewidth=0)


def _other_seeds(axes: Axes, rows: pd.DataFrame, x: str) -> None:
    for protocol, trial in _trials(_beside_the_first(rows)):
        trial = trial.sort_values(x)
        axes.plot(trial[x], trial["rs_accuracy"], label=f"other seeds {protocol}", **_style(protocol, "rs") | OTHERS)


def _beside_the_first(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(first_seed(table).index)


def _style(protocol: str, classifier: str) -> dict[str, Any]:
    """RS solid and filled; the CNN dashed with larger open marks, to be seen where the two coincide."""
    colour, marker = PROTOCOL_SERIES[protocol]
    if classifier == "rs":
        return {"color": colour, "marker": marker, "linestyle": "-", "markersize": 3}
    return {"color": colour, "marker": marker, "linestyle": "--", "markersize": 5.5, "markerfacecolor": "none"}


def _handle(protocol: str, classifier: str, remark: str = "", **changes: Any) -> Line2D:
    style = _style(protocol, classifier) | changes
    return Line2D([], [], label=f"{classifier.upper()}{remark} ({protocol})", **style)


def _legend(figure: Figure, table: pd.DataFrame, columns: list[list[Line2D]], marks: list[Line2D]) -> None:
    """A column for each protocol, with its other seeds where there are any, and one for the marks."""
    repeated = set(_beside_the_first(table)["protocol"])
    handles: list[Line2D] = []
    for protocol, column in zip(protocols_in(table), columns, strict=True):
        handles += column
        if protocol in repeated:
            handles.append(_handle(protocol, "rs", ", other seeds", **OTHERS))
        elif repeated:  # an empty line, as legends are filled column by column
            handles.append(Line2D([], [], linestyle="none", label=" "))
    figure.legend(handles=handles + marks, loc="outside lower center", ncols=len(columns) + 1, title=SHADING)


def _signed_root(x: np.ndarray) -> np.ndarray:
    """Also for the margin left of 0."""
    return np.sign(x) * np.sqrt(np.abs(x))


def _signed_square(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.square(x)


def _images(table: pd.DataFrame) -> str:
    """How many images the sweep used, e.g. "1,000"."""
    return " or ".join(f"{count:,}" for count in sorted(set(table["test_images"])))
