"""What resolution changes, from logs made by hand, with the numbers worked out here. About 2 seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from src.certification.log import Fixed, Sequential
from src.studies.resolution.config import CONTROL, CONTROL_SMALL, DOWNSCALED, NORMAL, Variant
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED, Schedule
from src.training.recipes import Consistency, Gaussian

from .corrected_folder import job, list_trial, write_log
from .test_tables import log_rows, table

INTERVAL = ["difference", "difference_low", "difference_high"]
TOGETHER = ["difference", "simultaneous_low", "simultaneous_high"]


def certify(
    folder: Path, variant: Variant, sigma: float, radii: list[float | None], first: int = 0, n: int = 1_000,
    schedule: Schedule = REDUCED, seed: int = 0,
) -> str:  # fmt: skip
    """The trial's key."""
    one = job(variant, Gaussian(sigma), schedule, seed=seed)
    write_log(one, folder, Fixed(n), log_rows(radii, n, first))
    list_trial(one, folder)
    return one.trial.key


def rows_of(folder: Path) -> pd.DataFrame:
    return table(job(NORMAL, Gaussian(0.25), REDUCED), folder, "resolution.csv")


class TestRow:
    def test_both_are_of_the_images_in_common_on_the_scale_of_28(self, tmp_path: Path) -> None:
        normal = certify(tmp_path, NORMAL, 0.25, [0.6, 0.4, 0.2, 0.2])
        # Images 1 to 4: on the scale of 28x28 0.3, 0.1, and 0 for a wrong answer.
        other = certify(tmp_path, DOWNSCALED, 0.125, [0.15, 0.05, -0.3, 0.3], first=1)
        (row,) = rows_of(tmp_path).to_dict("records")
        assert (row["comparison"], row["n"], row["images"]) == ("equal noise on the picture", 1_000, 3)
        assert (row["variant"], row["sigma"], row["normal_sigma"]) == ("Downscaled", 0.125, 0.25)
        assert row["acr_28"] == pytest.approx(0.4 / 3, abs=1e-6)
        assert row["normal_acr_28"] == pytest.approx(0.8 / 3, abs=1e-6)
        assert row["difference"] == pytest.approx(-0.4 / 3, abs=1e-6)
        assert row["difference_low"] == pytest.approx(-0.2) and row["difference_high"] == pytest.approx(-0.1)
        assert (row["normal_trial"], row["trial"]) == (normal, other)

    def test_the_interval_is_of_the_differences(self, tmp_path: Path) -> None:
        """However much the images differ, a network that gains 0.1 on each gains 0.1."""
        certify(tmp_path, NORMAL, 0.25, [0.0, 0.1, 0.3, 0.5])
        certify(tmp_path, CONTROL, 0.5, [0.2, 0.4, 0.8, 1.2])
        assert rows_of(tmp_path)[INTERVAL].iloc[0].tolist() == pytest.approx([0.1] * 3)

    def test_what_n_can_give_at_the_most(self, tmp_path: Path) -> None:
        certify(tmp_path, NORMAL, 0.25, [0.1, 0.2])
        certify(tmp_path, CONTROL, 0.25, [0.1, 0.2])
        row = rows_of(tmp_path).iloc[0]
        # 0.25 * Phi^-1(0.001^(1 / 1000)) = 0.61582, half as large in the unit of 28x28.
        assert row[["largest_acr_28", "normal_largest_acr_28"]].tolist() == [0.3079, 0.61581]

    def test_the_share_of_images_that_have_it(self, tmp_path: Path) -> None:
        # All hits, which is sigma times 2.463, some hits, and all hits for the wrong class.
        certify(tmp_path, NORMAL, 0.25, [0.6158, 0.1, 0.2, 0.3])
        certify(tmp_path, DOWNSCALED, 0.25, [0.6158, 0.6158, 0.1, -0.6158])
        row = rows_of(tmp_path).iloc[0]
        assert row[["at_largest", "normal_at_largest"]].tolist() == [0.5, 0.25]

    def test_one_image_has_no_interval(self, tmp_path: Path) -> None:
        certify(tmp_path, NORMAL, 0.25, [0.1])
        certify(tmp_path, DOWNSCALED, 0.25, [0.1])
        row = rows_of(tmp_path).iloc[0]
        assert row["difference"] == pytest.approx(0.1)
        assert row[["difference_low", "difference_high", "simultaneous_low", "simultaneous_high"]].isna().all()

    def test_without_an_image_in_common_there_is_no_row(self, tmp_path: Path) -> None:
        certify(tmp_path, NORMAL, 0.25, [0.1])
        certify(tmp_path, DOWNSCALED, 0.25, [0.1], first=1)
        assert rows_of(tmp_path).empty


