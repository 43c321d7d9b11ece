"""Intervals of differences between trainings: what they cover, and what makes them wide.

Seeds are fixed; the coverage tests would fail by chance for one seed in a million.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from src.base import InputError
from src.statistics.paired import Pairs, paired_difference
from src.statistics.seeds import paired_trainings_interval, trainings_interval


def answers(generator: np.random.Generator, trainings: int, images: int, easier: float = 0.0) -> np.ndarray:
    """(trainings, images) bool: trainings differ in skill, and all in luck."""
    skill = generator.normal(1.5 + easier, 0.15, (trainings, 1))
    return generator.random((trainings, images)) < stats.norm.cdf(skill)


def with_accuracies(trainings: list[float], images: int) -> np.ndarray:
    """So many images, of which each training answers the last ones wrongly."""
    return np.array([[place < round(share * images) for place in range(images)] for share in trainings])


class TestTwoNetworks:
    def test_is_welchs_interval_where_images_are_many(self) -> None:
        # Student's sleep (1908), scaled to shares: the interval of R's t.test, (-3.3654832, 0.2054832) hours.
        first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
        second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
        shares = [[0.5 + hours / 100 for hours in one] for one in (first, second)]
        found = trainings_interval(*(with_accuracies(one, 100_000) for one in shares))
        # The variance over images adds a little.
        assert [100 * value for value in found] == pytest.approx((-1.58, -3.3654832, 0.2054832), abs=0.01)

    def test_trainings_that_agree_leave_the_images(self) -> None:
        first, second = (np.tile(row, (3, 1)) for row in np.random.default_rng(0).random((2, 400)) < 0.9)
        found = trainings_interval(first, second)
        differences = first[0].astype(float) - second[0]
        half = stats.t.ppf(0.975, 399) * differences.std(ddof=1) / 20
        assert found == pytest.approx((differences.mean(), differences.mean() - half, differences.mean() + half))

    def test_covers_as_often_as_it_says(self) -> None:
        # Of fresh trainings and fresh images each time: covered in 95% or more.
        generator, truth = np.random.default_rng(1), stats.norm.cdf(1.8 / math.hypot(1, 0.15))
        truth -= stats.norm.cdf(1.5 / math.hypot(1, 0.15))
        covered = sum(
            truth in trainings_interval(answers(generator, 5, 300, 0.3), answers(generator, 4, 300))
            for _ in range(500)
        )
        assert covered >= stats.binom.ppf(1e-6, 500, 0.95)

    def test_turning_round_turns_the_sign(self) -> None:
        generator = np.random.default_rng(2)
        first, second = answers(generator, 3, 200), answers(generator, 5, 200, 0.5)
        one, other = trainings_interval(first, second), trainings_interval(second, first)
        assert other == pytest.approx((-one.estimate, -one.high, -one.low))

    def test_one_training_tells_nothing_of_the_others(self) -> None:
        one, many = np.ones((1, 10), bool), np.zeros((4, 10), bool)
        assert trainings_interval(one, many) == (1.0, -math.inf, math.inf)
        assert trainings_interval(many, one) == (-1.0, -math.inf, math.inf)

    @pytest.mark.parametrize("images", [10, 600, 10_000])
    def test_no_disagreement_leaves_the_width_of_tangos_interval(self, images: int) -> None:
        same = np.ones((3, images), bool)
        assert trainings_interval(same, same) == pytest.approx(paired_difference(Pairs(0, 0, images)), abs=1e-9)
        assert paired_trainings_interval(same, same, 0.9) == pytest.approx(
            paired_difference(Pairs(0, 0, images), 0.9), abs=1e-9
        )


class TestPairs:
    def test_what_the_trainings_share_cancels(self) -> None:
        generator = np.random.default_rng(3)
        clean = with_accuracies([0.99, 0.9, 0.8, 0.7], 1000)
        attacked = clean & (generator.random(clean.shape) > 0.02)
        paired, apart = paired_trainings_interval(clean, attacked), trainings_interval(clean, attacked)
        assert paired.estimate == apart.estimate
        assert paired.high - paired.low < 0.1 * (apart.high - apart.low)
        assert 0.0 not in paired and 0.0 in apart

    def test_is_students_t_over_pairs_where_images_are_many(self) -> None:
        gaps = np.array([0.03, 0.05, 0.02, 0.06])
        clean, attacked = np.ones((4, 200_000), bool), with_accuracies(list(1 - gaps), 200_000)
        half = stats.t.ppf(0.975, 3) * gaps.std(ddof=1) / 2
        expected = (gaps.mean(), gaps.mean() - half, gaps.mean() + half)
        assert paired_trainings_interval(clean, attacked) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("interval", [trainings_interval, paired_trainings_interval])
@pytest.mark.parametrize("shapes", [((2, 5), (2, 4)), ((2,), (2, 4)), ((0, 4), (2, 4)), ((2, 0), (2, 0))])
def test_what_does_not_belong_together_is_refused(interval: object, shapes: tuple[tuple[int, ...], ...]) -> None:
    first, second = (np.ones(shape, bool) for shape in shapes)
    with pytest.raises(InputError, match="trainings: expected"):
        interval(first, second)  # type: ignore[operator]


def test_pairs_are_as_many() -> None:
    with pytest.raises(InputError, match="paired trainings: expected as many of both, got 3 and 2"):
        paired_trainings_interval(np.ones((3, 4), bool), np.ones((2, 4), bool))
