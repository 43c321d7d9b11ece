"""Intervals: against published examples and SciPy, and that they cover as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from src.base import InputError
from src.statistics.intervals import (
    Interval,
    average_certified_radius,
    bootstrap_against_published,
    certified_accuracy,
    certified_radii,
    high_probability_certified_accuracy,
    mean_interval,
    newcombe_interval,
    paired_bootstrap,
    wilson_interval,
)


@st.composite
def proportions(draw: st.DrawFn) -> tuple[int, int]:
    trials = draw(st.integers(1, 2000))
    return draw(st.integers(0, trials)), trials


class TestWilson:
    # The paper of Newcombe (Statistics in Medicine 17, 1998, 857-872), Table I, method 3.
    PUBLISHED = (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    )

    @pytest.mark.parametrize(("successes", "trials", "low", "high"), PUBLISHED)
    def test_published_examples(self, successes: int, trials: int, low: float, high: float) -> None:
        interval = wilson_interval(successes, trials)
        assert interval.estimate == successes / trials
        assert interval.low == pytest.approx(low, abs=5.1e-5)
        assert interval.high == pytest.approx(high, abs=5.1e-5)

    @given(proportions(), st.sampled_from([0.8, 0.95, 0.999]))
    @settings(derandomize=True, deadline=None)
    def test_its_ends_lie_just_z_standard_errors_from_the_estimate(
        self, proportion: tuple[int, int], confidence: float
    ) -> None:
        """What defines the interval: |p - estimate| = z sqrt(p (1 - p) / n) at each end."""
        successes, trials = proportion
        z = stats.norm.isf((1 - confidence) / 2)
        interval = wilson_interval(successes, trials, confidence)
        for end in interval[1:]:
            assert (end - interval.estimate) ** 2 == pytest.approx(z**2 * end * (1 - end) / trials, rel=1e-6, abs=1e-12)

    @given(proportions())
    @settings(derandomize=True, deadline=None)
    def test_contains_the_estimate_and_mirrors(self, proportion: tuple[int, int]) -> None:
        successes, trials = proportion
        interval = wilson_interval(successes, trials)
        assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
        assert interval.low < interval.high
        mirrored = wilson_interval(trials - successes, trials)
        assert mirrored.low == pytest.approx(1 - interval.high, abs=1e-12)
        assert mirrored.high == pytest.approx(1 - interval.low, abs=1e-12)

    def test_more_confidence_is_wider_and_more_trials_narrower(self) -> None:
        widths = [i.high - i.low for i in (wilson_interval(30, 100, c) for c in (0.8, 0.95, 0.99))]
        assert widths == sorted(widths)
        assert wilson_interval(300, 1000).high - wilson_interval(300, 1000).low < widths[1]

    @pytest.mark.parametrize(("trials", "p"), [(100, 0.5), (1000, 0.97), (1000, 0.8)])
    def test_covers_as_often_as_it_says(self, trials: int, p: float) -> None:
        # Exactly, over all outcomes: the score interval's coverage oscillates about 95% by less than 1.2 points here.
        outcomes = np.arange(trials + 1)
        chances = stats.binom.pmf(outcomes, trials, p)
        likely = chances > 1e-12
        covered = [p in wilson_interval(int(successes), trials) for successes in outcomes[likely]]
        assert 0.938 < chances[likely][covered].sum() < 0.962

    @pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0), (0, -1), (1, 0)])
    def test_refuses_what_is_no_proportion(self, successes: int, trials: int) -> None:
        with pytest.raises(InputError, match=f"got {successes} of {trials}"):
            wilson_interval(successes, trials)


class TestNewcombe:
    # The same journal, 873-890, Table II, method 10, contrasts (a) to (h).
    PUBLISHED = (
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    )

    @pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), PUBLISHED)
    def test_published_examples(self, a: int, m: int, b: int, n: int, low: float, high: float) -> None:
        interval = newcombe_interval(a, m, b, n)
        assert interval.estimate == pytest.approx(a / m - b / n)
        assert interval.low == pytest.approx(low, abs=5.1e-5)
        assert interval.high == pytest.approx(high, abs=5.1e-5)

    @given(proportions(), proportions())
    @settings(derandomize=True, deadline=None)
    def test_contains_the_estimate_and_turns_with_the_order(self, one: tuple[int, int], two: tuple[int, int]) -> None:
        interval, turned = newcombe_interval(*one, *two), newcombe_interval(*two, *one)
        assert -1 - 1e-12 <= interval.low <= interval.estimate <= interval.high <= 1 + 1e-12
        assert turned == pytest.approx((-interval.estimate, -interval.high, -interval.low), abs=1e-12)

    def test_a_proportion_known_almost_surely_leaves_wilson_s(self) -> None:
        one, difference = wilson_interval(30, 100), newcombe_interval(30, 100, 5 * 10**9, 10**10)
        assert difference == pytest.approx([end - 0.5 for end in one], abs=1e-4)

    def test_takes_the_confidence(self) -> None:
        wide = newcombe_interval(56, 70, 48, 80, 0.99)
        assert wide.low < 0.0524 < 0.3339 < wide.high

    @pytest.mark.parametrize(("m", "n", "p", "q"), [(1000, 1000, 0.97, 0.95), (100, 1000, 0.6, 0.3)])
    def test_covers_as_often_as_it_says(self, m: int, n: int, p: float, q: float) -> None:
        # 2,000 pairs; its coverage is within a point of 95%, the count's tails at 1e-7 each: rate 2e-7 at the most.
        random = np.random.default_rng(5)
        pairs = zip(random.binomial(m, p, 2000), random.binomial(n, q, 2000), strict=True)
        covered = sum(p - q in newcombe_interval(int(a), m, int(b), n) for a, b in pairs)
        assert stats.binom.ppf(1e-7, 2000, 0.94) <= covered <= stats.binom.ppf(1 - 1e-7, 2000, 0.96)

    @pytest.mark.parametrize("bad", [(11, 10, 1, 10), (1, 10, -1, 10), (1, 10, 0, 0)])
    def test_refuses_what_is_no_proportion(self, bad: tuple[int, int, int, int]) -> None:
        with pytest.raises(InputError, match="proportion"):
            newcombe_interval(*bad)


class TestMean:
    @given(
        st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40).filter(lambda v: np.std(v) > 1e-3),
        st.sampled_from([0.8, 0.95, 0.99]),
    )
    @settings(derandomize=True, deadline=None)
    def test_equals_scipy(self, values: list[float], confidence: float) -> None:
        interval = mean_interval(np.array(values), confidence)
        low, high = stats.ttest_1samp(values, 0).confidence_interval(confidence)
        assert interval == pytest.approx((np.mean(values), low, high), rel=1e-9, abs=1e-6)
        assert interval.low < interval.estimate < interval.high

    def test_by_hand(self) -> None:
        """1, 2, 3: the mean is 2, its standard error 1/sqrt(3), Student's quantile at 2 degrees 4.302653."""
        interval = mean_interval(np.array([1.0, 2.0, 3.0]))
        assert interval == pytest.approx((2, 2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)), abs=1e-6)

    def test_equal_values_leave_no_width(self) -> None:
        assert mean_interval(np.full(4, 0.5)) == (0.5, 0.5, 0.5)

    def test_covers_as_often_as_it_says(self) -> None:
        # 4,000 samples of 5 normal values, where Student's interval is exact: rate 2e-7. With the normal's quantile
        # in Student's place it would cover 88%.
        samples = np.random.default_rng(2).normal(3, 7, (4000, 5))
        covered = sum(3.0 in mean_interval(sample) for sample in samples)
        low, high = stats.binom.ppf([1e-7, 1 - 1e-7], 4000, 0.95)
        assert low <= covered <= high

    @pytest.mark.parametrize("count", [0, 1])
    def test_refuses_fewer_than_two_values(self, count: int) -> None:
        with pytest.raises(InputError, match=f"got {count}"):
            mean_interval(np.ones(count))


