"""Figures of images: a digit at every resolution, and what the attack makes of eight of them."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from src.reporting.plotting import BLACK, DPI, GREY, VERMILION, axes_at, show_pixels, styled
from src.studies.resolution.config import CONTROL, DOWNSCALED, FULL_SCALE, NORMAL, UPSCALED_AI, Variant
from src.studies.resolution.figure_data import Example, read_examples

SHOWN = 3
"""Which of the example images is shown at every resolution: a digit with a curve, a corner and a straight line."""

MADE_BY = {
    "original": "as in MNIST",
    "bilinear": "PIL, bilinear",
    "bicubic": "PIL, bicubic",
    "esrgan": "ESRGAN",
}

LARGEST_SIDE = 56
"""Pixels: every other side divides it."""


@styled
def resolutions(folder: Path) -> Figure:
    """One test digit at every resolution that was measured, pixel by pixel (Nissan 2023, Figure 1).

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: there are no example images, or a file is damaged.
    """
    examples = read_examples(folder)
    panels = [
        (variant, example)
        for variant in (NORMAL, DOWNSCALED, CONTROL, UPSCALED_AI)
        if (example := _of_images(variant, examples)) is not None
    ]
    size, gap, above = 6 * LARGEST_SIDE, 24, 164
    width = max(len(panels), 2) * (size + gap) + gap
    figure = Figure(figsize=(width / DPI, (above + size + gap) / DPI))
    for place, (variant, example) in enumerate(panels):
        axes = axes_at(figure, gap + place * (size + gap), above, size, size)
        show_pixels(axes, example.clean[SHOWN], FULL_SCALE)
        side, method = variant.side, MADE_BY[str(example.trial.training["resized_by"])]
        name = "Original" if variant is NORMAL else variant.name
        axes.set_title(f"{name}\n{side} × {side} pixels\n{method}", fontsize=8)
    label = panels[0][1].labels[SHOWN] if panels else ""
    figure.suptitle(f"A test digit, “{label}”, at each resolution", y=1 - 14 / (above + size + gap), va="top")
    return figure


def _of_images(variant: Variant, examples: list[Example]) -> Example | None:
    """The example with the variant's images; the small and the large networks see the same."""
    same = {variant.name, f"{variant.name} Small"}
    return next((example for example in examples if example.trial.variant in same), None)


@styled
def adversarial_examples(folder: Path) -> Figure:
    """Eight test images under FGSM, a row for each network, and what the network and its smoothed classifier say.

    Args:
        folder: results/resolution/<profile>.

    Raises:
        InputError: there are no example images, or a file is damaged.
    """
    examples = read_examples(folder)
    size, gap, below, left, above = 3 * LARGEST_SIDE, 6, 44, 220, 150
    columns = max(len(example.labels) for example in examples)
    width = left + columns * (size + gap) + gap
    height = above + len(examples) * (size + below) + 10
    figure = Figure(figsize=(width / DPI, height / DPI))
    for row, example in enumerate(examples):
        top = above + row * (size + below)
        for column in range(len(example.labels)):
            _adversarial_cell(figure, example, column, left + column * (size + gap), top, size)
        side = example.clean.shape[1]
        text = f"{example.trial.variant}\n{side} × {side}\nε = {example.epsilon * FULL_SCALE:g}/{FULL_SCALE}"
        figure.text((left - 14) / width, 1 - (top + size / 2) / height, text, ha="right", va="center", linespacing=1.4)
        y = 1 - (top + size + below / 2) / height
        figure.text((left - 14) / width, y, "CNN / RS", ha="right", va="center", color=GREY)
    for column, label in enumerate(examples[0].labels):
        x = left + column * (size + gap) + size / 2
        figure.text(x / width, 1 - (above - 10) / height, f"digit {label}", ha="center", va="bottom")
    figure.suptitle(
        f"Test images under FGSM, and the predictions of the CNN and of RS (protocol {examples[0].trial.protocol})",
        y=1 - 16 / height,
        va="top",
    )
    remark = "Under each image the two predictions; a cross and colour mark a wrong one."
    figure.text(0.5, 1 - 60 / height, remark, ha="center", va="top", color=GREY)
    return figure


def _adversarial_cell(figure: Figure, example: Example, column: int, left: float, top: float, size: float) -> None:
    axes = axes_at(figure, left, top, size, size)
    show_pixels(axes, example.adversarial[column], 1)
    axes.text(0.5, -0.13, "/", transform=axes.transAxes, ha="center", va="center", color=GREY)
    for x, align, prediction in ((0.45, "right", example.cnn[column]), (0.55, "left", example.rs[column])):
        wrong = prediction != example.labels[column]
        axes.text(
            x,
            -0.13,
            f"{prediction} ✗" if wrong else f"{prediction}",
            transform=axes.transAxes,
            ha=align,
            va="center",
            color=VERMILION if wrong else BLACK,
            fontweight="bold" if wrong else "normal",
        )
