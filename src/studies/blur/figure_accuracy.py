"""The figures of accuracy under blur: by network, by training, and of smoothed classifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.reporting.plotting import GREY, WIDTH, styled
from src.studies.blur.config import CIFAR10, CONTROLS, HEAVY, MNIST, NOISE, SLIGHT, SOURCE_SIDE, TRAININGS
from src.studies.blur.figure_parts import NAMES, STYLES, legend
from src.studies.blur.plan import SIDE


@styled
def accuracy(folder: Path) -> Figure:
    """Accuracy of the MNIST networks against Gaussian blur, in their own pixels and in those of 28x28.

    Args:
        folder: results/blur/<profile>, with its accuracy.csv.
    """
    table = pd.read_csv(folder / "accuracy.csv")
    table = table[(table["dataset"] == MNIST) & table["blur"].isin(["none", "gaussian"])]
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, column, unit in zip(panels, ("size", "size_28"), ("its own pixels", "pixels of 28x28"), strict=True):
        for (variant, rows), style in zip(table.groupby("variant", sort=False), STYLES, strict=False):
            rows = rows.fillna({"size_28": 0.0}).sort_values(column)
            label = f"{variant}, {rows['side'].iloc[0]}x{rows['side'].iloc[0]}"
            _line(axes, rows, column, "accuracy", "low", "high", style, label)
        axes.set_xlabel(f"standard deviation of the blur, in {unit}")
        axes.grid(True)
        _chance(axes)
    panels[0].set_ylabel("accuracy of the network")
    panels[0].set_title("equal blur for the network", loc="left")
    panels[1].set_title("equal blur for the picture", loc="left")
    legend(figure, panels[0], "Bars: 95% intervals over images. Dashed: chance.")
    return figure


@styled
def kinds(folder: Path) -> Figure:
    """Accuracy without blur and under box and motion blur: the MNIST networks, and CIFAR-10's by training.

    Args:
        folder: results/blur/<profile>, with its accuracy.csv and training.csv.
    """
    of_images = pd.read_csv(folder / "accuracy.csv")
    of_trainings = pd.read_csv(folder / "training.csv")
    tables = {
        MNIST: of_images[of_images["dataset"] == MNIST].rename(
            columns={"low": "accuracy_low", "high": "accuracy_high"}
        ),
        CIFAR10: of_trainings,
    }
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (dataset, table) in zip(panels, tables.items(), strict=True):
        table = table[table["blur"] != "gaussian"]
        blurs = table[["blur", "size", "angle"]].drop_duplicates().sort_values(["blur", "size", "angle"])
        # What they are compared with stands first.
        blurs = pd.concat([blurs[blurs["blur"] == "none"], blurs[blurs["blur"] != "none"]])
        place = {blur: number for number, blur in enumerate(blurs.itertuples(index=False, name=None))}
        networks = list(table.groupby("variant", sort=False))
        for number, (variant, rows) in enumerate(networks):
            at = [place[blur] for blur in rows[["blur", "size", "angle"]].itertuples(index=False, name=None)]
            rows = rows.assign(at=np.array(at) + 0.11 * (number - (len(networks) - 1) / 2))
            style = STYLES[number % len(STYLES)]
            _line(axes, rows, "at", "accuracy", "accuracy_low", "accuracy_high", style, variant, joined=False)
        names = ["none" if blur == "none" else f"{blur}, {size:g}" + f", {angle:g}°" * (blur == "motion")
                 for blur, size, angle in place]  # fmt: skip
        axes.set_xticks(range(len(place)), names, rotation=45, ha="right")
        axes.set_xlabel("blur: width or length in the network's pixels, angle")
        axes.set_title(NAMES[dataset], loc="left")
        axes.grid(True, axis="y")
        _chance(axes)
        if networks:
            over = "images" if dataset == MNIST else "trainings"
            title = f"Bars: 95% intervals over {over}. Dashed: chance."
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=2, title=title)
    panels[0].set_ylabel("accuracy of the network")
    return figure


@styled
def training(folder: Path) -> Figure:
    """CIFAR-10: accuracy against Gaussian blur by training, and the gain of blurred over unblurred copies.

    Args:
        folder: results/blur/<profile>, with its training.csv.
    """
    table = pd.read_csv(folder / "training.csv")
    table = table[table["blur"].isin(["none", "gaussian"])]
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, one in enumerate(TRAININGS):
        rows = _spread(table[table["variant"] == one.name].sort_values("size"), place, len(TRAININGS))
        _line(left, rows, "size", "accuracy", "accuracy_low", "accuracy_high", STYLES[place], one.name)
        if one.name in CONTROLS and "minus_control" in rows:
            label = "frozen convolutions" if one.frozen else "all layers trained"
            _line(right, rows, "size", "minus_control", "minus_control_low", "minus_control_high", STYLES[place], label)
    for axes in (left, right):
        axes.axvspan(HEAVY, max(table["size"].max(), HEAVY), color=GREY, alpha=0.08, linewidth=0)
        axes.axvline(SLIGHT.sigma, color=GREY, linestyle=":", linewidth=1)
        axes.set_xlabel(f"standard deviation of the blur, pixels of {SIDE}x{SIDE}")
        axes.grid(True)
    _chance(left)
    right.axhline(0, color=GREY, linewidth=0.8)
    left.set_ylabel("accuracy, mean over trainings")
    right.set_ylabel("blurred minus unblurred copies, accuracy")
    if right.containers:
        right.legend(loc="best")
    legend(figure, left, "Bars: 95% intervals. Dotted: blur of the copies. Shaded: heavy blur. Dashed: chance.")
    return figure


@styled
def smoothing(folder: Path) -> Figure:
    """Accuracy of the smoothed classifier minus its network's, against Gaussian blur.

    Args:
        folder: results/blur/<profile>, with its smoothing.csv.
    """
    table = pd.read_csv(folder / "smoothing.csv")
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, dataset in zip(panels, (MNIST, CIFAR10), strict=True):
        rows = table[table["dataset"] == dataset]
        networks = list(rows.groupby("variant", sort=False))
        for place, (variant, own) in enumerate(networks):
            own = _spread(own.sort_values("size"), place, len(networks))
            style = STYLES[place % len(STYLES)]
            _line(axes, own, "size", "rs_minus_cnn", "rs_minus_cnn_low", "rs_minus_cnn_high", style, variant)
        axes.axhline(0, color=GREY, linewidth=0.8)
        pixels = f"{SOURCE_SIDE}x{SOURCE_SIDE}" if dataset == MNIST else f"{SIDE}x{SIDE}"
        axes.set_title(f"{NAMES[dataset]}, smoothed with σ = {NOISE[dataset]:g}", loc="left")
        axes.set_xlabel(f"standard deviation of the blur, pixels of {pixels}")
        axes.grid(True)
        if networks:
            noisy = rows.loc[rows["trained_with_noise"] == "yes", "variant"].unique()
            which = "all" if len(noisy) == len(networks) else " and ".join(f"“{name}”" for name in noisy) or "none"
            title = f"Trained with noise: {which}."
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), title=title)
    panels[0].set_ylabel("accuracy, smoothed classifier minus network")
    return figure


def _line(
    axes: Axes,
    rows: pd.DataFrame,
    x: str,
    y: str,
    low: str,
    high: str,
    style: tuple[str, str],
    label: str,
    *,
    joined: bool = True,
) -> None:
    values = rows[[y, low, high]].to_numpy(np.float64)
    around = np.nan_to_num(np.abs(values[:, 1:] - values[:, :1]).T)
    colour, marker = style
    line = "-" if joined else "none"
    axes.errorbar(
        rows[x], values[:, 0], yerr=around, color=colour, marker=marker, linestyle=line, capsize=2, label=label
    )


def _spread(rows: pd.DataFrame, place: int, count: int) -> pd.DataFrame:
    """Rows beside those of other lines, so that each interval is seen."""
    return rows.assign(size=rows["size"] + 0.03 * (place - (count - 1) / 2))


def _chance(axes: Axes) -> None:
    axes.axhline(0.1, color=GREY, linestyle="--", linewidth=0.8)
    axes.set_ylim(0, 1.02)