@pytest.mark.parametrize(
    ("value", "inside"),
    [(0.2, True), (0.4, True), (0.3, True), (0.19, False), (0.41, False), (1, False), ("0.3", False)],
)
def test_an_interval_contains_what_lies_between_its_ends(value: object, inside: bool) -> None:
    assert (value in Interval(0.25, 0.2, 0.4)) is inside


def test_an_interval_that_ends_nowhere_has_no_ends_in_a_table() -> None:
    assert Interval(0.25, 0.2, 0.4).ends == (0.2, 0.4)
    for low, high in ((-math.inf, math.inf), (0.2, math.inf), (math.nan, math.nan)):
        assert all(map(math.isnan, Interval(0.25, low, high).ends))


def test_numpys_numbers_are_inside_too() -> None:
    interval = wilson_interval(1, 2)
    assert np.float32(0.5) in interval and np.int64(2) not in interval and "0.5" not in interval


def test_a_mean_of_something_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="3, 2 of them finite"):
        mean_interval(np.array([1.0, np.nan, 2.0]))


def certificates(*images: tuple[float, int]) -> pd.DataFrame:
    """A log of (radius, correct)."""
    radii, correct = zip(*images, strict=True) if images else ((), ())
    return pd.DataFrame({"radius_exact": np.array(radii, float), "correct": np.array(correct, int)})


