"""What the study says it found, from tables made up by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from src.studies.blur.finding import finding

PLAIN, FROZEN = {"dataset": "cifar10", "variant": "plain"}, {"dataset": "cifar10", "variant": "frozen, blurred copies"}
LAYER = PLAIN | {"tightness": 0.25, "below_one": "no", "bound": 2.5, "relative_max": 0.9, "relu_excess": -0.1}
SOFT = {"blur": "gaussian", "size": 2.0, "accuracy": 0.3}
SMOOTHED = {"size": 1.0, "trained_with_noise": "yes", "rs_minus_cnn": 0.1, "rs_minus_cnn_low": 0.05,
            "rs_minus_cnn_high": 0.15}  # fmt: skip


def way(trial: str, *stages: tuple[str, float], **named: str) -> list[dict[str, str | float]]:
    """Rows of propagation.csv of one network, from the image on: kind and relative error of each stage."""
    return [
        PLAIN | {"trial": trial, "size": 1.0, "stage": place, "kind": kind, "error": error, "product": 100 * error}
        | named for place, (kind, error) in enumerate(stages, start=-1)
    ]  # fmt: skip


@pytest.fixture
def tables() -> dict[str, list[dict[str, str | float]]]:
    return {
        "layers": [LAYER, LAYER | {"tightness": 0.5, "below_one": "yes", "bound": 0.5}],
        "propagation": way("a", ("image", 0.1), ("conv", 0.2), ("pool", 0.5), ("conv", 0.6), ("dense", 0.4)),
        "training": [
            {"variant": "plain", "blur": "none", "size": 0.0, "accuracy": 0.7},
            {"variant": "plain"} | SOFT,
            {"variant": "blurred copies", "control": "unblurred copies", "minus_control": 0.2,
             "minus_control_low": 0.1, "minus_control_high": 0.3} | SOFT,
        ],
        "smoothing": [
            SMOOTHED,
            SMOOTHED | {"rs_minus_cnn": -0.2, "rs_minus_cnn_low": -0.3, "rs_minus_cnn_high": -0.1},
            SMOOTHED | {"rs_minus_cnn": 0.0, "rs_minus_cnn_low": -0.1},
            SMOOTHED | {"size": 0.0, "rs_minus_cnn": 0.9, "rs_minus_cnn_low": 0.8},
            SMOOTHED | {"trained_with_noise": "no"},
        ],
    }  # fmt: skip


def said(folder: Path, tables: dict[str, list[dict[str, str | float]]]) -> list[str]:
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return finding(folder)


def test_every_sentence_has_its_numbers(tmp_path: Path, tables: dict[str, list[dict[str, str | float]]]) -> None:
    inequality, propagation, training, smoothing = said(tmp_path, tables)
    assert "all 2 pairs" in inequality and "25.0% to 50% of the bound" in inequality
    assert "below 1 in 1 of them (from 0.5 to 2.5)" in inequality and "at most 0.9000 of its length" in inequality
    assert "above the blurred output by more than 0 of its largest value" in inequality
    # From the first convolution, not from the image.
    assert "3 to 3 times that after the first" in propagation and "at the logits 2 to 2 times" in propagation
    assert "would allow 100 to 100 times" in propagation
    assert "from 0.700 to 0.300" in training and "+0.200 [+0.100, +0.300]" in training
    assert "with noise it raised accuracy in 1 and lowered it in 1 of 3 cases (-0.200 to +0.100)" in smoothing
    assert "without noise it raised accuracy in 1 and lowered it in 0 of 1 cases" in smoothing


def test_networks_that_saw_blur_do_not_tell_how_errors_grow(
    tmp_path: Path, tables: dict[str, list[dict[str, str | float]]]
) -> None:
    tables["propagation"] += way("b", ("image", 0.1), ("conv", 0.1), ("dense", 9.0), variant="blurred copies")
    assert "at the logits 2 to 2 times" in said(tmp_path, tables)[1]


def test_convolutions_that_are_frozen_count_once(
    tmp_path: Path, tables: dict[str, list[dict[str, str | float]]]
) -> None:
    tables["layers"].append(LAYER | FROZEN)
    assert "all 2 pairs" in said(tmp_path, tables)[0]


def test_a_broken_bound_is_said(tmp_path: Path, tables: dict[str, list[dict[str, str | float]]]) -> None:
    tables["layers"].append(LAYER | {"tightness": 1.01})
    assert said(tmp_path, tables)[0] == "The inequality failed in 1 of 3 pairs."


def test_what_could_not_be_checked_is_not_said(
    tmp_path: Path, tables: dict[str, list[dict[str, str | float]]]
) -> None:
    tables["layers"] = [LAYER | {"relu_excess": float("nan")}]
    assert said(tmp_path, tables)[0].endswith("of its length.")
