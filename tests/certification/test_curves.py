"""Curves of certified accuracy: where they step, their bands, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from src.base import Bounds, InputError
from src.certification.curves import END_FOUND, END_KNOWN, LONGEST, certified_accuracy_curves
from src.certification.log import Fixed, Sequential
from src.certification.summary import Certification
from src.reporting.plotting import SERIES
from src.smoothing.radius import certified_radius
from src.statistics.intervals import certified_accuracy

FIXED = Certification(Fixed(1000), 0.25, 0.001)
REACH = float(certified_radius(1000, 1000, 0.001, 0.25))


def log(radii: list[float], correct: list[int] | None = None) -> pd.DataFrame:
    right = [1] * len(radii) if correct is None else correct
    return pd.DataFrame({"correct": right, "predict": right, "radius_exact": np.array(radii, np.float64)})


def curves(figure: Figure) -> list[Line2D]:
    return [line for line in figure.axes[0].lines if line.get_marker() != "|"]


def ends(figure: Figure) -> list[tuple[float, float]]:
    """Where the marks of ends are."""
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "|"]
    return [(float(x), float(y)) for line in marks for x, y in zip(*line.get_data(), strict=True)]


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def heights(figure: Figure, curve: int, radii: np.ndarray) -> np.ndarray:
    """What the drawn curve shows at these radii, up to its last point; steps come after a point."""
    line = curves(figure)[curve]
    assert line.get_drawstyle() == "steps-pre"
    places, values = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    return values[np.searchsorted(places, radii, side="left")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.3, 1.0]), st.integers(0, 1)), min_size=2, max_size=20))
def test_a_curve_is_the_certified_accuracy_at_every_radius(images: list[tuple[float, int]]) -> None:
    radii, correct = (list(column) for column in zip(*images, strict=True))
    rows = log(radii, correct)
    figure = certified_accuracy_curves({"one": (rows, None)})
    end = max(radii)
    assert figure.axes[0].get_xlim()[1] > end
    at = np.array([radius for radius in (0.0, 0.1, 0.25, 0.27, 0.3, 0.5, 1.0) if radius <= end])
    expected = [certified_accuracy(rows, radius).estimate for radius in at]
    assert np.allclose(heights(figure, 0, at), expected)


def test_the_band_holds_the_intervals() -> None:
    rows = log([0.2, 0.4, 0.4, 0.8])
    figure = certified_accuracy_curves({"one": (rows, None)})
    corners = figure.axes[0].collections[0].get_paths()[0].vertices
    for radius in (0.0, 0.2, 0.4, 0.8):
        interval = certified_accuracy(rows, radius)
        there = corners[np.isclose(corners[:, 0], radius), 1]
        assert np.isclose(there, interval.low).any() and np.isclose(there, interval.high).any()


def test_curves_differ_by_more_than_colour_and_are_named() -> None:
    logs = {f"log {place}": (log([0.1, 0.2 + place]), None) for place in range(len(SERIES) + 2)}
    figure = certified_accuracy_curves(logs)
    looks = {(line.get_marker(), line.get_linestyle()) for line in curves(figure)}
    assert len(looks) == len(logs)
    assert legend_texts(figure) == [*(f"{name} (2 images)" for name in logs), END_FOUND]
    axes = figure.axes[0]
    assert "unit of the images" in axes.get_xlabel() and axes.get_ylabel() == "certified accuracy (share of images)"
    assert axes.get_ylim() == (0, 1)


@pytest.mark.parametrize(
    ("made", "radii", "end"),
    [
        (FIXED, [0.1, 0.3], REACH),
        (FIXED, [0.1, REACH], REACH),
        (FIXED, [0.1, REACH + 1e-12], REACH + 1e-12),  # as another version of SciPy may have rounded it
        (Certification(Sequential((0.0, 0.25, 0.5, 0.75), 400), 0.25, 0.001), [0.0, 0.25], 0.5),
        (None, [0.1, 0.3], 0.3),
    ],
)
def test_a_curve_and_its_band_end_where_its_log_could_certify_no_more(
    made: Certification | None, radii: list[float], end: float
) -> None:
    rows = log(radii)
    farther = log([0.1, 5.0])
    figure = certified_accuracy_curves({"one": (rows, made), "farther": (farther, None)})
    share = certified_accuracy(rows, end).estimate
    line = curves(figure)[0]
    assert line.get_xdata()[-1] == end and line.get_ydata()[-1] == share
    assert ends(figure) == [(end, share), (5.0, 0.5)]
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 0].max() == end


def test_what_an_end_means_is_in_the_legend() -> None:
    rows = log([0.1, 0.3])
    assert legend_texts(certified_accuracy_curves({"one": (rows, FIXED)}))[-1] == END_KNOWN
    assert legend_texts(certified_accuracy_curves({"one": (rows, None)}))[-1] == END_FOUND
    both = legend_texts(certified_accuracy_curves({"one": (rows, FIXED), "two": (rows, None)}))[-1]
    assert both == f"{END_KNOWN}\n(of a log without settings: the largest in it)"


def test_the_legend_states_sigma_and_draws() -> None:
    grid = Certification(Sequential((0.0, 0.5), 100_000), 0.5, 0.001)
    figure = certified_accuracy_curves({"one": (log([0.1, 0.3]), FIXED), "two": (log([0.5] * 3), grid)})
    assert legend_texts(figure)[:2] == [
        "one, σ = 0.25, n = 1,000 (2 images)", "two, σ = 0.5, cap = 100,000 (3 images)"
    ]  # fmt: skip


def test_long_names_are_cut_in_their_middles_unless_they_would_be_the_same() -> None:
    rows = log([0.1, 0.3])
    long = [f"{first}{'m' * LONGEST}{last}" for first, last in (("begin-one", "end"), ("begin-two", "end"))]
    for text, name in zip(legend_texts(certified_accuracy_curves({n: (rows, None) for n in long})), long, strict=False):
        shown = text.removesuffix(" (2 images)")
        assert len(shown) == LONGEST and shown[:9] == name[:9] and shown[-3:] == "end" and "…" in shown
    alike = [f"{'a' * LONGEST}{place}{'z' * LONGEST}" for place in range(2)]
    texts = legend_texts(certified_accuracy_curves({name: (rows, None) for name in alike}))
    assert [text.replace("\n", " ") for text in texts[:2]] != [alike[0][:LONGEST]] * 2
    assert all(name in text.replace("\n", "") for name, text in zip(alike, texts, strict=False))


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("length", [5, 20, 30, 200])
def test_the_legend_is_below_the_axes_and_inside_the_figure(count: int, length: int) -> None:
    made = Certification(Sequential((0.0, 0.125), 100_000), 0.125, 0.001)
    logs = {f"{'M' * (length - 2)}{place:02d}": (log([0.1] * 2000), made) for place in range(count)}
    figure = certified_accuracy_curves(logs)
    FigureCanvasAgg(figure).draw()
    legend, axes = figure.legends[0].get_window_extent(), figure.axes[0].get_window_extent()
    assert legend.y1 < axes.y0 and legend.y0 >= 0
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1
    assert axes.height > 0.4 * axes.width


def test_names_that_matplotlib_reads_otherwise_are_shown_as_they_are() -> None:
    figure = certified_accuracy_curves({"_one": (log([0.1, 0.3]), None), "$two$": (log([0.1, 0.3]), None)})
    assert legend_texts(figure)[:2] == [" _one (2 images)", r"\$two\$ (2 images)"]


def test_logs_of_images_in_different_units_are_not_drawn_together() -> None:
    rows = log([0.1, 0.3])
    unit, pixels = (Certification(Fixed(1000), 0.25, 0.001, Bounds(0, upper)) for upper in (1, 255))
    with pytest.raises(InputError, match=r"different bounds.*: one in \[0, 1\], two in \[0, 255\]"):
        certified_accuracy_curves({"one": (rows, unit), "other": (rows, FIXED), "two": (rows, pixels)})
    same = certified_accuracy_curves({"one": (rows, pixels), "two": (rows, pixels)})
    assert "in [0, 255]" in same.axes[0].get_xlabel()
    for unstated in (FIXED, None):
        drawn = certified_accuracy_curves({"one": (rows, pixels), "two": (rows, unstated)})
        assert drawn.axes[0].get_xlabel() == "l2 radius (in the unit of the images)"


def test_logs_without_a_certificate_are_drawn() -> None:
    figure = certified_accuracy_curves({"none": (log([0.0, 0.5], [0, 0]), None), "any": (log([0.0, 0.0]), None)})
    assert heights(figure, 0, np.array([0.0, 0.5])).tolist() == [0, 0]
    assert ends(figure) == [(0.5, 0.0), (0.0, 1.0)]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="guesses has no radii: PREDICT gives none"):
        certified_accuracy_curves({"guesses": (log([0.5]).drop(columns="radius_exact"), None)})
    with pytest.raises(InputError, match="begun has no images yet"):
        certified_accuracy_curves({"begun": (log([]), FIXED)})
    with pytest.raises(InputError, match="expected 1 to 12 logs, got 0"):
        certified_accuracy_curves({})
    with pytest.raises(InputError, match="expected 1 to 12 logs, got 13"):
        certified_accuracy_curves({str(place): (log([0.5]), None) for place in range(13)})
    with pytest.raises(InputError, match=r"few: n = 9 draws can certify no radius at alpha 0\.001.*larger --n"):
        certified_accuracy_curves({"few": (log([0.0, 0.0], [0, 0]), Certification(Fixed(9), 0.25, 0.001))})
