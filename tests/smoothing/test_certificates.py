"""PREDICT, CERTIFY and sequential certification of networks whose smoothed classifier is known. About 15 seconds.

Seeds are fixed and hypothesis is derandomized; the statistical tests state how often they would fail by chance were
their seeds drawn anew.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from src.base import ABSTAIN, InputError
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.noise import Stream
from src.smoothing.radius import certified_radius, log_e_value, lower_confidence_bound, prediction
from src.smoothing.sequential import next_look
from src.smoothing.votes import Certificates
from tests.smoothing.small_networks import SHAPE, SIZE, dense, images_of, linear

ALPHA = 0.001
RADII = (0.0, 0.1, 0.2, 0.4, 0.7)

UNIT = np.full(SIZE, 0.25)
"""Weights of length 1: the distance to the boundary is the margin."""


@pytest.fixture(scope="module")
def smoothed() -> SmoothedClassifier:
    return SmoothedClassifier(dense(), sigma=0.5, seed=3)


@pytest.fixture(scope="module")
def constant() -> SmoothedClassifier:
    return SmoothedClassifier(linear(np.zeros(SIZE), -1.0), sigma=0.25)


def at_distance(distance: float, sigma: float, seed: int = 0) -> SmoothedClassifier:
    """A linear network that any image of zeros lies so far from the boundary of, in class 0 if above zero."""
    return SmoothedClassifier(linear(UNIT, distance), sigma, seed)


def zeros(count: int) -> np.ndarray:
    return np.zeros((count, *SHAPE), np.float32)


def assert_same(one: Certificates, other: Certificates, part: np.ndarray | slice = slice(None)) -> None:
    for name in ("prediction", "radius", "count", "n"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[part], name)
    for name in ("count_at", "n_at"):
        if getattr(other, name) is None:
            assert getattr(one, name) is None
        else:
            places = np.arange(len(other.n))[part]
            assert getattr(one, name) == tuple(getattr(other, name)[place] for place in places)


class TestKnownRadius:
    N = 100_000

    @pytest.mark.parametrize(("distance", "sigma"), [(0.5, 0.5), (-0.3, 0.25), (0.9, 0.5), (2.0, 1.0), (-0.1, 1.0)])
    def test_of_a_linear_network_is_neither_exceeded_nor_missed_by_much(self, distance: float, sigma: float) -> None:
        # Too large at the rate of alpha = 1e-6, too small at 1e-6: 5 x 2e-6.
        found = at_distance(distance, sigma).certify(zeros(1), self.N, alpha=1e-6)
        p = stats.norm.cdf(abs(distance) / sigma)
        unlucky = certified_radius(int(stats.binom.ppf(1e-6, self.N, p)), self.N, 1e-6, sigma)
        assert found.prediction.tolist() == [0 if distance > 0 else 1]
        assert unlucky <= found.radius[0] <= abs(distance)
        assert unlucky > abs(distance) - 0.1 * sigma

    def test_is_exceeded_as_often_as_the_binomial_law_says(self) -> None:
        """p lies just below the bound of 93 hits of 100, so that error is as frequent as alpha allows: 0.1."""
        images, n, alpha, sigma = 4000, 100, 0.1, 0.5
        p = lower_confidence_bound(93, n, alpha) - 1e-4
        distance = sigma * stats.norm.ppf(p)
        found = at_distance(distance, sigma, seed=5).certify(zeros(images), n, alpha)
        # Rate 2e-6.
        expected = stats.binom.sf(92, n, p)
        low, high = stats.binom.ppf([1e-6, 1 - 1e-6], images, expected)
        assert expected == pytest.approx(alpha, rel=0.01)
        assert low <= (found.radius > distance).sum() <= high

    @pytest.mark.parametrize("n", [10, 11, 1000])
    def test_of_a_constant_network_is_that_of_hits_alone(self, constant: SmoothedClassifier, n: int) -> None:
        found = constant.certify(images_of(3), n, ALPHA)
        assert found.prediction.tolist() == [1, 1, 1]
        assert found.count.tolist() == found.n.tolist() == [n] * 3
        np.testing.assert_allclose(found.radius, 0.25 * stats.norm.ppf(ALPHA ** (1 / n)), rtol=1e-9)

    def test_a_constant_network_abstains_where_n_is_too_small(self, constant: SmoothedClassifier) -> None:
        found = constant.certify(images_of(2), 9, ALPHA)  # 0.001 ** (1 / 9) = 0.46
        assert found.prediction.tolist() == [ABSTAIN, ABSTAIN]
        assert found.radius.tolist() == [0, 0]
        assert found.count.tolist() == [9, 9]

    def test_a_fair_coin_abstains(self) -> None:
        # 50 images at alpha 1e-6 each, three ways: rate 2e-4.
        coin = at_distance(0.0, 0.5, seed=1)
        assert (coin.certify(zeros(50), 1000, 1e-6).prediction == ABSTAIN).all()
        assert (coin.predict(zeros(50), 1000, 1e-6) == ABSTAIN).all()
        assert (coin.certify_sequentially(zeros(50), [0.0], 1000, 1e-6).prediction == ABSTAIN).all()


class TestPredict:
    def test_is_the_test_of_the_votes(self, smoothed: SmoothedClassifier) -> None:
        images, indices = images_of(40), np.arange(40) + 7
        answers = smoothed.predict(images, 30, 0.01, indices)
        np.testing.assert_array_equal(answers, prediction(smoothed.vote(images, 30, indices).counts, 0.01))
        assert 0 < (answers == ABSTAIN).sum() < 40

    def test_ten_votes_of_ten_answer_at_a_hundredth_only(self, constant: SmoothedClassifier) -> None:
        assert constant.predict(images_of(2), 10, 0.01).tolist() == [1, 1]
        assert constant.predict(images_of(2), 10, 0.001).tolist() == [ABSTAIN, ABSTAIN]


class TestCertify:
    def test_counts_fresh_draws_for_the_class_that_others_chose(self) -> None:
        """Near the boundary the two streams disagree about half of the images; the first one's class is counted."""
        coin, images, indices = at_distance(0.01, 0.5, seed=2), zeros(60), 3 * np.arange(60)
        found = coin.certify(images, 200, ALPHA, n0=20, indices=indices)
        chosen = coin.vote(images, 20, indices, Stream.SELECTION).prediction
        votes = coin.vote(images, 200, indices, Stream.ESTIMATION)
        assert (chosen != votes.prediction).sum() > 10
        np.testing.assert_array_equal(found.count, votes.counts[np.arange(60), chosen])
        radius = np.asarray(certified_radius(found.count, 200, ALPHA, 0.5))
        np.testing.assert_array_equal(found.prediction, np.where(radius == ABSTAIN, ABSTAIN, chosen))
        np.testing.assert_array_equal(found.radius, np.maximum(radius, 0))

    @given(st.data())
    @settings(max_examples=8, derandomize=True, deadline=None)
    def test_does_not_depend_on_batches_or_order(self, smoothed: SmoothedClassifier, data: st.DataObject) -> None:
        images, indices = images_of(9), 100 * np.arange(9) + 7
        order = np.array(data.draw(st.permutations(range(9))))
        fixed = smoothed.certify(images, 137, ALPHA, 30, indices)
        sequential = smoothed.certify_sequentially(images, RADII, 999, ALPHA, 30, indices)
        assert len(set(fixed.count)) > 1 and len(set(sequential.n)) > 1
        for part in np.split(order, sorted(data.draw(st.sets(st.integers(1, 8))))):
            assert_same(smoothed.certify(images[part], 137, ALPHA, 30, indices[part]), fixed, part)
            alone = smoothed.certify_sequentially(images[part], RADII, 999, ALPHA, 30, indices[part])
            assert_same(alone, sequential, part)

    def test_indices_are_the_positions_by_default(self, smoothed: SmoothedClassifier) -> None:
        images = images_of(4)
        assert_same(smoothed.certify(images, 50, ALPHA), smoothed.certify(images, 50, ALPHA, indices=np.arange(4)))
        by_default = smoothed.certify_sequentially(images, RADII, 500, ALPHA)
        assert_same(by_default, smoothed.certify_sequentially(images, RADII, 500, ALPHA, indices=np.arange(4)))

    def test_an_empty_batch(self, smoothed: SmoothedClassifier) -> None:
        assert smoothed.certify(images_of(0), 50, ALPHA).radius.shape == (0,)
        assert smoothed.certify_sequentially(images_of(0), RADII, 50, ALPHA).radius.shape == (0,)
        assert smoothed.predict(images_of(0), 50, ALPHA).shape == (0,)