LOG = certificates((0.5, 1), (0.25, 1), (0.0, 1), (0.9, 0), (0.0, 0))
"""Two radii for the label, an answer that is certified at 0 alone, a wrong one, an abstention."""


class TestCertified:
    @pytest.mark.parametrize(
        ("radius", "hits"), [(0.0, 3), (0.1, 2), (0.25, 2), (0.2500001, 1), (0.5, 1), (0.6, 0), (0.9, 0)]
    )
    def test_accuracy_counts_radii_of_right_answers_from_the_radius_on(self, radius: float, hits: int) -> None:
        assert certified_accuracy(LOG, radius) == wilson_interval(hits, 5)

    def test_accuracy_takes_the_confidence(self) -> None:
        assert certified_accuracy(LOG, 0.25, 0.8) == wilson_interval(2, 5, 0.8)

    def test_a_wrong_answer_and_an_abstention_count_0_in_the_acr(self) -> None:
        assert average_certified_radius(LOG)[::2] == mean_interval(np.array([0.5, 0.25, 0, 0, 0]))[::2]
        assert average_certified_radius(LOG).estimate == pytest.approx(0.15)
        assert average_certified_radius(LOG, 0.5) == mean_interval(np.array([0.5, 0.25, 0, 0, 0]), 0.5)

    def test_the_interval_of_the_acr_does_not_go_below_0_which_no_radius_does(self) -> None:
        assert mean_interval(np.array([0.5, 0.25, 0, 0, 0])).low < 0
        assert average_certified_radius(LOG).low == 0

    def test_acr_is_the_area_under_certified_accuracy(self) -> None:
        generator = np.random.default_rng(0)
        log = certificates(*zip(generator.random(40), generator.integers(0, 2, 40), strict=True))
        middles = (np.arange(5000) + 0.5) / 5000
        area = np.mean([(certified_radii(log) >= radius).mean() for radius in middles])
        assert average_certified_radius(log).estimate == pytest.approx(area, abs=1e-4)

    def test_radii(self) -> None:
        assert certified_radii(LOG).tolist() == [0.5, 0.25, 0, -1, -1]

    @pytest.mark.parametrize(
        "use",
        [
            average_certified_radius,
            lambda log: certified_accuracy(log, 0.1),
            lambda log: high_probability_certified_accuracy(log, 0.1, 0.001, 0.001),
        ],
    )
    def test_an_empty_log_is_refused(self, use: Callable[[pd.DataFrame], object]) -> None:
        with pytest.raises(InputError):
            use(certificates())


