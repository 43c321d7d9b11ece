"""Figures of the claims show every comparison of the paper's protocols, and the margin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from src.base import InputError
from src.claims.claim import judge
from src.experiments.folders import Places
from src.studies.resolution.claim_smoothing import MARGIN
from src.studies.resolution.claims import all_claims, write_claims
from src.studies.resolution.config import DOWNSCALED, NORMAL, WRITTEN
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.figure_claims import cells, smoothing_differences
from src.studies.resolution.figure_data import read_claim_tests
from tests.studies.resolution.records_folder import SMALL, job, write
from tests.studies.resolution.test_figures import assert_text_fits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("figures")
    places = Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")
    for one in (job(DOWNSCALED), job(NORMAL), job(NORMAL, WRITTEN)):
        write(places, one)
    write_claims(tmp_path, judge(all_claims(), load_evidence(places, SMALL)))
    return tmp_path


def test_a_row_for_each_cell_and_a_colour_for_each_protocol(folder: Path) -> None:
    figure = cells(folder)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 8 and labels[0] == "clean, Downscaled, CNN" and labels[-1] == "FGSM, Normal, RS"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["released", "written"]
    # 8 cells as released and 4 as written, with both ends of each interval.
    drawn = [bars for collection in figure.axes[0].collections for bars in collection.get_segments()]
    tests = read_claim_tests(folder)
    tests = tests[tests["claim"].str.endswith("_accuracy")]
    assert len(tests) == len(drawn) == 12
    ends = np.array(sorted(tuple(bar[:, 0]) for bar in drawn))
    assert ends == pytest.approx(np.array(sorted(zip(tests["low"], tests["high"], strict=True))))


def test_a_row_for_each_difference_and_the_margin(folder: Path) -> None:
    clean, attacked = smoothing_differences(folder).axes
    assert clean.get_title(loc="left") == "On clean images" and "FGSM" in attacked.get_title(loc="left")
    for axes, ends in ((clean, ("0.15/255", "38.25/255")), (attacked, ("epsilon 2/255", "epsilon 10/255"))):
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert [label.split(",")[0] for label in labels] == ["Downscaled", "Normal", "Normal"]
        assert labels[1].endswith(ends[0]) and labels[2].endswith(ends[1])
        (margin,) = axes.patches
        assert sorted((margin.get_x(), margin.get_x() + margin.get_width())) == pytest.approx([-MARGIN, MARGIN])


def test_rows_are_by_protocol_and_network_each_with_its_own_interval(tmp_path: Path) -> None:
    subjects = [("written", "Control Small, seed 0"), ("released", "Control, seed 0"), ("released", "Normal, seed 1")]
    rows = [
        {"claim": "smoothing-accuracy", "protocol": protocol, "subject": subject, "quantity": "", "p_value": 1.0,
         "value": place / 100, "low": place / 100 - 0.001, "high": place / 100 + 0.001, "outcome": "holds"}
        for place, (protocol, subject) in enumerate(subjects)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "claim_tests.csv", index=False)
    (axes,) = smoothing_differences(tmp_path).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [subjects[place][1] for place in (2, 1, 0)]
    points = np.concatenate([container[0].get_xydata() for container in axes.containers])
    np.testing.assert_allclose(points[points[:, 1].argsort()], [(0.02, 0), (0.01, 1), (0, 2)])


@pytest.mark.parametrize("draw", [cells, smoothing_differences])
def test_text_fits(draw: Callable[[Path], Figure], folder: Path) -> None:
    assert_text_fits(draw(folder))


def test_without_a_comparison_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "claim_tests.csv").write_text("claim,protocol,subject,value,low,high,outcome\n")
    for draw in (cells, smoothing_differences):
        (axes,) = draw(tmp_path).axes
        assert [text.get_text() for text in axes.texts] == ["Nothing measured yet."]


@pytest.mark.parametrize("draw", [cells, smoothing_differences])
def test_without_the_table_there_is_a_clear_error(tmp_path: Path, draw: object) -> None:
    with pytest.raises(InputError, match=r"claim_tests\.csv.*Run the study again"):
        draw(tmp_path)  # type: ignore[operator]
