"""Figures of the claims show every comparison of the paper's protocols, and the margin."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.base import InputError
from src.claims import judge
from src.studies.resolution.claim_smoothing import MARGIN
from src.studies.resolution.claims import all_claims, write_claims
from src.studies.resolution.config import DOWNSCALED, NORMAL, WRITTEN
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.figure_claims import cells, smoothing_differences
from src.studies.resolution.plan import Places
from tests.studies.resolution.records_folder import SMALL, job, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
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


def test_a_row_for_each_difference_and_the_margin(folder: Path) -> None:
    axes = smoothing_differences(folder).axes[0]
    assert len(axes.get_yticklabels()) == 6
    (margin,) = axes.patches
    assert sorted((margin.get_x(), margin.get_x() + margin.get_width())) == pytest.approx([-MARGIN, MARGIN])


@pytest.mark.parametrize("draw", [cells, smoothing_differences])
def test_without_the_table_there_is_a_clear_error(tmp_path: Path, draw: object) -> None:
    with pytest.raises(InputError, match=r"claim_tests\.csv.*Run the study again"):
        draw(tmp_path)  # type: ignore[operator]
