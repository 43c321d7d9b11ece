"""The parts of the outlier: they add up, have the right budgets and signs, and need networks, not whole records."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.experiments.conditions import Attack, Condition
from src.experiments.folders import Places
from src.statistics.paired import Pairs, paired_difference
from src.statistics.seeds import paired_trainings_interval
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    NOTEBOOK_EPSILONS,
    RELEASED_112,
    SEEDS,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    WRITTEN,
)
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.figure_outlier import outlier
from src.studies.resolution.outlier_table import OUTLIER, outlier_table
from tests.studies.resolution.records_folder import SMALL, Wrong, flip, job, write

LOW, HIGH = NOTEBOOK_EPSILONS
AT_LOW, AT_HIGH = (Condition(Attack(epsilon, "softmax")) for epsilon in NOTEBOOK_EPSILONS)
BOTH = (AT_LOW, AT_HIGH)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def wrong_under_fgsm(at_low: int, at_high: int) -> Wrong:
    """So many of 100 images answered wrongly by the network at the two budgets."""

    def wrong(condition: Condition) -> Collection[int]:
        if condition.smoothing or condition.attack is None:
            return ()
        return {LOW: range(at_low), HIGH: range(at_high)}.get(condition.attack.epsilon, ())

    return wrong


def answers(*wrong: int, images: int = 100) -> np.ndarray:
    """Of trainings that answer the first so many wrongly."""
    return np.array([np.arange(images) >= count for count in wrong])


def table(places: Places) -> pd.DataFrame:
    evidence = load_evidence(places, SMALL)
    return outlier_table(evidence.jobs, evidence.reduced)


def part(found: pd.DataFrame, start: str) -> pd.Series:
    (row,) = (row for _, row in found.iterrows() if row["part"].startswith(start))
    return row


def value(row: pd.Series) -> Sequence[float]:
    return [row[name] for name in ("difference", "low", "high")]


class TestOneTraining:
    @pytest.fixture
    def found(self, places: Places) -> pd.DataFrame:
        write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30), BOTH)
        write(places, job(CONTROL), wrong_under_fgsm(4, 9), BOTH)
        # Protocols that are not the notebook's have no say.
        write(places, job(CONTROL, WRITTEN), lambda _: range(90))
        return table(places)

    def test_parts_with_their_budgets_in_order(self, found: pd.DataFrame) -> None:
        assert list(found["part"]) == [
            "gap, as released: Control at 2/255 minus UpscaledAI at 10/255",
            "budget: UpscaledAI at 2/255 minus at 10/255",
            "ESRGAN: Control at 2/255 minus UpscaledAI at 2/255",
            "gap, one budget: Control at 10/255 minus UpscaledAI at 10/255",
        ]
        assert set(found["networks"]) == {"UpscaledAI and Control"} and set(found["profile"]) == {"smoke"}

    def test_intervals_are_over_the_images(self, found: pd.DataFrame) -> None:
        expected = [Pairs(26, 0, 100), Pairs(20, 0, 100), Pairs(6, 0, 100), Pairs(21, 0, 100)]
        for (_, row), counts in zip(found.iterrows(), expected, strict=True):
            assert value(row) == pytest.approx(list(paired_difference(counts)))
        assert set(found["interval"]) == {"paired images"} and set(found["seeds"]) == {1}
        assert set(found["images"]) == {100}

    def test_budget_and_esrgan_add_up_to_the_gap(self, found: pd.DataFrame) -> None:
        gap, budget, esrgan = (part(found, name) for name in ("gap, as", "budget", "ESRGAN"))
        assert budget["difference"] + esrgan["difference"] == pytest.approx(gap["difference"])
        assert [row["share"] for row in (gap, budget, esrgan)] == pytest.approx([1, 20 / 26, 6 / 26])
        assert math.isnan(part(found, "gap, one budget")["share"]), "it is no part of the gap as released"


class TestSeveralTrainings:
    ESRGAN = ((10, 30), (12, 36), (8, 27))
    CONTROLS = ((4, 9), (4, 10), (5, 11))

    def write_pair(self, places: Places, trainings: int = 3) -> None:
        for seed in range(trainings):
            write(places, job(UPSCALED_AI, seed=seed), wrong_under_fgsm(*self.ESRGAN[seed]), BOTH)
            write(places, job(CONTROL, seed=seed), wrong_under_fgsm(*self.CONTROLS[seed]), BOTH)

    def test_intervals_are_over_pairs_of_one_seed_and_images(self, places: Places) -> None:
        self.write_pair(places)
        # Seeds without a partner tell nothing.
        write(places, job(UPSCALED_AI, seed=7), wrong_under_fgsm(90, 90), BOTH)
        write(places, job(CONTROL, seed=8), wrong_under_fgsm(90, 90), BOTH)
        found = table(places)
        expected = paired_trainings_interval(answers(4, 4, 5), answers(30, 36, 27))
        gap = part(found, "gap, as released")
        assert value(gap) == pytest.approx(list(expected))
        assert (gap["seeds"], gap["images"], gap["interval"]) == (3, 100, "paired trainings and images")
        assert gap["share"] == 1
        equal = part(found, "gap, one budget")
        assert value(equal) == pytest.approx(list(paired_trainings_interval(answers(9, 10, 11), answers(30, 36, 27))))

    def test_the_seed_is_a_part(self, places: Places) -> None:
        self.write_pair(places)
        found = table(places)
        seed, gap = part(found, "seed"), part(found, "gap, as released")
        assert seed["difference"] == pytest.approx(np.std([0.26, 0.32, 0.22], ddof=1))
        assert seed["share"] == pytest.approx(seed["difference"] / gap["difference"])
        assert math.isnan(seed["low"]) and math.isnan(seed["high"]) and seed["interval"] == "none"
        assert (seed["seeds"], seed["images"]) == (3, 100)

    @pytest.mark.parametrize("fewer_errors", [5, -5])
    def test_noise_at_112_is_positive_where_it_would_narrow_the_gap(self, places: Places, fewer_errors: int) -> None:
        self.write_pair(places)
        for seed, (at_low, at_high) in enumerate(self.ESRGAN):
            wrong = wrong_under_fgsm(at_low + 20, at_high - fewer_errors + seed)
            write(places, job(UPSCALED_AI, RELEASED_112, seed), wrong, BOTH)
        found = table(places)
        noise = part(found, "training noise at 112 minus at 56")
        assert noise["part"].endswith(": UpscaledAI (released-112) at 10/255 minus UpscaledAI at 10/255")
        at_112 = answers(*(at_high - fewer_errors + seed for seed, (_, at_high) in enumerate(self.ESRGAN)))
        assert value(noise) == pytest.approx(list(paired_trainings_interval(at_112, answers(30, 36, 27))))
        assert noise["difference"] == pytest.approx((fewer_errors - 1) / 100)
        assert noise["share"] == pytest.approx(noise["difference"] / part(found, "gap, as released")["difference"])

    def test_a_training_in_two_precisions_counts_once(self, places: Places) -> None:
        self.write_pair(places, 2)
        before = table(places)
        for variant in (UPSCALED_AI, CONTROL):
            write(places, job(variant, precision="bfloat16"), wrong_under_fgsm(60, 70), BOTH)
        pd.testing.assert_frame_equal(table(places), before)

    def test_without_a_gap_nothing_has_a_share_of_it(self, places: Places) -> None:
        for seed in range(2):
            write(places, job(UPSCALED_AI, seed=seed), wrong_under_fgsm(5, 6 + seed), BOTH)
            write(places, job(UPSCALED_AI, RELEASED_112, seed), wrong_under_fgsm(5, 9), BOTH)
            write(places, job(CONTROL, seed=seed), wrong_under_fgsm(5, 6), BOTH)
        found = table(places)
        gap = part(found, "gap, as released")
        assert gap["low"] <= 0 <= gap["high"]
        assert len(found) == 6 and found["share"].isna().all() and found["difference"].notna().all()


class TestSmallPair:
    """Both are attacked with 2/255 in the notebook: no budget, and ESRGAN is the whole gap."""

    def test_parts(self, places: Places) -> None:
        write(places, job(UPSCALED_AI_SMALL), wrong_under_fgsm(30, 50), BOTH)
        write(places, job(UPSCALED_AI_SMALL, RELEASED_112), wrong_under_fgsm(22, 70), BOTH)
        write(places, job(CONTROL_SMALL), wrong_under_fgsm(4, 9), BOTH)
        found = table(places)
        assert dict(zip(found["part"], found["difference"], strict=True)) == pytest.approx(
            {
                "gap, as released: Control Small at 2/255 minus UpscaledAI Small at 2/255": 0.26,
                "training noise at 112 minus at 56: UpscaledAI Small (released-112) at 2/255 minus UpscaledAI Small "
                "at 2/255": 0.08,
                "gap, one budget: Control Small at 10/255 minus UpscaledAI Small at 10/255": 0.41,
            }
        )
        assert set(found["networks"]) == {"UpscaledAI Small and Control Small"}
        assert list(found["share"])[:2] == pytest.approx([1, 8 / 26])

    def test_stands_below_the_large_pair_and_each_profile_by_itself(self, places: Places) -> None:
        for profile in (SMALL, SEEDS):
            for variant in (UPSCALED_AI_SMALL, CONTROL_SMALL, UPSCALED_AI, CONTROL):
                write(places, job(variant, profile=profile), wrong_under_fgsm(5, 9), BOTH)
        found = table(places)
        groups = list(dict.fromkeys(zip(found["profile"], found["networks"], strict=True)))
        large, small = "UpscaledAI and Control", "UpscaledAI Small and Control Small"
        assert groups == [("smoke", large), ("smoke", small), ("seeds", large), ("seeds", small)]
        assert [set(rows["images"]) for _, rows in found.groupby("profile", sort=False)] == [{100}, {1000}]


class TestInterrupted:
    def test_without_the_notebooks_budget_there_is_no_gap_but_the_other_pair_stays(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), only=[AT_LOW])
        for variant in (CONTROL, UPSCALED_AI_SMALL, CONTROL_SMALL):
            write(places, job(variant), only=BOTH)
        assert set(table(places)["networks"]) == {"UpscaledAI Small and Control Small"}

    def test_without_the_other_budget_its_parts_are_missing(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30), [AT_HIGH])
        write(places, job(CONTROL), wrong_under_fgsm(4, 9), [AT_LOW])
        (name,) = table(places)["part"]
        assert name.startswith("gap, as released")

    def test_compared_are_the_images_that_both_have(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 80), BOTH)
        write(places, job(CONTROL), wrong_under_fgsm(4, 9), BOTH, images=60)
        found = table(places)
        # Of 60 images only the smaller test set of 50 is complete.
        assert value(part(found, "gap, as")) == pytest.approx(list(paired_difference(Pairs(46, 0, 50))))
        assert value(part(found, "budget")) == pytest.approx(list(paired_difference(Pairs(70, 0, 100))))
        assert list(found["images"]) == [50, 100, 50, 50]

    def test_on_the_common_images_of_all_seeds(self, places: Places) -> None:
        for seed, images in enumerate((100, 60)):
            write(places, job(UPSCALED_AI, seed=seed), wrong_under_fgsm(10, 30), BOTH)
            write(places, job(CONTROL, seed=seed), wrong_under_fgsm(4, 9), BOTH, images=images)
        gap = part(table(places), "gap, as released")
        expected = paired_trainings_interval(answers(4, 4, images=50), answers(30, 30, images=50))
        assert value(gap) == pytest.approx(list(expected)) and (gap["seeds"], gap["images"]) == (2, 50)

    def test_one_training_with_noise_at_112_for_two_of_the_gap(self, places: Places) -> None:
        for seed in range(2):
            write(places, job(UPSCALED_AI, seed=seed), wrong_under_fgsm(10, 30 + seed), BOTH)
            write(places, job(CONTROL, seed=seed), wrong_under_fgsm(4, 9), BOTH)
        write(places, job(UPSCALED_AI, RELEASED_112, seed=1), wrong_under_fgsm(10, 20), BOTH)
        found = table(places)
        noise = part(found, "training noise")
        assert value(noise) == pytest.approx(list(paired_difference(Pairs(11, 0, 100))))
        assert (noise["seeds"], noise["interval"]) == (1, "paired images")
        assert part(found, "gap, as released")["seeds"] == 2

    def test_no_common_seed(self, places: Places) -> None:
        write(places, job(UPSCALED_AI, seed=1), only=BOTH)
        write(places, job(CONTROL, seed=2), only=BOTH)
        assert table(places).empty

    def test_of_nothing_the_table_has_its_columns(self, places: Places) -> None:
        write(places, job(UPSCALED_AI), only=BOTH)
        for found in (table(places), outlier_table(), outlier_table((), ())):
            assert found.empty and list(found) == list(table(places)) and "share" in found


class TestFigure:
    def test_without_the_control_it_says_so(self, places: Places, tmp_path: Path) -> None:
        write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30), BOTH)
        table(places).to_csv(tmp_path / OUTLIER, index=False)
        assert "Nothing measured" in " ".join(text.get_text() for text in outlier(tmp_path).axes[0].texts)

    def test_shows_each_part_and_the_published_gap_of_each_pair(self, places: Places, tmp_path: Path) -> None:
        for variant in (UPSCALED_AI, UPSCALED_AI_SMALL):
            write(places, job(variant), wrong_under_fgsm(10, 30), BOTH)
        for variant in (CONTROL, CONTROL_SMALL):
            write(places, job(variant), wrong_under_fgsm(4, 9), BOTH)
        found = table(places)
        found.to_csv(tmp_path / OUTLIER, index=False)
        axes = outlier(tmp_path).axes
        labels = [label.get_text().replace(":\n", ": ") for one in axes for label in one.get_yticklabels()]
        assert labels == list(found["part"])
        published = [line for one in axes for line in one.lines if line.get_marker() == "D"]
        # The control's accuracy minus the ESRGAN network's, in the row of the gap as released, the first.
        assert [line.get_xydata().ravel().tolist() for line in published] == [
            pytest.approx([0.962 - 0.916, 3]),
            pytest.approx([0.957 - 0.961, 1]),
        ]
        titles = [one.get_title(loc="left") for one in axes]
        assert titles == [
            f"{pair}\nprofile smoke (trainings: 1, images: 100)"
            for pair in ("UpscaledAI and Control", "UpscaledAI Small and Control Small")
        ]

    def test_of_several_trainings(self, places: Places, tmp_path: Path) -> None:
        """The spread over seeds has no interval."""
        for seed in range(2):
            write(places, job(UPSCALED_AI, seed=seed), wrong_under_fgsm(10, 30 + 4 * seed), BOTH)
            write(places, job(CONTROL, seed=seed), wrong_under_fgsm(4, 9), BOTH)
        table(places).to_csv(tmp_path / OUTLIER, index=False)
        (axes,) = outlier(tmp_path).axes
        assert axes.get_yticklabels()[-1].get_text().startswith("seed:\nstandard deviation")
        assert "trainings: 2" in axes.get_title(loc="left")


def test_records_decide(places: Places) -> None:
    one = write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30), BOTH)
    write(places, job(CONTROL), wrong_under_fgsm(4, 9), BOTH)
    flip(one.records(places), AT_HIGH, 100)
    assert part(table(places), "gap, as released")["difference"] == pytest.approx(0.96 - 0.30)
