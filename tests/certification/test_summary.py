"""What a certification log is summed up to: the names of its lines, and radii that are never too large."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.base import Bounds, InputError
from src.certification.log import Fixed, Method, Predict, Sequential
from src.certification.summary import Certification, largest_radius, read_certification, summary
from src.smoothing.radius import certified_radius
from src.statistics.intervals import average_certified_radius, wilson_interval

FIXED = Certification(Fixed(100_000), 1.0, 0.001)
REACH = float(certified_radius(1000, 1000, 0.001, 0.25))


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
    lines = summary(log([0.5]), (0, 1), FIXED)
    assert lines[0].startswith("1 image;")
    assert lines[2].startswith("  certified accuracy at 0               1.0000 [")
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
    method: Method = Sequential(radii, 100_000) if on_grid else Fixed(100_000)
    lines = summary(log([-1.0, 0.5, 1.0, 0.5]), radii, Certification(method, 1.0, 0.001))
    named = [line for line in lines if line.startswith((f"  {name} ", "  abstentions", "  not certified"))]
    assert len(named) == 1 and named[0].startswith(f"  {name} ")
    assert numbers(named[0])[0] == 0.25


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=8))
def test_the_average_radius_is_never_stated_larger_nor_its_interval_narrower(radii: list[float]) -> None:
    rows = log(radii)
    exact = average_certified_radius(rows)
    lines = summary(rows, (0,), FIXED)
    estimate, low, high = numbers(next(line for line in lines if "average" in line))
    for inside, outside in ((exact.estimate, estimate), (exact.low, low), (-exact.high, -high)):
        assert outside <= inside <= outside + 1.0001e-4


def accuracy_lines(rows: pd.DataFrame, radii: tuple[float, ...], certification: Certification) -> dict[str, str]:
    """What stands behind each radius."""
    lines = [line for line in summary(rows, radii, certification) if line.startswith("  certified accuracy at")]
    return {line.split()[3]: " ".join(line.split()[4:]) for line in lines}


def test_nothing_is_stated_beyond_what_the_draws_can_certify() -> None:
    assert 0.6158 < REACH < 0.6159
    certification = Certification(Fixed(1000), 0.25, 0.001)
    stated = accuracy_lines(log([0.3, REACH, REACH, -1.0]), (0, 0.5, REACH, 0.75), certification)
    assert stated["0"].startswith("0.7500 [") and stated["0.5"].startswith("0.5000 [")
    assert stated[f"{REACH:g}"].startswith("0.5000 [")
    assert stated["0.75"] == (
        "beyond 0.6158, the largest radius that n = 1000 draws can certify at alpha 0.001: take a larger --n"
    )


def test_within_reach_an_accuracy_of_0_is_stated() -> None:
    stated = accuracy_lines(log([0.1, 0.2]), (0.6,), Certification(Fixed(1000), 0.25, 0.001))
    assert stated["0.6"].startswith("0.0000 [0.0000, ")


def test_the_caps_reach_is_told_of_a_grid() -> None:
    grid = Sequential((0.0, 0.25, 0.5, 0.75), 400)
    stated = accuracy_lines(log([0.25, 0.5]), grid.radii, Certification(grid, 0.25, 0.001))
    assert stated["0.5"].startswith("0.5000 [")
    assert stated["0.75"] == (
        "beyond 0.5, the largest radius of the grid that a cap of 400 draws can certify at alpha 0.001: "
        "take a larger --n"
    )


def test_draws_that_certify_nothing_have_no_radii_to_state() -> None:
    lines = summary(log([-1.0, -1.0]), (0, 0.5), Certification(Fixed(9), 0.25, 0.001))
    for line in lines[2:5]:
        assert line.endswith(" beyond what n = 9 draws can certify at alpha 0.001: take a larger --n")
    assert lines[4].startswith("  average certified radius") and numbers(lines[5])[0] == 1


@pytest.mark.parametrize("method", [Fixed(1000), Sequential((0.0, 0.5), 1000), Predict(1000)])
def test_the_networks_own_accuracy_comes_first(method: Method) -> None:
    rows = log([0.1, 0.2, -1.0, 0.3]).assign(label=1, network=[1, 0, 1, 1])
    if isinstance(method, Predict):
        rows = rows.drop(columns="radius_exact")
    line = summary(rows, (0, 0.5), Certification(method, 0.25, 0.001))[1]
    assert line.startswith("  accuracy of the network, no noise     ")
    assert numbers(line) == [round(number, 4) for number in wilson_interval(3, 4)]


@pytest.mark.parametrize("method", [Fixed(1000), Sequential((0.0, 0.5), 1000)])
def test_where_the_networks_answers_are_not_recorded_this_is_said(method: Method) -> None:
    lines = summary(log([0.1, 0.2]), (0, 0.5), Certification(method, 0.25, 0.001))
    assert lines[1] == "  accuracy of the network, no noise     not recorded in this log"


@pytest.mark.parametrize("n", [1, 9, 10, 1000])
def test_the_largest_radius_of_fixed_draws_is_that_of_hits_alone(n: int) -> None:
    assert Fixed(n).largest_radius(0.001, 0.25) == certified_radius(n, n, 0.001, 0.25)
    assert (Fixed(n).largest_radius(0.001, 0.25) == -1) == (n < 10)


def test_a_log_that_nothing_describes_reaches_as_far_as_it_shows() -> None:
    assert largest_radius(log([0.1, 0.4, -1.0]), None) == 0.4
    assert largest_radius(log([0.1, 0.4]), Certification(Fixed(1000), 0.25, 0.001)) == REACH
    assert largest_radius(log([-1.0, -1.0]), Certification(Fixed(9), 0.25, 0.001)) == -1


@pytest.mark.parametrize("method", [Fixed(100), Sequential((0.0, 0.5), 200), Predict(50)])
@pytest.mark.parametrize("bounds", [None, Bounds(0, 255)])
def test_how_a_log_was_made_is_read_back(tmp_path: Path, method: Method, bounds: Bounds | None) -> None:
    settings = {**method.settings(), "sigma": 0.25, "alpha": 0.001, "seed": 0, "made_with": {"device": "CPU"}}
    if bounds is not None:
        settings["bounds"] = [0.0, 255.0]
    (tmp_path / "log.tsv.json").write_text(json.dumps(settings))
    assert read_certification(tmp_path / "log.tsv") == Certification(method, 0.25, 0.001, bounds)


def test_a_log_without_settings_or_with_few_says_nothing(tmp_path: Path) -> None:
    assert read_certification(tmp_path / "log.tsv") is None
    (tmp_path / "log.tsv.json").write_text(json.dumps({"method": "fixed", "n": 100, "sigma": 0.25}))
    assert read_certification(tmp_path / "log.tsv") is None


@pytest.mark.parametrize(
    "changes",
    [{"method": "magic"}, {"n": None}, {"n": "many"}, {"alpha": 2}, {"sigma": "s"}, {"bounds": [1, 0]}, {"bounds": 3}],
)
def test_settings_that_make_no_sense_are_told(tmp_path: Path, changes: dict[str, object]) -> None:
    sidecar = tmp_path / "log.tsv.json"
    sidecar.write_text(json.dumps({"method": "fixed", "n": 100, "sigma": 0.25, "alpha": 0.001, **changes}))
    with pytest.raises(InputError) as caught:
        read_certification(tmp_path / "log.tsv")
    assert str(caught.value).startswith(f"{sidecar} does not describe its log (")
    assert "move it away" in str(caught.value)
