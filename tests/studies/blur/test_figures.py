"""What the figures of layers say in words, drawn from tables made up by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from src.studies.blur import figures

STAGES = ("conv 1", "conv 2", "pool 1", "conv 3", "dense 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables of one network on MNIST, as the study writes them."""
    network = {"dataset": "mnist", "variant": "Normal", "protocol": "released", "side": 28, "seed": 0}
    constants = [
        {**network, "stage": stage, "layer": name, "size": size, "bound": 2.0 + stage, "measured_max": 0.5 * size}
        for stage, name in enumerate(STAGES) if name.startswith("conv") for size in (1.0, 2.0)
    ]  # fmt: skip
    errors = [
        {**network, "stage": stage, "layer": name, "kind": name.split()[0], "size": 2.0, "error": 0.1,
         "commuting": 0.2, "product": 3.0}
        for stage, name in enumerate(("image", *STAGES), start=-1)
    ]  # fmt: skip
    pd.DataFrame(constants).to_csv(tmp_path / "layers.csv", index=False)
    pd.DataFrame(errors).to_csv(tmp_path / "propagation.csv", index=False)
    return tmp_path


def legend(figure: Figure) -> tuple[str, list[str]]:
    """Its title and its labels."""
    (found,) = figure.legends
    return found.get_title().get_text(), [text.get_text() for text in found.get_texts()]


def test_lines_go_by_the_layers_names(folder: Path) -> None:
    title, labels = legend(figures.layers(folder))
    convolutions = ("conv 1", "conv 2", "conv 3")
    assert labels == [f"{name}: {kind}" for name in convolutions for kind in ("bound", "measured")]
    assert title.startswith("Gaussian blur.")


def test_stages_go_by_their_names(folder: Path) -> None:
    figure = figures.propagation(folder)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["image", *STAGES]
    assert np.array_equal(axes.get_xticks(), np.arange(-1, len(STAGES)))
    title, labels = legend(figure)
    assert title.startswith("Gaussian blur") and labels[0] == "measured"


def test_the_product_of_constants_has_a_logarithmic_axis_and_growth_a_linear_one(folder: Path) -> None:
    figure = figures.product(folder)
    assert legend(figure)[1] == ["measured", "allowed by the product of Lipschitz constants"]
    assert figure.axes[0].get_yscale() == "log"
    growth = figures.propagation(folder).axes[0]
    assert growth.get_yscale() == "linear" and growth.get_ylim()[0] == 0 < 0.2 < growth.get_ylim()[1]


def test_kinds_of_blur_go_by_their_names(tmp_path: Path) -> None:
    blurs = (("none", 0, 0), ("motion", 5, 45), ("box", 3, 0), ("gaussian", 1, 0))
    rows = [{"blur": blur, "size": size, "angle": angle} for blur, size, angle in blurs]
    of_images = [
        row | {"dataset": "mnist", "variant": "Normal", "accuracy": 0.9, "low": 0.8, "high": 1} for row in rows
    ]
    of_trainings = [
        row | {"variant": "plain", "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6} for row in rows
    ]
    pd.DataFrame(of_images).to_csv(tmp_path / "accuracy.csv", index=False)
    pd.DataFrame(of_trainings).to_csv(tmp_path / "training.csv", index=False)
    for axes, name in zip(figures.kinds(tmp_path).axes, ("MNIST", "CIFAR-10"), strict=True):
        assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "box, 3", "motion, 5, 45°"]
        assert axes.get_title(loc="left") == name


def test_every_figure_has_a_name_of_its_own() -> None:
    assert {draw.__name__ for draw in figures.FIGURES.values()} == {Path(name).stem for name in figures.FIGURES}
