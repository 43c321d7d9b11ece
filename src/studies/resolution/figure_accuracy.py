"""Figure of the paper's two tables: our accuracies beside the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from src.reporting.plotting import BLACK, GREY, PAPER_MARK, SMALL, WIDTH, styled
from src.statistics.intervals import wilson_interval
from src.studies.resolution.figure_data import PROTOCOL_SERIES, protocols_in, read_table, variants_in
from src.studies.resolution.published_tables import PAPER_TEST_IMAGES

TABLES = {"accuracy.csv": "Clean images", "adversarial_accuracy.csv": "Under FGSM"}

CLASSIFIERS = {"cnn_accuracy": ("CNN", -0.22), "rs_accuracy": ("RS", 0.22)}
"""Name, and how far from the middle of a network's row its marks are."""

SPREAD = 0.16
"""Half the height over which several trials of one network are drawn."""


@styled
def accuracy(folder: Path) -> Figure:
    """Accuracy of CNN and RS on clean and attacked images beside the paper's Tables 1 and 2.

    A column for each protocol. Ours: one mark a trial, on the largest test set of the protocol. 95% intervals
    (Wilson), the paper's being that of its values on 1,000 images.

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: a table is missing or can't be used.
    """
    needed = ("metric", "paper", "measured", "low", "high", "epsilon_255")
    tables = [read_table(folder, name, needed) for name in TABLES]
    tables = [table[table["metric"].isin(list(CLASSIFIERS))] for table in tables]
    variants, protocols = variants_in(pd.concat(tables)), protocols_in(pd.concat(tables))
    narrow = len(protocols) > 2
    apart = "\n" if narrow else " "
    height = (2.1 if narrow else 1.5) + 2 * (0.55 + 0.36 * len(variants))
    figure = Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    figure.suptitle("Accuracy of the networks (CNN) and their smoothed classifiers (RS) beside the paper's")
    panels = figure.subplots(2, len(protocols), squeeze=False, sharey=True)
    for row, table, title in zip(panels, tables, TABLES.values(), strict=True):
        for axes, protocol in zip(row, protocols, strict=True):
            rows = table[table["protocol"] == protocol]
            rows = rows[rows["test_images"] == rows["test_images"].max()]
            _panel(axes, rows, variants, protocol, apart)
            axes.set_title(f"{title},{apart}protocol {protocol}")
    panels[0, 0].invert_yaxis()
    remark = "The accuracy axes differ from panel to panel"
    if all(axes.get_xlim()[0] > 0 for axes in panels.flat if axes.lines):
        remark += " and do not start at 0"
    columns = 2 if narrow else len(protocols) + 1
    figure.legend(handles=_legend(protocols), loc="outside lower center", ncols=columns, title=f"{remark}.")
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, variants: list[str], protocol: str, apart: str) -> None:
    """One protocol's rows; `apart` is what stands where a narrow panel's label needs a new line."""
    colour, marker = PROTOCOL_SERIES[protocol]
    for metric, (_, middle) in CLASSIFIERS.items():
        chosen = rows[rows["metric"] == metric]
        if chosen.empty:
            continue
        place = chosen["variant"].map(variants.index).to_numpy()
        # Several seeds or precisions of one network are spread, so that each is seen.
        count = chosen.groupby("variant")["variant"].transform("size").to_numpy()
        rank = chosen.groupby("variant").cumcount().to_numpy()
        offset = np.where(count > 1, SPREAD * (2 * rank / np.maximum(count - 1, 1) - 1), 0)
        y = place + middle + offset
        measured = chosen["measured"].to_numpy()
        errors = np.stack([measured - chosen["low"], chosen["high"] - measured]).clip(min=0)
        axes.errorbar(
            measured,
            y,
            xerr=errors,
            fmt=marker,
            color=colour,
            markerfacecolor="white" if metric == "cnn_accuracy" else colour,
            elinewidth=1,
            label=metric,
        )
        published = chosen.drop_duplicates("variant")
        places = published["variant"].map(variants.index) + middle
        # The paper gives no interval; without this one its values would look exact.
        successes = (published["paper"] * PAPER_TEST_IMAGES).round().astype(int)
        intervals = [wilson_interval(count, PAPER_TEST_IMAGES) for count in successes]
        ends = [interval.low for interval in intervals], [interval.high for interval in intervals]
        axes.hlines(places, *ends, color=BLACK, linewidth=0.6, zorder=1)
        axes.plot(published["paper"], places, label=f"paper {metric}", zorder=4, **PAPER_MARK)
    axes.set_yticks(range(len(variants)), variants)
    axes.set_ylim(-0.55, len(variants) - 0.45)
    axes.hlines(np.arange(len(variants) - 1) + 0.5, 0, 1, transform=axes.get_yaxis_transform(), color="#DDDDDD", lw=0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.margins(x=0.06)
    if rows.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        return
    axes.set_xlabel(f"accuracy (share of{apart}{rows['test_images'].iloc[0]:,} test images)")
    epsilons = rows.drop_duplicates("variant").set_index("variant")["epsilon_255"]
    if epsilons.any():
        # Beside each network its own budget: the notebook does not attack all with the same.
        for variant, epsilon in epsilons.items():
            axes.text(
                1.01,
                variants.index(str(variant)),
                f"ε = {epsilon:.3g}/255",
                transform=axes.get_yaxis_transform(),
                fontsize=SMALL,
                color=GREY,
                va="center",
            )


def _legend(protocols: list[str]) -> list[Line2D]:
    handles = []
    for protocol in protocols:
        colour, marker = PROTOCOL_SERIES[protocol]
        for name, face in (("CNN", "white"), ("RS", colour)):
            style: dict[str, Any] = {"color": colour, "marker": marker, "markerfacecolor": face, "linewidth": 1}
            handles.append(Line2D([], [], label=f"{name}, {protocol}, 95% interval", **style))
    paper = PAPER_MARK | {"linestyle": "-", "linewidth": 0.6}
    handles.append(Line2D([], [], label=f"the paper, interval of its {PAPER_TEST_IMAGES:,} images", **paper))
    return handles
