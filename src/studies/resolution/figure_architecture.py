"""Figure of the network: its layers with shapes and parameters, and the six widths."""

from __future__ import annotations

from math import log2
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.transforms import Bbox

from src.architectures.cnn import Layer, layers, parameters
from src.reporting.plotting import BLACK, BLUE, GREY, SMALL, WIDTH, styled
from src.studies.resolution.config import NORMAL, NUM_CLASSES, VARIANTS


@styled
def architecture() -> Figure:
    """The network at width 1 layer by layer, and the six variants in numbers (Nissan 2023, Figure 2 and Section 3)."""
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    figure.suptitle("The network layer by layer, and its six variants")
    drawing, table = figure.subplots(2, 1, height_ratios=(1.25, 1))
    _draw_layers(drawing, layers(NORMAL.network(1), NORMAL.side, NUM_CLASSES))
    _draw_table(table)
    return figure


def _draw_layers(axes: Axes, network: list[Layer]) -> None:
    axes.set_title(f"{NORMAL.name}: width factor 1 at {NORMAL.side} × {NORMAL.side} pixels")
    axes.set(xlim=(-1.35, len(network) - 0.4), ylim=(-1.35, 1.35))
    axes.axis("off")
    for y, heading in ((0.98, "layer"), (-0.86, "output shape"), (-1.15, "parameters")):
        axes.text(-1.3, y, heading, ha="left", va="center", color=GREY)
    for x, layer in enumerate(network):
        shape = "×".join(f"{size:,}" for size in layer.shape)
        axes.text(x, 0.98, layer.name, ha="center", va="center")
        axes.text(x, -0.86, shape, ha="center", va="center")
        axes.text(x, -1.15, f"{layer.parameters:,}" if layer.parameters else "–", ha="center", va="center")
        reach = _draw_image(axes, x, layer.shape) if len(layer.shape) == 3 else _draw_vector(axes, x, layer.shape[0])
        if x + 1 < len(network):
            following = network[x + 1].shape
            end = x + 1 - (0.24 + _depth(following) / 2 if len(following) == 3 else 0.1)
            arrow = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (end, 0), (x + reach + 0.04, 0), arrowprops=arrow)
    total = sum(layer.parameters for layer in network)
    axes.text(len(network) - 0.45, -1.42, f"in all {total:,} parameters", ha="right", va="center", fontweight="bold")


def _depth(shape: tuple[int, ...]) -> float:
    return 0.035 * shape[2] ** 0.5


def _draw_image(axes: Axes, x: float, shape: tuple[int, ...]) -> float:
    """A block as deep as its channels (on a root scale); returns how far it reaches to the right."""
    depth = _depth(shape)
    left, right, low, high = x - 0.2 - depth / 2, x + 0.2 - depth / 2, -0.45, 0.35
    rise = 1.2 * depth
    style: dict[str, Any] = {"edgecolor": BLACK, "linewidth": 0.7, "facecolor": BLUE}
    front = [(left, low), (right, low), (right, high), (left, high)]
    lid = [(left, high), (right, high), (right + depth, high + rise), (left + depth, high + rise)]
    flank = [(right, low), (right + depth, low + rise), (right + depth, high + rise), (right, high)]
    for corners, alpha in ((front, 0.25), (lid, 0.12), (flank, 0.45)):
        axes.add_patch(Polygon(corners, alpha=alpha, **style))
    return right + depth - x


def _draw_vector(axes: Axes, x: float, length: int) -> float:
    """A bar as long as its number of values (on a log scale); returns how far it reaches to the right."""
    half = 0.04 * log2(length)
    corners = [(x - 0.06, -half), (x + 0.06, -half), (x + 0.06, half), (x - 0.06, half)]
    axes.add_patch(Polygon(corners, facecolor=BLUE, alpha=0.35, edgecolor=BLACK, linewidth=0.7))
    return 0.06


def _draw_table(axes: Axes) -> None:
    axes.axis("off")
    axes.set_title("The six networks")
    headings = ["network", "images, pixels", "width factor", "filters", "hidden units", "parameters"]
    rows = []
    for variant in VARIANTS:
        config = variant.network(1)
        rows.append(
            [
                variant.name,
                f"{variant.side} × {variant.side}",
                f"{variant.width_factor:g}",
                "{}, {}".format(*config.filters),
                f"{config.units}",
                f"{parameters(config, variant.side, NUM_CLASSES):,}",
            ]
        )
    table = axes.table(rows, colLabels=headings, loc="center", edges="horizontal", bbox=Bbox.unit())
    table.auto_set_font_size(False)
    table.set_fontsize(SMALL + 1)
    for (row, column), cell in table.get_celld().items():
        cell.set(edgecolor="#BBBBBB", linewidth=0.5)
        cell.get_text().set(ha="left" if column == 0 else "right", fontweight="bold" if row == 0 else "normal")
