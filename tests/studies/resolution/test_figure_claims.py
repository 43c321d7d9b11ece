"""Figures of the claims show every comparison of the paper's protocols, and the margin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.base import InputError
from src.claims import judge
from src.places import Places
from src.studies.resolution.claim_smoothing import MARGIN
from src.studies.resolution.claims import all_claims, write_claims
from src.studies.resolution.config import DOWNSCALED, NORMAL, WRITTEN
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.figure_claims import cells, smoothing_differences
from src.studies.resolution.figure_data import read_claim_tests
from tests.studies.resolution.records_folder import SMALL, job, write


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
    axes = smoothing_differences(folder).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 6 and labels[0] == "Downscaled, seed 0, sigma 0.15/255"
    (margin,) = axes.patches
    assert sorted((margin.get_x(), margin.get_x() + margin.get_width())) == pytest.approx([-MARGIN, MARGIN])


@pytest.mark.parametrize("draw", [cells, smoothing_differences])
def test_without_the_table_there_is_a_clear_error(tmp_path: Path, draw: object) -> None:
    with pytest.raises(InputError, match=r"claim_tests\.csv.*Run the study again"):
        draw(tmp_path)  # type: ignore[operator]
