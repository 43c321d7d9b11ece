"""Every table from logs and records made by hand, with the numbers worked out here. About 5 seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import ABSTAIN
from src.certification.log import Fixed, Sequential
from src.studies.resolution.config import CONTROL, DOWNSCALED, NORMAL
from src.studies.resolution.corrected.certificate_tables import published
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED, Schedule
from src.studies.resolution.corrected.measurements import load_measurements
from src.studies.resolution.corrected.plan import CorrectedJob
from src.studies.resolution.corrected.tables import write_tables
from src.training.recipes import Consistency, Gaussian, SmoothAdv, Stability

from .corrected_folder import job, list_trial, write_log

Z = 1.959963984540054
T_9 = 2.2621571628540993
"""The 97.5% quantiles of the normal distribution and of Student's t with 9 degrees of freedom."""

RADII = (0.9, 0.8, 0.6, 0.5, 0.3, 0.26, 0.1, 0.05, -0.7, None)
"""Certified for ten images: negative for the wrong class, None for an abstention."""


def log_rows(radii: Sequence[float | None], n: int | Sequence[int] = 1_000, first: int = 0) -> pd.DataFrame:
    """Of images first, first + 1, ..., in falling order: tables must not rely on the log's order."""
    idx = np.arange(first, first + len(radii))
    predict = [ABSTAIN if radius is None else 1 if radius >= 0 else 2 for radius in radii]
    made = {"idx": idx, "label": 1, "predict": predict, "radius": [abs(radius or 0.0) for radius in radii]}
    return pd.DataFrame({**made, "count": 0, "n": n})[::-1]


