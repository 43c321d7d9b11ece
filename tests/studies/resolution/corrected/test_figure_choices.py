"""Figures of a folder with several seeds or precisions of one network show one, and say which. About 5 seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from src.base import Precision
from src.certification_log import Fixed
from src.studies.resolution.config import NORMAL
from src.studies.resolution.corrected.config import FULL
from src.studies.resolution.corrected.figure_parts import sigma_style
from src.studies.resolution.corrected.figures import certified_accuracy, certified_by_resolution, trade_off
from src.training.recipes import Gaussian

from .corrected_folder import folder_of, job, list_trial, write_log
from .test_figures import assert_text_fits, lines, panel, points
from .test_tables import log_rows


class TestOneOfEach:
    @pytest.mark.parametrize(
        ("counts", "chosen", "note"),
        [({(0, "float32"): 4, (0, "bfloat16"): 4, (1, "float32"): 4}, 0.1, ""),
         ({(0, "float32"): 4, (0, "bfloat16"): 5}, 0.2, " (bfloat16)"),
         ({(0, "float32"): 4, (1, "float32"): 5}, 0.3, " (seed 1)")],
    )  # fmt: skip
    def test_most_certificates_then_first_seed_and_float32(
        self, counts: dict[tuple[int, Precision], int], chosen: float, note: str, tmp_path: Path
    ) -> None:
        radii = {(0, "float32"): 0.1, (0, "bfloat16"): 0.2, (1, "float32"): 0.3}
        for (seed, precision), count in counts.items():
            one = job(NORMAL, Gaussian(0.25), FULL, seed=seed)
            one = replace(one, trial=replace(one.trial, precision=precision))
            write_log(one, tmp_path, Fixed(1_000), log_rows([radii[seed, precision]] * count))
            list_trial(one, tmp_path)
        for draw in (certified_accuracy, certified_by_resolution, trade_off):
            figure = draw(folder_of(one, tmp_path))
            assert (note in figure.get_suptitle()) and ("(" in figure.get_suptitle()) == bool(note)
            assert_text_fits(figure)
        assert points(lines(panel(figure, "Certified radius"))["ACR Normal"]) == [(0.25, pytest.approx(chosen))]
        curves = [line for line in panel(certified_accuracy(folder_of(one, tmp_path)), "Normal").get_lines()
                  if line.get_label() == "0.25"]  # fmt: skip
        assert len(curves) == 1


def test_a_sigma_that_is_not_of_the_study_looks_like_none_of_it() -> None:
    assert sigma_style(0.3)["color"] not in {sigma_style(sigma)["color"] for sigma in (0.125, 0.25, 0.5, 1.0)}