class TestHighProbability:
    def test_by_hand(self) -> None:
        # Of 100 certificates at alpha = 0.001, none is wrong with 0.905, up to one with 0.9953, up to two with 0.99985.
        log = certificates(*[(0.5, 1)] * 90, *[(0.0, 0)] * 10)
        assert high_probability_certified_accuracy(log, 0.25, 0.001, 0.2) == 0.9
        assert high_probability_certified_accuracy(log, 0.25, 0.001, 0.01) == pytest.approx(0.89)
        assert high_probability_certified_accuracy(log, 0.25, 0.001, 0.001) == pytest.approx(0.88)
        assert high_probability_certified_accuracy(log, 0.6, 0.001, 0.001) == 0

    @pytest.mark.parametrize(("images", "alpha", "rho"), [(500, 0.001, 0.001), (50, 0.05, 0.01), (2000, 0.01, 0.1)])
    def test_holds_as_often_as_it_says(self, images: int, alpha: float, rho: float) -> None:
        """Exactly: the bound fails where more certificates are wrong than it allows for; one fewer would not do."""
        log = certificates(*[(1.0, 1)] * images)
        allowed = round((1 - high_probability_certified_accuracy(log, 0.5, alpha, rho)) * images)
        assert stats.binom.sf(allowed, images, alpha) <= rho < stats.binom.sf(allowed - 1, images, alpha)


class TestPairedBootstrap:
    def test_the_sign_is_that_of_the_differences(self) -> None:
        differences = np.random.default_rng(1).normal(0.3, 0.5, 200)
        more, less = paired_bootstrap(differences, 5), paired_bootstrap(-differences, 5)
        assert 0 < more.low < more.estimate < more.high
        assert less == pytest.approx((-more.estimate, -more.high, -more.low))

    def test_equal_differences_leave_no_width(self) -> None:
        assert paired_bootstrap(np.full(20, 0.25), 0) == (0.25, 0.25, 0.25)

    def test_the_seed_decides(self) -> None:
        differences = np.arange(30.0)
        assert paired_bootstrap(differences, 3) == paired_bootstrap(differences, 3) != paired_bootstrap(differences, 4)

    def test_quantiles_of_two_values_are_known(self) -> None:
        """Of 0 and 1 the resampled means are 0, 1/2 and 1 with 1/4, 1/2 and 1/4."""
        differences = np.array([0.0, 1.0])
        assert paired_bootstrap(differences, 0) == (0.5, 0, 1)
        assert paired_bootstrap(differences, 0, 0.4) == (0.5, 0.5, 0.5)

    def test_nears_the_normal_interval_for_many_pairs(self) -> None:
        # Its ends are quantiles of 10,000 resampled means, off by 1.5% of the half width or less (one in 3,000).
        differences = np.random.default_rng(2).exponential(size=4000)
        got, expected = paired_bootstrap(differences, 0), mean_interval(differences)
        half = expected.high - expected.estimate
        assert got == pytest.approx(expected, abs=0.06 * half)

    def test_covers_as_often_as_it_says(self) -> None:
        # 200 samples of 40 pairs, which the percentile interval covers in some 94%: rate 1e-5.
        samples = np.random.default_rng(8).normal(0.2, 1, (200, 40))
        covered = sum(0.2 in paired_bootstrap(sample, seed) for seed, sample in enumerate(samples))
        assert covered >= stats.binom.ppf(1e-5, 200, 0.94)

    @pytest.mark.parametrize("bad", [np.array([1.0]), np.array([]), np.array([1.0, np.nan])])
    def test_refuses_what_has_no_interval(self, bad: np.ndarray) -> None:
        with pytest.raises(InputError, match="at least two values"):
            paired_bootstrap(bad, 0)


