"""The tables of attacks from records made by hand, with the numbers worked out here. About 2 seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.base import ABSTAIN
from src.certification.log import Fixed
from src.studies.resolution.config import DOWNSCALED
from src.studies.resolution.corrected.attack_tables import median_interval
from src.studies.resolution.corrected.conditions import Attack, Condition
from src.studies.resolution.corrected.config import FULL
from src.training.recipes import Gaussian

from .corrected_folder import job, write_log, write_records
from .test_tables import log_rows, table, wilson

ONE = job(DOWNSCALED, Gaussian(0.25), FULL)
RIGHT, WRONG = 1, 2
PGD = Attack("pgd", "l2", 0.25, 20, 1)
SMOOTHED = Attack("smoothed-pgd", "l2", 0.25, 20, 1, 16)


def records(
    condition: Condition, predictions: Sequence[int], first: int = 0, distances: Sequence[float] | float = 0.1
) -> pd.DataFrame:
    """Of images first, first + 1, ... of class 1, in falling order."""
    images = np.arange(first, first + len(predictions))
    made = {"image": images, "label": RIGHT, "prediction": predictions, "distance": distances}
    return pd.DataFrame({**condition.columns(), **made})[::-1]


class TestRobustAccuracy:
    def rows(self, folder: Path, *frames: pd.DataFrame) -> pd.DataFrame:
        write_records(ONE, folder, pd.concat(frames))
        return table(ONE, folder, "robust_accuracy.csv")

    def test_an_abstention_is_an_error(self, tmp_path: Path) -> None:
        attacked = records(Condition(PGD, 100), [RIGHT, RIGHT, ABSTAIN, WRONG], distances=[0.1, 0.2, 0.3, 0.8])
        row = self.rows(tmp_path, attacked).iloc[0]
        assert row[["accuracy", "abstention_rate", "wrong_answers", "images"]].tolist() == [0.5, 0.25, 0.25, 4]
        assert row[["low", "high"]].tolist() == pytest.approx(wilson(2, 4), abs=1e-5)
        assert row[["distance_mean", "distance_median"]].tolist() == pytest.approx([0.35, 0.25])
        assert row[["classifier", "n", "alpha", "attack", "norm", "steps", "restarts", "m"]].tolist() == [
            "smoothed", 100, 0.001, "pgd", "l2", 20, 1, 0,
        ]  # fmt: skip

    def test_each_condition_has_its_row(self, tmp_path: Path) -> None:
        fgsm = Attack("fgsm-log-odds", "linf", 2 / 255)
        conditions = [Condition(attack, n) for attack in (None, PGD, fgsm) for n in (0, 100)]
        conditions += [Condition(SMOOTHED, 100), Condition(Attack("smoothed-pgd", "l2", 0.25, 20, 1, 4), 100)]
        deepfool = records(Condition(Attack("deepfool", "l2"), 0), [WRONG])
        rows = self.rows(tmp_path, deepfool, *(records(condition, [RIGHT]) for condition in conditions))
        assert len(rows) == 8 and "deepfool" not in set(rows["attack"])

    def test_scales_of_epsilon(self, tmp_path: Path) -> None:
        fgsm = records(Condition(Attack("fgsm-log-odds", "linf", 10 / 255), 0), [RIGHT])
        rows = self.rows(tmp_path, fgsm, records(Condition(PGD, 0), [RIGHT])).set_index("norm")
        assert rows.loc["linf", "epsilon_255"] == pytest.approx(10) and math.isnan(rows.loc["linf", "epsilon_28"])
        assert rows.loc["l2", "epsilon_28"] == 0.5 and math.isnan(rows.loc["l2", "epsilon_255"])

    def test_certified_accuracy_is_of_the_same_images_by_most_draws(self, tmp_path: Path) -> None:
        # Ten images certified, of which the last four are attacked: of these 0.3 and 0.26 reach 0.25.
        write_log(ONE, tmp_path, Fixed(2_000), log_rows([0.5] * 6 + [0.3, 0.26, 0.24, -0.5], 2_000))
        write_log(ONE, tmp_path, Fixed(1_000), log_rows([0.5] * 10))
        # Of the most draws, but without image 9.
        write_log(ONE, tmp_path, Fixed(9_000), log_rows([0.5] * 9, 9_000))
        conditions = [Condition(PGD, 100), Condition(None, 100), Condition(PGD, 0),
                      Condition(Attack("fgsm-log-odds", "linf", 0.1), 100)]  # fmt: skip
        rows = self.rows(tmp_path, *(records(condition, [RIGHT] * 4, first=6) for condition in conditions))
        by_condition = rows.set_index(["classifier", "attack"])
        columns = ["certified_accuracy", "certified_draws"]
        assert by_condition.loc[("smoothed", "pgd"), columns].tolist() == [0.5, 2000]
        assert by_condition.loc[("smoothed", "none"), columns].tolist() == [0.75, 2000]
        # A certificate is the smoothed classifier's, and within l2.
        assert by_condition.loc[[("network", "pgd"), ("smoothed", "fgsm-log-odds")], columns].isna().all(axis=None)

    def test_nothing_is_said_of_budgets_that_the_draws_cannot_certify(self, tmp_path: Path) -> None:
        # 1,000 of 1,000 votes certify 0.6158.
        write_log(ONE, tmp_path, Fixed(1_000), log_rows([0.61] * 4))
        attacks = [Attack("pgd", "l2", epsilon, 20, 1) for epsilon in (0.6, 0.75)]
        rows = self.rows(tmp_path, *(records(Condition(attack, 100), [RIGHT] * 4) for attack in attacks))
        np.testing.assert_array_equal(rows.sort_values("epsilon")["certified_accuracy"], [1, math.nan])
        assert (rows["certified_draws"] == 1_000).all()

    def test_images_that_were_not_certified_leave_it_empty(self, tmp_path: Path) -> None:
        write_log(ONE, tmp_path, Fixed(1_000), log_rows([0.5] * 3))
        rows = self.rows(tmp_path, records(Condition(PGD, 100), [RIGHT] * 4))
        assert rows["certified_accuracy"].isna().all()


class TestSmoothedAttack:
    def rows(self, folder: Path, *frames: pd.DataFrame) -> pd.DataFrame:
        write_records(ONE, folder, pd.concat(frames))
        return table(ONE, folder, "smoothed_attack.csv")

    def test_counts_image_by_image(self, tmp_path: Path) -> None:
        # Images 2 to 9 are attacked both ways; five errors are the first's alone, one the second's, one both's.
        first = records(Condition(SMOOTHED, 100), [WRONG] * 2 + [WRONG] * 4 + [ABSTAIN] * 2 + [RIGHT] * 2)
        second = records(Condition(PGD, 100), [ABSTAIN] + [RIGHT] * 5 + [WRONG, RIGHT] + [WRONG] * 3, first=2)
        row = self.rows(tmp_path, first, second).iloc[0]
        assert row[["images", "errors", "transfer_errors"]].tolist() == [8, 6, 2]
        assert row[["wrong", "abstentions", "transfer_wrong", "transfer_abstentions"]].tolist() == [4, 2, 1, 1]
        assert row[["only_smoothed", "only_transfer"]].tolist() == [5, 1]
        assert row["difference"] == 0.5
        # 5 : 1 are apart: twice (1 + 6) / 2^6.
        assert row["p_value"] == pytest.approx(14 / 64, abs=1e-6)
        assert row[["epsilon_28", "transfer_steps", "transfer_restarts", "m"]].tolist() == [0.5, 20, 1, 16]

    def test_nothing_apart_is_no_evidence(self, tmp_path: Path) -> None:
        frames = [records(Condition(attack, 100), [WRONG, RIGHT]) for attack in (PGD, SMOOTHED)]
        row = self.rows(tmp_path, *frames).iloc[0]
        assert row[["difference", "p_value"]].tolist() == [0, 1]

    def test_a_row_for_each_budget_at_equal_epsilon_and_draws_alone(self, tmp_path: Path) -> None:
        swept = [Attack("smoothed-pgd", "l2", 0.25, steps, restarts, m) for steps, restarts, m in
                 ((20, 1, 16), (40, 1, 16), (20, 2, 16), (20, 1, 4))]  # fmt: skip
        frames = [records(Condition(attack, 100), [WRONG, RIGHT]) for attack in swept]
        frames.append(records(Condition(PGD, 100), [RIGHT, RIGHT]))
        # Without a partner: another epsilon, other draws of the classifier, the network's own errors, no common image.
        frames.append(records(Condition(Attack("smoothed-pgd", "l2", 0.5, 20, 1, 16), 100), [WRONG]))
        frames.append(records(Condition(SMOOTHED, 1_000), [WRONG]))
        frames.append(records(Condition(PGD, 0), [WRONG]))
        frames.append(records(Condition(Attack("pgd", "l2", 0.5, 20, 1), 100), [WRONG], first=5))
        rows = self.rows(tmp_path, *frames)
        assert sorted(zip(rows["steps"], rows["restarts"], rows["m"], strict=True)) == [
            (20, 1, 4), (20, 1, 16), (20, 2, 16), (40, 1, 16),
        ]  # fmt: skip
        assert (rows["n"] == 100).all()


class TestMinimalPerturbations:
    def test_median_of_all_images(self, tmp_path: Path) -> None:
        distances = [0.3, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, math.inf]
        deepfool = Condition(Attack("deepfool", "l2"), 0)
        write_records(ONE, tmp_path, records(deepfool, [WRONG] * 9 + [RIGHT], distances=distances))
        row = table(ONE, tmp_path, "minimal_perturbations.csv").iloc[0]
        assert row[["images", "found", "found_share"]].tolist() == [10, 9, 0.9]
        assert row[["found_low", "found_high"]].tolist() == pytest.approx(wilson(9, 10), abs=1e-5)
        # Of ten, the second and the ninth hold the median with 1 - 2 * 11 / 1024 = 97.9%, the third and eighth 89%.
        assert row[["median", "median_low", "median_high"]].tolist() == pytest.approx([0.55, 0.2, 0.9])
        assert row[["median_28", "median_28_low", "median_28_high"]].tolist() == pytest.approx([1.1, 0.4, 1.8])

    def test_where_few_are_found_the_median_is_infinite(self, tmp_path: Path) -> None:
        deepfool = Condition(Attack("deepfool", "l2"), 0)
        distances = [0.1, 0.2, *[math.inf] * 6]
        write_records(ONE, tmp_path, records(deepfool, [WRONG] * 2 + [RIGHT] * 6, distances=distances))
        row = table(ONE, tmp_path, "minimal_perturbations.csv").iloc[0]
        assert row["median"] == math.inf and row["found"] == 2

    def test_interval_of_a_median_covers(self) -> None:
        # 2,000 samples of 25: exact coverage 95.7%; the count's tail at 95% is 1e-7.
        samples = np.random.default_rng(3).exponential(size=(2000, 25))
        covered = sum(math.log(2) in median_interval(sample) for sample in samples)
        assert covered >= 1846

    @pytest.mark.parametrize(("count", "has"), [(1, False), (5, False), (6, True)])
    def test_too_few_images_have_no_interval(self, count: int, has: bool) -> None:
        assert np.isfinite(median_interval(np.arange(count)).low) == has