def wilson(hits: int, count: int) -> tuple[float, float]:
    p = hits / count
    middle = (p + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(p * (1 - p) / count + Z**2 / (4 * count**2))
    return middle - half, middle + half


def table(one: CorrectedJob, folder: Path, name: str) -> pd.DataFrame:
    place = list_trial(one, folder)
    write_tables(place)
    return pd.read_csv(place / name, keep_default_na=False, na_values=[""])


class TestCertifiedAccuracy:
    @pytest.fixture
    def rows(self, tmp_path: Path) -> pd.DataFrame:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(100_000), log_rows(RADII, 100_000))
        return table(one, tmp_path, "certified_accuracy.csv").set_index("radius")

    def test_radii_are_quarters_of_sigma_as_far_as_the_draws_reach(self, rows: pd.DataFrame) -> None:
        # 100,000 of 100,000 votes certify 0.25 * 3.8115 = 0.953.
        assert rows.index.tolist() == [0.0625 * step for step in range(16)]
        assert (rows["radius_28"] == rows.index).all()

    def test_accuracy_and_interval(self, rows: pd.DataFrame) -> None:
        assert rows["certified_accuracy"].tolist() == [0.8, 0.7, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.2,
                                                       0.2, 0.1, 0.1, 0.0]  # fmt: skip
        for radius, hits in ((0, 8), (0.25, 6), (0.9375, 0)):
            assert rows.loc[radius, ["low", "high"]].tolist() == pytest.approx(wilson(hits, 10), abs=1e-5)

    def test_one_of_ten_certificates_may_be_wrong(self, rows: pd.DataFrame) -> None:
        # Of ten certificates, each wrong with probability 0.001, two or more are with 4.5e-5, one or more with 0.01.
        assert rows.loc[[0, 0.25, 0.9375], "high_probability"].tolist() == pytest.approx([0.7, 0.5, 0.0])

    def test_published_and_floor(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(100_000), log_rows([0.953] * 97 + [None] * 3, 100_000))
        rows = table(one, tmp_path, "certified_accuracy.csv").set_index("radius")
        compared = rows[rows["published"].notna()]
        assert compared["published"].to_dict() == {0: 0.992, 0.25: 0.985, 0.5: 0.967, 0.75: 0.931}
        assert compared["published_minus_ours"].tolist() == pytest.approx([0.022, 0.015, -0.003, -0.039])
        floors = [p - 0.02 - Z * math.sqrt(p * (1 - p) / 100) for p in (0.992, 0.985, 0.967, 0.931)]
        assert compared["floor"].tolist() == pytest.approx(floors, abs=1e-6)
        assert compared["at_or_above_floor"].tolist() == ["yes"] * 4
        assert rows.drop(index=compared.index)["at_or_above_floor"].isna().all()

    def test_below_the_floor(self, tmp_path: Path) -> None:
        # At 0.75 the floor of a hundred images is 0.8613, at 0.5 it is 0.912.
        one = job(NORMAL, Gaussian(0.25), FULL)
        rows = log_rows([0.8] * 87 + [0.1] * 13, 100_000)
        write_log(one, tmp_path, Sequential((0.5, 0.75), 100_000), rows)
        verdicts = table(one, tmp_path, "certified_accuracy.csv").set_index("radius")["at_or_above_floor"]
        assert verdicts.to_dict() == {0.5: "no", 0.75: "yes"}

    @pytest.mark.parametrize(
        ("schedule", "method", "images"),
        [(FULL, Fixed(1_000), 100), (FULL, Fixed(100_000), 99), (COMPARISON, Fixed(100_000), 100),
         (FULL, Sequential((0.0, 0.25), 50_000), 100)],
    )  # fmt: skip
    def test_no_verdict_without_the_published_draws_images_and_schedule(
        self, schedule: Schedule, method: Fixed | Sequential, images: int, tmp_path: Path
    ) -> None:
        one = job(NORMAL, Gaussian(0.25), schedule)
        write_log(one, tmp_path, method, log_rows([0.25] * images, 1_000))
        rows = table(one, tmp_path, "certified_accuracy.csv").set_index("radius")
        assert rows.loc[[0, 0.25], "published"].tolist() == [0.992, 0.985]
        assert rows[["floor", "published_minus_ours", "at_or_above_floor"]].isna().all(axis=None)

    @pytest.mark.parametrize(("n", "published_radii"), [(1_000, [0, 0.25, 0.5]), (100_000, [0, 0.25, 0.5, 0.75])])
    def test_a_published_radius_that_the_draws_cannot_certify_has_no_row(
        self, n: int, published_radii: list[float], tmp_path: Path
    ) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(n), log_rows([0.6] * 10, n))
        rows = table(one, tmp_path, "certified_accuracy.csv")
        assert rows.loc[rows["published"].notna(), "radius"].tolist() == published_radii
        # 1,000 of 1,000 votes certify 0.6158.
        assert rows["radius"].max() == (0.5625 if n == 1_000 else 0.9375)

    def test_a_radius_of_a_grid_that_the_cap_cannot_certify_has_no_row(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Sequential((0.25, 0.75), 300), log_rows([0.25, None]))
        assert table(one, tmp_path, "certified_accuracy.csv")["radius"].tolist() == [0.25]

    def test_out_of_reach_is_not_compared(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        # 100,000 hits certify 3.81 sigma by a fixed number, and sequentially less than that: not 4 sigma.
        write_log(one, tmp_path, Sequential((0.75, 1.0), 100_000), log_rows([0.75] * 100))
        (measured,) = load_measurements(list_trial(one, tmp_path))
        assert measured.logs[0].largest_radius == 0.75

    @pytest.mark.parametrize(("variant", "factor"), [(DOWNSCALED, 2), (CONTROL, 0.5)])
    def test_distances_in_the_picture(self, variant: object, factor: float, tmp_path: Path) -> None:
        one = job(variant, Gaussian(0.5), REDUCED)  # type: ignore[arg-type]
        write_log(one, tmp_path, Fixed(1_000), log_rows(RADII))
        rows = table(one, tmp_path, "certified_accuracy.csv")
        assert rows["radius_28"].tolist() == (rows["radius"] * factor).tolist()
        assert (rows["sigma_28"] == 0.5 * factor).all()
        assert rows["published"].isna().all()

    def test_a_grid_is_its_own_radii(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.5), FULL)
        write_log(one, tmp_path, Sequential((0.0, 0.5, 1.0), 9_000), log_rows([0.0, 0.5, 1.0, -0.5]))
        rows = table(one, tmp_path, "certified_accuracy.csv")
        assert rows["radius"].tolist() == [0, 0.5, 1]
        assert rows["certified_accuracy"].tolist() == [0.75, 0.5, 0.25]
        assert rows[["method", "draws", "grid"]].drop_duplicates().values.tolist() == [["sequential", 9000, "0 0.5 1"]]

    def test_a_radius_is_never_shown_larger_than_it_is(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.7), FULL)
        grid = (0.1234567, 0.2999999)
        write_log(one, tmp_path, Sequential(grid, 9_000), log_rows([0.2999999, 0.1234567]))
        assert table(one, tmp_path, "certified_accuracy.csv")["radius"].tolist() == [0.12345, 0.29999]

    @pytest.mark.parametrize(
        ("schedule", "name"), [(FULL, "full"), (COMPARISON, "comparison"), (REDUCED, "reduced"),
                               (Schedule("any", 123, 4), "other")]
    )  # fmt: skip
    def test_schedules_have_names(self, schedule: Schedule, name: str, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), schedule)
        write_log(one, tmp_path, Fixed(1_000), log_rows(RADII))
        row = table(one, tmp_path, "certificates.csv").iloc[0]
        assert (row["schedule"], row["train_images"], row["epochs"]) == (name, schedule.train_images, schedule.epochs)


