"""The figure of the paper's outlier: the parts of the gap between the ESRGAN network and its control."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.reporting.plotting import GREY, PAPER_MARK, SERIES, WIDTH, styled
from src.studies.resolution.outlier_table import COLUMNS, OUTLIER
from src.studies.resolution.published_tables import reported


def _published_gap(networks: str) -> float:
    """The control's accuracy under FGSM minus the ESRGAN network's in the paper: the gap as released."""
    cells = reported().query("table == 'adversarial' and metric == 'cnn_accuracy'").set_index("variant")["paper"]
    esrgan, control = networks.split(" and ")
    return float(cells[control] - cells[esrgan])


@styled
def outlier(folder: Path) -> Figure:
    """The parts of the gap, a panel for each profile and pair of networks, with 95% intervals; the paper's gap drawn.

    Args:
        folder: results/resolution/<profile>, with its outlier.csv.
    """
    path = folder / OUTLIER
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(COLUMNS))
    groups = list(table.groupby(["profile", "networks"], sort=False))
    # As high as the rows need, each of two lines.
    rows_of = [len(rows) for _, rows in groups] or [2]
    figure = Figure(figsize=(WIDTH, 0.6 + sum(0.6 + 0.36 * count for count in rows_of)), layout="constrained")
    heights = [0.4 + count for count in rows_of]
    axes = figure.subplots(len(rows_of), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    colour, marker = SERIES[0]
    for panel, ((profile, networks), rows) in zip(axes, groups, strict=False):
        places = np.arange(len(rows))[::-1]
        values = rows[["difference", "low", "high"]].to_numpy(np.float64)
        around = np.nan_to_num(np.abs(values[:, 1:] - values[:, :1]).T)
        panel.errorbar(values[:, 0], places, xerr=around, fmt=marker, color=colour, capsize=2)
        panel.axvline(0, color=GREY, linewidth=0.8)
        panel.plot(_published_gap(networks), places[0], **PAPER_MARK)
        panel.set_yticks(places, rows["part"].str.replace(": ", ":\n"))
        panel.tick_params(labelbottom=True)
        panel.set_ylim(-0.6, len(rows) - 0.4)
        first = rows.iloc[0]
        counts = f"trainings: {first['seeds']}, images: {first['images']:,}"
        panel.set_title(f"{networks}\nprofile {profile} ({counts})", loc="left")
    if not groups:
        axes[0].set_axis_off()
        axes[0].text(0.5, 0.5, "Nothing measured yet: it needs UpscaledAI and Control.", ha="center")
    axes[-1].set_xlabel("difference in accuracy under FGSM\n(bars: 95% intervals; diamond: the paper's gap)")
    return figure