class TestGroups:
    def test_equal_noise_on_the_picture_and_on_the_pixels(self, tmp_path: Path) -> None:
        certify(tmp_path, NORMAL, 0.25, [0.1, 0.2])
        for variant, sigma in ((DOWNSCALED, 0.125), (DOWNSCALED, 0.25), (CONTROL, 0.25), (CONTROL, 0.5)):
            certify(tmp_path, variant, sigma, [0.1, 0.2])
        rows = rows_of(tmp_path)
        found = [(row.comparison, row.variant, row.sigma, row.normal_sigma) for row in rows.itertuples()]
        assert found == [
            ("equal noise on the picture", "Downscaled", 0.125, 0.25),
            ("equal noise on the picture", "Control", 0.5, 0.25),
            ("equal sigma", "Downscaled", 0.25, 0.25),
            ("equal sigma", "Control", 0.25, 0.25),
        ]

    def test_simultaneous_intervals_are_those_of_the_group(self, tmp_path: Path) -> None:
        radii: list[float | None] = [0.01 * step for step in range(40)]
        certify(tmp_path, NORMAL, 0.25, [0.2] * 40)
        for variant in (DOWNSCALED, CONTROL, CONTROL_SMALL):
            certify(tmp_path, variant, 0.25, radii)
        certify(tmp_path, DOWNSCALED, 0.125, radii)
        rows = rows_of(tmp_path).set_index("comparison")
        alone = rows.loc["equal noise on the picture"]
        assert alone["rows_in_group"] == 1 and alone[INTERVAL].tolist() == alone[TOGETHER].tolist()
        three = rows.loc["equal sigma"]
        assert (three["rows_in_group"] == 3).all()
        widths = (three["simultaneous_high"] - three["simultaneous_low"]) / (
            three["difference_high"] - three["difference_low"]
        )
        # The normal quantiles at 1 - 0.05 / 6 and at 0.975 are 2.394 and 1.960: 1.22 times as wide.
        assert widths.between(1.12, 1.32).all()

    def test_only_what_is_alike_is_compared(self, tmp_path: Path) -> None:
        certify(tmp_path, NORMAL, 0.25, [0.1, 0.2])
        certify(tmp_path, DOWNSCALED, 0.25, [0.1, 0.2], schedule=FULL)
        certify(tmp_path, DOWNSCALED, 0.25, [0.1, 0.2], schedule=COMPARISON)
        certify(tmp_path, DOWNSCALED, 0.25, [0.1, 0.2], seed=1)
        certify(tmp_path, DOWNSCALED, 0.25, [0.1, 0.2], n=2_000)
        certify(tmp_path, DOWNSCALED, 0.5, [0.1, 0.2], n=2_000)
        recipe = job(DOWNSCALED, Consistency(0.25), REDUCED)
        other = job(DOWNSCALED, Gaussian(0.25), REDUCED)
        other = replace(other, trial=replace(other.trial, precision="bfloat16"))
        for one in (recipe, other):
            write_log(one, tmp_path, Fixed(1_000), log_rows([0.1, 0.2]))
            list_trial(one, tmp_path)
        sequential = job(CONTROL, Gaussian(0.25), REDUCED)
        write_log(sequential, tmp_path, Sequential((0.1, 0.2), 1_000), log_rows([0.1, 0.2]))
        list_trial(sequential, tmp_path)
        assert rows_of(tmp_path).empty