class TestCertificates:
    def test_a_fixed_log(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(100_000), log_rows(RADII, 100_000))
        row = table(one, tmp_path, "certificates.csv").iloc[0]
        values = np.array([0.9, 0.8, 0.6, 0.5, 0.3, 0.26, 0.1, 0.05, 0, 0])
        half = T_9 * values.std(ddof=1) / math.sqrt(10)
        assert row[["acr", "acr_low", "acr_high"]].tolist() == pytest.approx(
            [0.351, 0.351 - half, 0.351 + half], abs=1e-5
        )
        assert row[["abstention_rate", "accuracy", "images", "n0"]].tolist() == [0.1, 0.8, 10, 100]
        assert row[["draws_mean", "draws_median", "draws_max", "draws_total"]].tolist() == [1e5, 1e5, 1e5, 1e6]
        published_minus = row[["published_minus_acr", "published_minus_acr_low", "published_minus_acr_high"]].tolist()
        assert row["published_acr"] == 0.911
        assert row["largest_radius"] == 0.95286
        assert published_minus == pytest.approx([0.56, 0.56 - half, 0.56 + half], abs=1e-5)

    def test_a_sequential_log(self, tmp_path: Path) -> None:
        one = job(DOWNSCALED, Gaussian(0.5), FULL)
        write_log(one, tmp_path, Sequential((0.5, 1.0), 5_000), log_rows([0.5, 1.0, None], [100, 200, 900]))
        row = table(one, tmp_path, "certificates.csv").iloc[0]
        assert row[["draws_mean", "draws_median", "draws_max", "draws_total"]].tolist() == [400, 200, 900, 1200]
        assert row[["acr", "acr_28", "acr_is_lower_bound"]].tolist() == [0.5, 1.0, "yes"]
        # That nothing is certified at 0.5 does not say that the answer is wrong.
        assert math.isnan(row["accuracy"]) and row["abstention_rate"] == pytest.approx(1 / 3, abs=1e-6)

    @pytest.mark.parametrize(
        ("variant", "method"),
        [(NORMAL, Fixed(1_000)), (DOWNSCALED, Fixed(100_000)), (NORMAL, Sequential((0.0, 0.25), 100_000))],
    )
    def test_acr_is_compared_only_with_what_was_published(
        self, variant: object, method: Fixed | Sequential, tmp_path: Path
    ) -> None:
        one = job(variant, Gaussian(0.25), FULL)  # type: ignore[arg-type]
        write_log(one, tmp_path, method, log_rows(RADII))
        assert math.isnan(table(one, tmp_path, "certificates.csv").loc[0, "published_acr"])

    def test_a_single_image_has_no_interval(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([0.5]))
        row = table(one, tmp_path, "certificates.csv").iloc[0]
        assert row["acr"] == 0.5 and math.isnan(row["acr_low"]) and math.isnan(row["acr_high"])

    def test_published_numbers_are_read(self) -> None:
        assert len(published()) == 15
        accuracy = published()["macer", 1.0].accuracy
        assert accuracy == pytest.approx({0: 0.916, 0.5: 0.834, 1: 0.711, 1.5: 0.557, 2: 0.387})