def plain(
    smoothed: SmoothedClassifier, image: np.ndarray, index: int, cap: int, n0: int
) -> tuple[int, float, int, int]:
    """(prediction, radius, count, n): the rule for one image, each look's votes counted from the start."""
    at = np.array([index])
    chosen = int(smoothed.vote(image[None], n0, at, Stream.SELECTION).prediction[0])
    certified = n = 0
    while True:
        n = next_look(n, cap)
        k = int(smoothed.vote(image[None], n, at).counts[0, chosen])
        while certified < len(RADII):
            p0 = stats.norm.cdf(RADII[certified] / smoothed.sigma)
            if log_e_value(k, n, p0) < math.log(1 / ALPHA):
                break
            certified += 1
        if certified == len(RADII):
            break
        if log_e_value(k + cap - n, cap, p0) < math.log(1 / ALPHA):
            break
        if log_e_value(n - k, n, 1 - p0) >= math.log(1 / ALPHA):
            break
    return (chosen, RADII[certified - 1], k, n) if certified else (ABSTAIN, 0.0, k, n)


class TestCertifySequentially:
    @pytest.mark.parametrize("cap", [7, 100, 1234])
    def test_is_the_plain_rule_image_by_image(self, cap: int) -> None:
        smoothed = SmoothedClassifier(dense(), sigma=0.35, seed=4)
        images, indices = images_of(12, seed=1), 5 * np.arange(12) + 1
        found = smoothed.certify_sequentially(images, RADII, cap, ALPHA, 30, indices)
        for row, (image, index) in enumerate(zip(images, indices, strict=True)):
            expected = plain(smoothed, image, int(index), cap, 30)
            assert (found.prediction[row], found.radius[row], found.count[row], found.n[row]) == expected
        if cap == 1234:
            assert len(set(found.n)) > 3
            assert len(set(found.radius)) > 2

    @pytest.mark.parametrize(("distance", "largest"), [(0.05, 0.0), (0.3, 0.2), (-0.5, 0.4), (1.5, 0.7)])
    def test_finds_the_largest_radius_below_the_known_one(self, distance: float, largest: float) -> None:
        # Wrong at alpha = 1e-6; missed at 30,000 draws, 0.05 / 0.5 in Phi^-1 away, far less often. Rate 4e-6.
        found = at_distance(distance, 0.5).certify_sequentially(zeros(1), RADII, 30_000, 1e-6)
        assert found.prediction.tolist() == [0 if distance > 0 else 1]
        assert found.radius.tolist() == [largest]

    def test_a_clear_image_takes_a_fraction_of_the_cap(self, constant: SmoothedClassifier) -> None:
        found = constant.certify_sequentially(images_of(2), [0.0, 0.25], 100_000, ALPHA)
        assert found.radius.tolist() == [0.25, 0.25]
        assert (found.n <= 100).all()

    def test_an_image_that_can_not_be_certified_abstains_with_radius_zero(self, constant: SmoothedClassifier) -> None:
        found = constant.certify_sequentially(images_of(2), [0.1], 9, ALPHA)
        assert found.prediction.tolist() == [ABSTAIN, ABSTAIN]
        assert found.radius.tolist() == [0, 0]
        assert found.n.tolist() == [9, 9]