class TestBootstrapAgainstPublished:
    VALUES = np.random.default_rng(6).normal(0.4, 2, 800)

    def test_lies_around_measured_minus_published(self) -> None:
        interval = bootstrap_against_published(self.VALUES, 0.1, 1000, 0)
        assert interval.estimate == pytest.approx(self.VALUES.mean() - 0.1)
        assert interval.low < interval.estimate < interval.high
        shifted = bootstrap_against_published(self.VALUES, 0.6, 1000, 0)
        assert shifted == pytest.approx([end - 0.5 for end in interval])

    @pytest.mark.parametrize("confidence", [0.9, 0.95, 1 - 0.05 / 36])
    @pytest.mark.parametrize("published_count", [100, 1000, 10_000])
    def test_width_is_that_of_two_independent_means(self, published_count: int, confidence: float) -> None:
        # The ends are quantiles of 10,000 resamples: at the 7th of them a standard error of 4% of the half width, less
        # elsewhere; out by 15% in fewer than one of a thousand seeds.
        interval = bootstrap_against_published(self.VALUES, 0.4, published_count, 1, confidence)
        spread = self.VALUES.std() * math.sqrt(1 / len(self.VALUES) + 1 / published_count)
        half = stats.norm.ppf((1 + confidence) / 2) * spread
        assert interval.high - interval.estimate == pytest.approx(half, rel=0.15 if confidence > 0.99 else 0.06)
        assert interval.estimate - interval.low == pytest.approx(half, rel=0.15 if confidence > 0.99 else 0.06)

    def test_more_confidence_is_wider(self) -> None:
        widths = []
        for confidence in (0.5, 0.8, 0.95, 0.999):
            interval = bootstrap_against_published(self.VALUES[:100], 0, 50, 0, confidence)
            widths.append(interval.high - interval.low)
        assert widths == sorted(widths) and len(set(widths)) == 4

    def test_the_sign_is_that_of_the_difference(self) -> None:
        values = np.random.default_rng(1).exponential(1, 60)
        one, other = bootstrap_against_published(values, 0.2, 40, 3), bootstrap_against_published(-values, -0.2, 40, 3)
        assert other == pytest.approx((-one.estimate, -one.high, -one.low))

    def test_the_seed_decides(self) -> None:
        values = self.VALUES[:50]
        one, again, other = (bootstrap_against_published(values, 0, 20, seed) for seed in (3, 3, 4))
        assert one == again != other and one.estimate == other.estimate

    def test_equal_values_leave_no_width(self) -> None:
        assert bootstrap_against_published(np.full(20, 0.75), 0.25, 30, 0) == (0.5, 0.5, 0.5)

    def test_covers_as_often_as_it_says(self) -> None:
        # 100 times 40 measured losses and a published mean of 25, both exponential with one mean, so that zero is the
        # truth: covered in 92 to 96%; by chance in 1e-5 of the seeds.
        generator = np.random.default_rng(5)
        covered = 0
        for seed in range(100):
            published = float(generator.exponential(1, 25).mean())
            covered += 0.0 in bootstrap_against_published(generator.exponential(1, 40), published, 25, seed)
        assert covered >= stats.binom.ppf(1e-5, 100, 0.92)

    def test_each_tail_rejects_as_often_as_it_says(self) -> None:
        # Skewed losses, ten times as many of ours as published, and one mean: zero lies above the interval, and below
        # it, with 2 to 3% each (a percentile interval: 0 and 8%). 200 draws; by chance in 1e-3 of the seeds.
        generator, above, below = np.random.default_rng(8), 0, 0
        for seed in range(200):
            ours, published = generator.lognormal(0, 1, 200), float(generator.lognormal(0, 1, 20).mean())
            interval = bootstrap_against_published(ours, published, 20, seed)
            above, below = above + (interval.high < 0), below + (interval.low > 0)
        assert max(above, below) <= stats.binom.isf(1e-3, 200, 0.035)
        assert min(above, below) >= 1

    @pytest.mark.parametrize("bad", [np.array([1.0]), np.array([]), np.array([1.0, np.inf])])
    def test_refuses_what_has_no_interval(self, bad: np.ndarray) -> None:
        with pytest.raises(InputError, match="at least two values"):
            bootstrap_against_published(bad, 0.5, 1000, 0)
