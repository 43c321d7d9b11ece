"""Figures of the claims: measured against reported cell by cell, and what smoothing changes against the margin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.reporting.plotting import GREY, SKY, WIDTH, styled
from src.studies.resolution.claim_smoothing import MARGIN
from src.studies.resolution.config import PAPER_PROTOCOLS, VARIANTS
from src.studies.resolution.figure_data import PROTOCOL_SERIES, read_claim_tests

SMOOTHING = {"smoothing-accuracy": "On clean images", "smoothing-robustness": "Under FGSM on the network"}
"""The claims that smoothing changes nothing, and what their comparisons are made on."""

ROW = 0.17
"""Inches from one comparison to the next."""


@styled
def cells(folder: Path) -> Figure:
    """Measured minus reported accuracy for each cell of the paper's tables, with intervals simultaneous over all 36.

    Args:
        folder: results/resolution/<profile>, with its claim_tests.csv.

    Raises:
        InputError: the table is missing or can't be used.
    """
    tests = read_claim_tests(folder)
    tests = tests[tests["claim"].str.endswith("_accuracy") & tests["protocol"].isin(_protocols())]
    names = list(dict.fromkeys(tests["claim"]))
    figure, (axes,) = _rows([len(names)])
    for protocol, rows in tests.groupby("protocol", sort=False):
        # Two protocols of one cell: one above the other.
        shift = 0.18 * (_protocols().index(str(protocol)) - 0.5)
        places = np.array([names.index(name) for name in rows["claim"]])
        _intervals(axes, rows, places + shift, str(protocol))
    labels = [name.replace("accuracy/", "clean, ").replace("adversarial/", "FGSM, ") for name in names]
    labels = [label.replace("/cnn_accuracy", ", CNN").replace("/rs_accuracy", ", RS") for label in labels]
    axes.set_yticks(range(len(names)), labels)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("accuracy, measured minus reported\n(bars: intervals that hold for all 36 cells together with 95%)")
    _legend(figure, tests)
    return figure


@styled
def smoothing_differences(folder: Path) -> Figure:
    """Accuracy of the smoothed classifier minus its network's against the margin: a panel clean, one under FGSM.

    A row for each training, by protocol and network.

    Args:
        folder: results/resolution/<profile>, with its claim_tests.csv.

    Raises:
        InputError: the table is missing or can't be used.
    """
    tests = read_claim_tests(folder)
    tests = tests[tests["claim"].isin(list(SMOOTHING)) & tests["protocol"].isin(_protocols())]
    groups = [tests[tests["claim"] == claim] for claim in SMOOTHING if claim in set(tests["claim"])]
    figure, panels = _rows([len(group) for group in groups] or [0])
    for axes, group in zip(panels, groups, strict=False):
        group = group.sort_values(["protocol", "subject"], key=_in_order, kind="stable").reset_index(drop=True)
        axes.axvspan(-MARGIN, MARGIN, color=SKY, alpha=0.25, linewidth=0)
        for protocol, rows in group.groupby("protocol", sort=False):
            _intervals(axes, rows, rows.index.to_numpy(), str(protocol))
        axes.set_yticks(range(len(group)), group["subject"])
        axes.set_title(SMOOTHING[group["claim"].iloc[0]], loc="left", pad=4)
        axes.axvline(0, color=GREY, linewidth=0.8)
    # In two lines: the axis is narrower than the page by its labels.
    panels[-1].set_xlabel(f"accuracy, RS minus CNN\n(shaded: within {MARGIN:g}; bars: simultaneous 95% intervals)")
    _legend(figure, tests)
    return figure


def _in_order(column: pd.Series) -> pd.Series:
    """The place of each protocol, or of the network that a subject begins with, in the order of the study."""
    order = _protocols() if column.name == "protocol" else [variant.name for variant in VARIANTS]
    return column.str.split(", ").str[0].map(order.index)


def _protocols() -> list[str]:
    return [protocol.name for protocol in PAPER_PROTOCOLS]


def _rows(counts: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """Panels one above the other on one scale, with so many rows each."""
    heights = [max(count, 2) for count in counts]
    titles = 0.2 * (len(counts) - 1)
    figure = Figure(figsize=(WIDTH, 1.0 + titles + ROW * sum(heights)), layout="constrained")
    panels = list(figure.subplots(len(counts), sharex=True, squeeze=False, height_ratios=heights).ravel())
    for axes, count in zip(panels, counts, strict=True):
        axes.set_ylim(max(count, 1) - 0.4, -0.6)
        axes.grid(axis="x")
        if count == 0:
            axes.text(0.5, 0.5, "Nothing measured yet.", ha="center", transform=axes.transAxes)
    return figure, panels


def _intervals(axes: Axes, rows: pd.DataFrame, places: np.ndarray, protocol: str) -> None:
    colour, marker = PROTOCOL_SERIES[protocol]
    values = rows[["value", "low", "high"]].to_numpy(np.float64)
    around = np.abs(values[:, 1:] - values[:, :1]).T
    axes.errorbar(values[:, 0], places, xerr=around, fmt=marker, color=colour, markersize=3, capsize=1.5)


def _legend(figure: Figure, tests: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], color=PROTOCOL_SERIES[name][0], marker=PROTOCOL_SERIES[name][1], markersize=3, label=name)
        for name in _protocols()
        if name in set(tests["protocol"])
    ]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
