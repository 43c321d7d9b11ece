"""Figures of the claims: measured against reported cell by cell, and what smoothing changes against the margin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.plotting import GREY, SKY, WIDTH, styled
from src.studies.resolution.claim_smoothing import MARGIN
from src.studies.resolution.config import PAPER_PROTOCOLS
from src.studies.resolution.figure_data import PROTOCOL_SERIES, read_claim_tests

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
    figure, axes = _rows(len(names))
    for protocol, rows in tests.groupby("protocol", sort=False):
        places = np.array([names.index(name) for name in rows["claim"]])
        _intervals(axes, rows, places, str(protocol))
    labels = [name.replace("accuracy/", "clean, ").replace("adversarial/", "FGSM, ") for name in names]
    labels = [label.replace("/cnn_accuracy", ", CNN").replace("/rs_accuracy", ", RS") for label in labels]
    axes.set_yticks(range(len(names)), labels)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("accuracy, measured minus reported (bars: intervals that hold for all 36 cells together with 95%)")
    _legend(figure, tests)
    return figure


@styled
def smoothing_differences(folder: Path) -> Figure:
    """Accuracy of the smoothed classifier minus its network's, clean and under FGSM, against the margin.

    Args:
        folder: results/resolution/<profile>, with its claim_tests.csv.

    Raises:
        InputError: the table is missing or can't be used.
    """
    tests = read_claim_tests(folder)
    tests = tests[tests["claim"].isin(("smoothing-accuracy", "smoothing-robustness"))]
    tests = tests[tests["protocol"].isin(_protocols())].reset_index(drop=True)
    figure, axes = _rows(len(tests))
    axes.axvspan(-MARGIN, MARGIN, color=SKY, alpha=0.25, linewidth=0)
    for protocol, rows in tests.groupby("protocol", sort=False):
        _intervals(axes, rows, rows.index.to_numpy(), str(protocol))
    axes.set_yticks(range(len(tests)), tests["subject"])
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel(f"accuracy, RS minus CNN (shaded: within {MARGIN:g}; bars: simultaneous 95% intervals)")
    _legend(figure, tests)
    return figure


def _protocols() -> list[str]:
    return [protocol.name for protocol in PAPER_PROTOCOLS]


def _rows(count: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 1.0 + ROW * max(count, 2)), layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(max(count, 1) - 0.4, -0.6)
    axes.grid(axis="x")
    if count == 0:
        axes.text(0.5, 0.5, "Nothing measured yet.", ha="center", transform=axes.transAxes)
    return figure, axes


def _intervals(axes: Axes, rows: pd.DataFrame, places: np.ndarray, protocol: str) -> None:
    colour, marker = PROTOCOL_SERIES[protocol]
    values = rows[["value", "low", "high"]].to_numpy(np.float64)
    around = np.abs(values[:, 1:] - values[:, :1]).T
    # Two protocols of one cell: one above the other.
    shift = 0.18 * (_protocols().index(protocol) - 0.5) if len(places) and rows["claim"].is_unique else 0.0
    axes.errorbar(values[:, 0], places + shift, xerr=around, fmt=marker, color=colour, markersize=3, capsize=1.5)


def _legend(figure: Figure, tests: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], color=PROTOCOL_SERIES[name][0], marker=PROTOCOL_SERIES[name][1], markersize=3, label=name)
        for name in _protocols()
        if name in set(tests["protocol"])
    ]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
