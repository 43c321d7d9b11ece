"""Figures of a folder with several seeds or precisions of one network show one, and say which. About 5 seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from src.base import Precision
from src.certification.log import Fixed
from src.studies.resolution.config import DOWNSCALED, NORMAL
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED
from src.studies.resolution.corrected.figure_choices import alike_logs, schedules
from src.studies.resolution.corrected.figure_parts import sigma_style
from src.studies.resolution.corrected.figures import certified_accuracy, certified_by_resolution, trade_off
from src.studies.resolution.corrected.measurements import load_measurements
from src.training.recipes import Gaussian

from .corrected_folder import folder_of, job, list_trial, write_log
from .test_figures import assert_text_fits, lines, panel, points
from .test_tables import log_rows

ONE = job(NORMAL, Gaussian(0.25), FULL)


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
        assert points(lines(panel(figure, "ACR"))["ACR Normal 0.25"]) == [(pytest.approx(chosen), 0)]
        curves = [line for line in panel(certified_accuracy(folder_of(one, tmp_path)), "Normal").get_lines()
                  if line.get_label() == "0.25"]  # fmt: skip
        assert len(curves) == 1


class TestAlikeLogs:
    def draws(self, folder: Path) -> list[tuple[float, int]]:
        return [(one.sigma, log.draws) for one, log in alike_logs(load_measurements(folder_of(ONE, folder)))]

    def certify(self, folder: Path, sigma: float, counts: dict[int, int]) -> None:
        one = job(NORMAL, Gaussian(sigma), FULL)
        for n, images in counts.items():
            write_log(one, folder, Fixed(n), log_rows([0.1] * images, n))
        list_trial(one, folder)

    def test_the_largest_n_that_all_have(self, tmp_path: Path) -> None:
        self.certify(tmp_path, 0.25, {1_000: 9, 2_000: 5})
        self.certify(tmp_path, 0.5, {1_000: 9, 2_000: 5, 9_000: 2})
        assert self.draws(tmp_path) == [(0.25, 2_000), (0.5, 2_000)]

    def test_without_one_in_common_each_has_its_largest(self, tmp_path: Path) -> None:
        self.certify(tmp_path, 0.25, {1_000: 9})
        self.certify(tmp_path, 0.5, {2_000: 5, 9_000: 2})
        assert self.draws(tmp_path) == [(0.25, 1_000), (0.5, 9_000)]

    def test_one_without_certificates_by_a_fixed_number_is_left_out(self, tmp_path: Path) -> None:
        self.certify(tmp_path, 0.25, {})
        self.certify(tmp_path, 0.5, {2_000: 5})
        assert self.draws(tmp_path) == [(0.5, 2_000)]
        assert alike_logs([]) == []


def test_the_schedule_of_most_variants_comes_first_and_then_the_longest(tmp_path: Path) -> None:
    made = [(NORMAL, FULL, 0.25), (NORMAL, FULL, 0.5), (NORMAL, COMPARISON, 0.25),
            (NORMAL, REDUCED, 0.25), (DOWNSCALED, REDUCED, 0.25)]  # fmt: skip
    for variant, schedule, sigma in made:
        list_trial(job(variant, Gaussian(sigma), schedule), tmp_path)
    found = schedules(load_measurements(folder_of(ONE, tmp_path)))
    assert [(group[0].schedule, len(group)) for group in found] == [("reduced", 2), ("full", 2), ("comparison", 1)]


def test_a_sigma_that_is_not_of_the_study_looks_like_none_of_it() -> None:
    assert sigma_style(0.3)["color"] not in {sigma_style(sigma)["color"] for sigma in (0.125, 0.25, 0.5, 1.0)}
