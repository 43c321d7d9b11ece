"""Curves of certified accuracy: where they step, their bands, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from src.base import InputError
from src.certified_curves import certified_accuracy_curves
from src.metrics import certified_accuracy
from src.plotting import SERIES


def log(radii: list[float], correct: list[int] | None = None) -> pd.DataFrame:
    right = [1] * len(radii) if correct is None else correct
    return pd.DataFrame({"correct": right, "predict": right, "radius_exact": np.array(radii, np.float64)})


def heights(figure: Figure, curve: int, radii: np.ndarray) -> np.ndarray:
    """What the drawn curve shows at these radii, up to its last point; steps come after a point."""
    line = figure.axes[0].lines[curve]
    assert line.get_drawstyle() == "steps-pre"
    places, values = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    return values[np.searchsorted(places, radii, side="left")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.3, 1.0]), st.integers(0, 1)), min_size=2, max_size=20))
def test_a_curve_is_the_certified_accuracy_at_every_radius(images: list[tuple[float, int]]) -> None:
    radii, correct = (list(column) for column in zip(*images, strict=True))
    rows = log(radii, correct)
    figure = certified_accuracy_curves({"one": rows})
    end = figure.axes[0].get_xlim()[1]
    assert end > max(radius * right for radius, right in images)
    at = np.array([radius for radius in (0.0, 0.1, 0.25, 0.27, 0.3, 0.5, 1.0) if radius <= end])
    expected = [certified_accuracy(rows, radius).estimate for radius in at]
    assert np.allclose(heights(figure, 0, at), expected)


def test_the_band_holds_the_intervals() -> None:
    rows = log([0.2, 0.4, 0.4, 0.8])
    figure = certified_accuracy_curves({"one": rows})
    corners = figure.axes[0].collections[0].get_paths()[0].vertices
    for radius in (0.0, 0.2, 0.4, 0.8):
        interval = certified_accuracy(rows, radius)
        there = corners[np.isclose(corners[:, 0], radius), 1]
        assert np.isclose(there, interval.low).any() and np.isclose(there, interval.high).any()


def test_curves_differ_by_more_than_colour_and_are_named() -> None:
    logs = {f"log {place}": log([0.1, 0.2 + place]) for place in range(len(SERIES) + 2)}
    axes = certified_accuracy_curves(logs).axes[0]
    looks = {(line.get_marker(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == len(logs)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"{name} (2 images)" for name in logs]
    assert "unit of the images" in axes.get_xlabel() and axes.get_ylabel() == "certified accuracy"
    assert axes.get_ylim() == (0, 1)


def test_logs_without_a_certificate_are_drawn() -> None:
    figure = certified_accuracy_curves({"none": log([0.0, 0.5], [0, 0])})
    assert heights(figure, 0, np.array([0.0, 1.0])).tolist() == [0, 0]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="guesses has no radii: PREDICT gives none"):
        certified_accuracy_curves({"guesses": log([0.5]).drop(columns="radius_exact")})
    with pytest.raises(InputError, match="begun has no images yet"):
        certified_accuracy_curves({"begun": log([])})
    with pytest.raises(InputError, match="expected 1 to 12 logs, got 0"):
        certified_accuracy_curves({})
    with pytest.raises(InputError, match="expected 1 to 12 logs, got 13"):
        certified_accuracy_curves({str(place): log([0.5]) for place in range(13)})