class TestSequential:
    def test_beside_the_largest_fixed_number_on_the_images_in_both(self, tmp_path: Path) -> None:
        one = job(DOWNSCALED, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([None] * 9))
        # Images 2 to 5 are in both: 0.3 and 0.5, nothing and 0.6, 0.5 and 0.4, wrong and abstained.
        write_log(one, tmp_path, Fixed(2_000), log_rows([0.5, 0.6, 0.4, None, 0.9], 2_000, first=2))
        draws = [9, 9, 100, 200, 300, 400]
        write_log(one, tmp_path, Sequential((0.25, 0.5), 5_000), log_rows([0.5, 0.5, 0.25, None, 0.5, -0.5], draws))
        rows = table(one, tmp_path, "sequential.csv").set_index("radius")
        assert rows[["images", "n", "cap"]].drop_duplicates().values.tolist() == [[4, 2000, 5000]]
        assert rows["sequential_certified"].tolist() == [2, 1] and rows["fixed_certified"].tolist() == [3, 2]
        assert rows["decided_otherwise"].tolist() == [1, 3]
        assert [str(names) for names in rows["decided_otherwise_images"]] == ["3", "2 3 4"]
        assert (rows[["sequential_draws_mean", "fixed_draws", "share_of_draws"]] == [250, 2000, 0.125]).all(axis=None)
        assert rows.loc[0.25, ["fixed_low", "fixed_high"]].tolist() == pytest.approx(wilson(3, 4), abs=1e-5)
        assert rows.loc[0.5, ["sequential_low", "sequential_high"]].tolist() == pytest.approx(wilson(1, 4), abs=1e-5)
        assert rows["radius_28"].tolist() == [0.5, 1.0]

    def test_draws_that_choose_the_class_count_on_both_sides(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([0.5] * 4))
        write_log(one, tmp_path, Sequential((0.25,), 5_000), log_rows([0.25] * 4, 200))
        row = table(one, tmp_path, "sequential.csv").iloc[0]
        assert row["n0"] == 100 and row["share_of_draws"] == 0.2
        assert row["share_with_selection"] == pytest.approx(300 / 1100, abs=1e-6)

    @pytest.mark.parametrize(("n", "cap", "decided"), [(1_000, 100_000, [2, math.nan]), (100_000, 300, [2, math.nan]),
                                                       (100_000, 100_000, [2, 0])])  # fmt: skip
    def test_radii_beyond_the_reach_of_either_are_not_decided(
        self, n: int, cap: int, decided: list[float], tmp_path: Path
    ) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        # 1,000 draws certify 0.616, and with a cap of 300 draws the e-value certifies 0.25 and not 0.75.
        write_log(one, tmp_path, Fixed(n), log_rows([0.5, 0.5, 0.1], n))
        write_log(one, tmp_path, Sequential((0.25, 0.75), cap), log_rows([None, 0.25, 0.25], 200))
        rows = table(one, tmp_path, "sequential.csv")
        np.testing.assert_array_equal(rows["decided_otherwise"], decided)
        assert rows["fixed_accuracy"].isna().tolist() == [False, n == 1_000]
        assert rows["sequential_low"].isna().tolist() == [False, cap == 300]
        assert rows["decided_otherwise_images"].isna().tolist() == [False, True]

    def test_without_a_common_image_there_is_no_row(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([0.5]))
        write_log(one, tmp_path, Sequential((0.25,), 5_000), log_rows([0.25], first=1))
        assert table(one, tmp_path, "sequential.csv").empty


