"""What a certification log is summed up to: the names of its lines, and radii that are never too large."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.certification_summary import summary
from src.metrics import average_certified_radius


def log(radii: list[float]) -> pd.DataFrame:
    """Right where there is a radius, not answered where it is below 0."""
    radius = np.array(radii, np.float64)
    predict = np.where(radius < 0, -1, 1)
    correct = (predict == 1).astype(np.int64)
    return pd.DataFrame({"correct": correct, "predict": predict, "radius_exact": np.maximum(radius, 0), "n": 10})


def numbers(line: str) -> list[float]:
    """The estimate and its interval at the end of a line."""
    found = re.search(r" (-?\d+\.\d{4}) \[(-?\d+\.\d{4}), (-?\d+\.\d{4})\]", line)
    assert found is not None
    return [float(number) for number in found.groups()]


def test_a_single_image_is_summed_up() -> None:
    lines = summary(log([0.5]), (0, 1), on_grid=False)
    assert lines[0].startswith("1 image;")
    assert lines[1].startswith("  certified accuracy at 0               1.0000 [")
    assert not any("average" in line for line in lines)


@pytest.mark.parametrize(
    ("radii", "on_grid", "name"),
    [
        ((0.0, 0.5), True, "abstentions"),
        ((0.5, 1.0), True, "not certified at the smallest radius"),
        ((0.5, 1.0), False, "abstentions"),
    ],
)
def test_only_a_grid_from_zero_knows_abstentions(radii: tuple[float, ...], on_grid: bool, name: str) -> None:
    lines = summary(log([-1.0, 0.5, 1.0, 0.5]), radii, on_grid)
    named = [line for line in lines if line.startswith((f"  {name} ", "  abstentions", "  not certified"))]
    assert len(named) == 1 and named[0].startswith(f"  {name} ")
    assert numbers(named[0])[0] == 0.25


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=8))
def test_the_average_radius_is_never_stated_larger_nor_its_interval_narrower(radii: list[float]) -> None:
    rows = log(radii)
    exact = average_certified_radius(rows)
    lines = summary(rows, (0,), on_grid=False)
    estimate, low, high = numbers(next(line for line in lines if "average" in line))
    for inside, outside in ((exact.estimate, estimate), (exact.low, low), (-exact.high, -high)):
        assert outside <= inside <= outside + 1.0001e-4
