"""The study's figures, each from one table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from src.arrays import load_arrays
from src.plotting import GREY, SERIES, SKY, WIDTH, YELLOW, save, styled
from src.studies.blur.config import BLURRED, CIFAR10, CONTROLS, HEAVY, MNIST, NOISE, PLAIN, SLIGHT, TRAININGS

STYLES = (*SERIES, (SKY, "v"), (YELLOW, "P"))
"""Six networks or trainings: colour and marker."""

REMEDY = "Delete it and run again: it is made anew."


@styled
def images(folder: Path) -> Figure:
    """A test image of each kind, sharp and under some of the blurs, pixel by pixel.

    Args:
        folder: results/blur/<profile>, with its examples.

    Raises:
        InputError: a file is damaged.
    """
    found = [(path.stem, load_arrays(path, REMEDY)) for path in sorted((folder / "examples").glob("*.npz"))]
    columns = max((len(shown) for _, shown in found), default=1)
    figure = Figure(figsize=(WIDTH, 0.3 + 1.35 * max(1, len(found))), layout="constrained")
    panels = figure.subplots(max(1, len(found)), columns, squeeze=False)
    for row, (name, shown) in zip(panels, found, strict=False):
        for axes, (title, image) in zip(row, shown.items(), strict=False):
            # One channel is gray.
            pixels = np.clip(image[..., 0] if image.shape[-1] == 1 else image, 0, 1)
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(title)
        dataset, method, side = name.split("-")
        row[0].set_ylabel(f"{dataset}\n{side}x{side}" + ("" if method == "original" else f", {method}"))
    for axes in panels.ravel():
        axes.set(xticks=[], yticks=[])
    return figure


@styled
def accuracy(folder: Path) -> Figure:
    """Accuracy of the MNIST networks against Gaussian blur, in their own pixels and in those of 28x28.

    Args:
        folder: results/blur/<profile>, with its accuracy.csv.
    """
    table = _read(folder, "accuracy.csv")
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
    _legend(figure, panels[0])
    return figure


@styled
def training(folder: Path) -> Figure:
    """CIFAR-10: accuracy against Gaussian blur by training, and the gain of blurred over unblurred copies.

    Args:
        folder: results/blur/<profile>, with its training.csv.
    """
    table = _read(folder, "training.csv")
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
        axes.set_xlabel("standard deviation of the blur, pixels of 32x32")
        axes.grid(True)
    _chance(left)
    right.axhline(0, color=GREY, linewidth=0.8)
    left.set_ylabel("accuracy, mean over trainings")
    right.set_ylabel("blurred minus unblurred copies, accuracy")
    if right.containers:
        right.legend(loc="best")
    _legend(figure, left, "Bars: 95% intervals. Dotted: blur of the copies. Shaded: heavy blur. Dashed: chance.")
    return figure


@styled
def layers(folder: Path) -> Figure:
    """Each convolution: bound and largest measured ratio, against the blur, a panel for each network.

    Args:
        folder: results/blur/<profile>, with its layers.csv.
    """

    def panel(axes: Axes, rows: pd.DataFrame) -> None:
        for (stage, own), (colour, marker) in zip(rows.groupby("stage"), STYLES, strict=False):
            own = own.sort_values("size")
            axes.plot(own["size"], own["bound"], color=colour, linestyle="--", label=f"layer {stage + 1}: bound")
            label = f"layer {stage + 1}: measured"
            axes.plot(own["size"], own["measured_max"], color=colour, marker=marker, label=label)
        axes.axhline(1, color=GREY, linewidth=0.8)
        axes.set_xlabel("standard deviation of the blur, pixels")

    title = "Dashed: bound. Marked: largest ratio of the test images. Thin line: a constant of 1."
    return _panels(_read(folder, "layers.csv"), panel, "||L(x) − L(Kx)|| / ||x||", title)


@styled
def propagation(folder: Path) -> Figure:
    """Relative error after each stage beside the commuting one and the product of constants, a panel for each network.

    Args:
        folder: results/blur/<profile>, with its propagation.csv.
    """

    def panel(axes: Axes, rows: pd.DataFrame) -> None:
        rows = rows.sort_values("stage")
        drawn = (("error", "measured"), ("commuting", "if layers commuted with the blur"), ("product", "allowed by the "
                 "product of Lipschitz constants"))  # fmt: skip
        for (column, label), (colour, marker) in zip(drawn, STYLES, strict=False):
            axes.plot(rows["stage"], rows[column], color=colour, marker=marker, label=label)
        axes.set_xticks(rows["stage"], rows["kind"], rotation=45, ha="right")

    table = _read(folder, "propagation.csv")
    title = f"Gaussian blur with a standard deviation of {SLIGHT.sigma:g} pixel"
    return _panels(table[table["size"] == SLIGHT.sigma], panel, "relative error ||a − a'|| / ||a||", title)


def _panels(table: pd.DataFrame, panel: Callable[[Axes, pd.DataFrame], None], label: str, title: str) -> Figure:
    """A panel for each network: those of MNIST, and of CIFAR-10 with plain training and on blurred copies."""
    table = table[table["seed"] == table.groupby(["dataset", "variant"])["seed"].transform("min")]
    table = table[(table["dataset"] == MNIST) | table["variant"].isin([PLAIN.name, BLURRED.name])]
    groups = list(table.groupby(["dataset", "variant"], sort=False))
    columns = 2 if len(groups) == 4 else 3
    lines = max(1, -(-len(groups) // columns))
    figure = Figure(figsize=(WIDTH, 0.9 + 2.2 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, ((dataset, variant), rows) in zip(panels, groups, strict=False):
        panel(axes, rows)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(f"{variant} ({dataset})", loc="left")
        axes.grid(True)
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(label)
    if groups:
        # Of the panel with most lines.
        _legend(figure, max(panels, key=lambda axes: len(axes.lines)), title, min(4, columns + 1))
    return figure


@styled
def smoothing(folder: Path) -> Figure:
    """Accuracy of the smoothed classifier minus its network's, against Gaussian blur.

    Args:
        folder: results/blur/<profile>, with its smoothing.csv.
    """
    table = _read(folder, "smoothing.csv")
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, dataset in zip(panels, (MNIST, CIFAR10), strict=True):
        rows = table[table["dataset"] == dataset]
        networks = list(rows.groupby("variant", sort=False))
        for place, (variant, own) in enumerate(networks):
            own = _spread(own.sort_values("size"), place, len(networks))
            noise = "" if own["trained_with_noise"].iloc[0] == "yes" else ", no noise"
            style = STYLES[place % len(STYLES)]
            _line(axes, own, "size", "rs_minus_cnn", "rs_minus_cnn_low", "rs_minus_cnn_high", style, variant + noise)
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_title(f"{dataset}, smoothed with σ = {NOISE[dataset]:g}", loc="left")
        axes.set_xlabel("standard deviation of the blur, pixels")
        axes.grid(True)
        if networks:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17))
    panels[0].set_ylabel("accuracy, smoothed classifier minus network")
    return figure


FIGURES: dict[str, Callable[[Path], Figure]] = {
    "images.png": images,
    "accuracy.png": accuracy,
    "training.png": training,
    "layers.png": layers,
    "propagation.png": propagation,
    "smoothing.png": smoothing,
}


def write_figures(folder: Path) -> None:
    """Draw all figures into the folder's `figures/`.

    Raises:
        StorageError: the folder can't be written.
    """
    for name, draw in FIGURES.items():
        save(draw(folder), folder / "figures" / name)


def _read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name)


def _line(
    axes: Axes, rows: pd.DataFrame, x: str, y: str, low: str, high: str, style: tuple[str, str], label: str
) -> None:
    values = rows[[y, low, high]].to_numpy(np.float64)
    around = np.nan_to_num(np.abs(values[:, 1:] - values[:, :1]).T)
    colour, marker = style
    axes.errorbar(rows[x], values[:, 0], yerr=around, color=colour, marker=marker, capsize=2, label=label)


def _spread(rows: pd.DataFrame, place: int, count: int) -> pd.DataFrame:
    """Rows beside those of other lines, so that each interval is seen."""
    return rows.assign(size=rows["size"] + 0.03 * (place - (count - 1) / 2))


def _chance(axes: Axes) -> None:
    axes.axhline(0.1, color=GREY, linestyle="--", linewidth=0.8)
    axes.set_ylim(0, 1.02)


def _legend(
    figure: Figure, axes: Axes, title: str = "Bars: 95% intervals over images. Dashed: chance.", columns: int = 3
) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=title)