class TestRecipes:
    @pytest.fixture
    def rows(self, tmp_path: Path) -> pd.DataFrame:
        gaussian = job(DOWNSCALED, Gaussian(0.25), COMPARISON)
        write_log(gaussian, tmp_path, Fixed(2_000), log_rows([0.1, 0.2, 0.3, 0.4, -0.5]))
        better = job(DOWNSCALED, Consistency(0.25), COMPARISON)
        write_log(better, tmp_path, Fixed(2_000), log_rows([0.2, 0.3, 0.4, 0.5, 0.1, 0.6]))
        worse = job(DOWNSCALED, Stability(0.25), COMPARISON)
        write_log(worse, tmp_path, Fixed(2_000), log_rows([0.3, 0.1, 0.1, -0.2], first=1))
        unclear = job(DOWNSCALED, SmoothAdv(0.25), COMPARISON)
        write_log(unclear, tmp_path, Fixed(2_000), log_rows([0.4, 0.1, 0.2, 0.4]))
        # With other draws, another schedule, seed or sigma: not comparable.
        write_log(better, tmp_path, Fixed(1_000), log_rows([0.2, 0.3]))
        others = [job(DOWNSCALED, Consistency(0.25), REDUCED), job(DOWNSCALED, Consistency(0.25), COMPARISON, seed=1)]
        others += [job(DOWNSCALED, Consistency(0.5), COMPARISON), job(NORMAL, Consistency(0.25), COMPARISON)]
        for one in others:
            write_log(one, tmp_path, Fixed(2_000), log_rows([0.2, 0.3]))
        for one in (gaussian, better, worse, unclear, *others):
            list_trial(one, tmp_path)
        return table(gaussian, tmp_path, "recipes.csv").set_index("recipe")

    def test_only_what_differs_in_the_recipe_alone(self, rows: pd.DataFrame) -> None:
        assert rows.index.tolist() == ["gaussian", "stability", "consistency", "smoothadv"]
        assert rows["images"].tolist() == [5, 4, 6, 4]
        assert rows["acr"].tolist() == pytest.approx([0.2, 0.125, 0.35, 0.275], abs=1e-6)
        # 0.25 * Phi^-1(0.001^(1 / 2000)), rounded down.
        assert rows["largest_radius"].tolist() == [0.67545] * 4

    def test_differences_are_paired_and_have_a_sign(self, rows: pd.DataFrame) -> None:
        # Each image gains 0.1: resampling changes nothing, whatever the spread between images.
        better = rows.loc["consistency", ["minus_gaussian", "minus_gaussian_low", "minus_gaussian_high"]]
        assert better.tolist() == pytest.approx([0.1] * 3)
        assert rows.loc["consistency", ["common_images", "above_gaussian"]].tolist() == [5, "yes"]
        # Images 1 to 4: +0.1, -0.2, -0.3 and 0 (both wrong).
        worse = rows.loc["stability"]
        assert worse["minus_gaussian"] == pytest.approx(-0.1) and worse["common_images"] == 4
        assert -0.3 <= worse["minus_gaussian_low"] < -0.1 < worse["minus_gaussian_high"] <= 0.1
        assert worse["above_gaussian"] == "no"
        assert rows.loc["gaussian", ["minus_gaussian", "above_gaussian"]].isna().all()

    def test_a_gain_within_its_interval_is_not_above(self, rows: pd.DataFrame) -> None:
        # +0.3, -0.1, -0.1 and 0.
        unclear = rows.loc["smoothadv"]
        assert unclear["minus_gaussian"] == pytest.approx(0.025) and unclear["minus_gaussian_low"] < 0
        assert unclear["above_gaussian"] == "no"