class TestBadInput:
    @pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
    def test_alpha(self, smoothed: SmoothedClassifier, alpha: float) -> None:
        for refuse in (
            lambda: smoothed.predict(images_of(1), 10, alpha),
            lambda: smoothed.certify(images_of(1), 10, alpha),
            lambda: smoothed.certify_sequentially(images_of(1), RADII, 10, alpha),
        ):
            with pytest.raises(InputError, match=f"alpha: .*got {alpha}"):
                refuse()

    @pytest.mark.parametrize("number", [0, -1, 2.5, math.nan])
    def test_draws(self, smoothed: SmoothedClassifier, number: float) -> None:
        for name, refuse in {
            "n": lambda: smoothed.certify(images_of(1), number, ALPHA),
            "n0": lambda: smoothed.certify(images_of(1), 10, ALPHA, n0=number),
            "cap": lambda: smoothed.certify_sequentially(images_of(1), RADII, number, ALPHA),
        }.items():
            with pytest.raises(InputError, match=f"{name}: .*got {number}"):
                refuse()

    def test_radii(self, smoothed: SmoothedClassifier) -> None:
        for radii, saying in [([0.2, 0.1], "ascend"), ([], "ascend"), ([0.1, 4.1], "beyond 8 sigma")]:
            with pytest.raises(InputError, match=f"radii: .*{saying}"):
                smoothed.certify_sequentially(images_of(1), radii, 10, ALPHA)
