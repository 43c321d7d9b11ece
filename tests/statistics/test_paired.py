"""Paired differences: against published examples, the definition of Tango's interval, and how often it covers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from src.base import InputError
from src.statistics.paired import Pairs, mcnemar, paired_difference, pairs

CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 1 - 0.05 / 36])


@st.composite
def counts_of_pairs(draw: st.DrawFn, most: int = 400) -> Pairs:
    images = draw(st.integers(1, most))
    first_only = draw(st.integers(0, images))
    return Pairs(first_only, draw(st.integers(0, images - first_only)), images)


def quantile(confidence: float) -> float:
    return float(stats.norm.isf((1 - confidence) / 2))


class TestCounts:
    def test_by_hand(self) -> None:
        first = np.array([True, True, True, False, False, True])
        second = np.array([True, False, False, True, False, True])
        assert pairs(first, second) == Pairs(first_only=2, second_only=1, images=6)

    @pytest.mark.parametrize(
        ("first", "second"), [((3,), (4,)), ((0,), (0,)), ((2, 3), (2, 3)), ((), ()), ((3,), (3, 1))]
    )
    def test_refuses_what_is_not_of_the_same_images(self, first: tuple[int, ...], second: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match="the same images, got shapes") as error:
            pairs(np.ones(first, bool), np.ones(second, bool))
        assert str(first) in str(error.value) and str(second) in str(error.value)


NO_PAIRS = [Pairs(-1, 0, 5), Pairs(0, -1, 5), Pairs(3, 3, 5), Pairs(0, 0, 0), Pairs(6, 0, 5)]


class TestMcNemar:
    # Fagerland, Lydersen and Laake (Statistics in Medicine 33, 2014, 2850-2875): their two examples, exact conditional.
    @pytest.mark.parametrize(("first", "second", "images", "published"), [(1, 7, 21, 0.0703), (6, 16, 161, 0.0525)])
    def test_published(self, first: int, second: int, images: int, published: float) -> None:
        assert mcnemar(Pairs(first, second, images)) == pytest.approx(published, abs=5e-5)

    @given(counts_of_pairs())
    @settings(derandomize=True, deadline=None)
    def test_is_twice_the_binomial_tail(self, counts: Pairs) -> None:
        """Added up in whole numbers, so that nothing is rounded before the end."""
        disagreements, fewer = counts.first_only + counts.second_only, min(counts[:2])
        tail = sum(math.comb(disagreements, hits) for hits in range(fewer + 1))
        expected = 1.0 if 2 * tail >= 2**disagreements else 2 * tail / 2**disagreements
        assert mcnemar(counts) == pytest.approx(expected, rel=1e-9)
        assert mcnemar(counts) == mcnemar(Pairs(counts.second_only, counts.first_only, counts.images))

    def test_without_disagreement_nothing_is_rejected(self) -> None:
        assert mcnemar(Pairs(0, 0, 7)) == 1

    @pytest.mark.parametrize("counts", NO_PAIRS)
    def test_refuses_what_are_no_counts_of_pairs(self, counts: Pairs) -> None:
        with pytest.raises(InputError, match=f"of {counts.images} images"):
            mcnemar(counts)


def likeliest_second_only(counts: Pairs, difference: float) -> float:
    """The maximum-likelihood probability of "only the second is right", given the difference: where the slope of the
    log-likelihood is zero, or at an end."""
    first, second, images = counts
    neither = images - first - second
    low, high = max(0.0, -difference), (1 - difference) / 2

    def slope(q: float) -> float:
        terms = ((first, q + difference), (second, q), (-2 * neither, 1 - 2 * q - difference))
        return sum(count / probability for count, probability in terms if count)

    inner = (high - low) * 1e-13
    if slope(low + inner) <= 0:
        return low
    if slope(high - inner) >= 0:
        return high
    return float(optimize.brentq(slope, low + inner, high - inner, xtol=1e-15))


class TestInterval:
    # The same article's example of airway reactivity before and after a transplantation.
    def test_published(self) -> None:
        assert paired_difference(Pairs(1, 7, 21)) == pytest.approx((-0.2857, -0.517, -0.026), abs=5e-4)

    @given(counts_of_pairs(), CONFIDENCES)
    @example(Pairs(1, 0, 400), 0.95)
    @example(Pairs(399, 1, 400), 0.95)
    @example(Pairs(0, 399, 400), 0.9)
    @settings(derandomize=True, deadline=None, max_examples=150)
    def test_its_ends_lie_just_z_from_the_estimate(self, counts: Pairs, confidence: float) -> None:
        """What defines the interval, with the restricted likelihood maximised numerically here."""
        interval = paired_difference(counts, confidence)
        for end, sign in ((interval.low, 1), (interval.high, -1)):
            if abs(end) == 1:
                continue
            q = likeliest_second_only(counts, end)
            variance = counts.images * (2 * q + end - end**2)
            score = (counts.first_only - counts.second_only - counts.images * end) / math.sqrt(variance)
            assert score == pytest.approx(sign * quantile(confidence), rel=1e-4)

    @given(st.integers(1, 100_000), CONFIDENCES)
    @settings(derandomize=True, deadline=None)
    def test_is_known_where_the_two_never_disagree(self, images: int, confidence: float) -> None:
        half = quantile(confidence) ** 2 / (images + quantile(confidence) ** 2)
        assert paired_difference(Pairs(0, 0, images), confidence) == pytest.approx((0, -half, half), abs=1e-9)

    @given(counts_of_pairs(), CONFIDENCES)
    @settings(derandomize=True, deadline=None)
    def test_holds_the_estimate_within_all_differences_and_mirrors(self, counts: Pairs, confidence: float) -> None:
        interval = paired_difference(counts, confidence)
        assert interval.estimate == (counts.first_only - counts.second_only) / counts.images
        assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
        assert interval.low < interval.high
        swapped = paired_difference(Pairs(counts.second_only, counts.first_only, counts.images), confidence)
        assert swapped == pytest.approx((-interval.estimate, -interval.high, -interval.low), abs=1e-9)

    @given(counts_of_pairs())
    @settings(derandomize=True, deadline=None)
    def test_more_confidence_holds_less(self, counts: Pairs) -> None:
        narrow, middle, wide = (paired_difference(counts, confidence) for confidence in (0.9, 0.95, 0.999))
        assert wide.low <= middle.low <= narrow.low and narrow.high <= middle.high <= wide.high
        assert wide.high - wide.low > middle.high - middle.low > narrow.high - narrow.low

    def test_takes_95_percent_unless_told(self) -> None:
        assert paired_difference(Pairs(5, 2, 60)) == paired_difference(Pairs(5, 2, 60), 0.95)

    @given(counts_of_pairs())
    @settings(derandomize=True, deadline=None)
    def test_holds_zero_just_where_mcnemars_score_does_not_reject(self, counts: Pairs) -> None:
        """At a difference of zero the score is (b - c) / sqrt(b + c)."""
        difference, disagreements = counts.first_only - counts.second_only, counts.first_only + counts.second_only
        assert (0.0 in paired_difference(counts)) == (difference**2 <= quantile(0.95) ** 2 * disagreements)

    @pytest.mark.parametrize(
        "counts",
        [Pairs(0, 0, 10**7), Pairs(10**6 - 1, 1, 10**6), Pairs(1, 0, 1), Pairs(0, 5, 5), Pairs(3, 10**6, 10**8)],
    )
    def test_works_at_extremes(self, counts: Pairs) -> None:
        interval = paired_difference(counts, 0.9999)
        assert -1 <= interval.low <= interval.estimate <= interval.high <= 1 and interval.low < interval.high

    @pytest.mark.parametrize(("first", "second"), [(0.15, 0.15), (0.3, 0.1), (0.02, 0.12), (0.45, 0.3)])
    def test_covers_as_often_as_it_says(self, first: float, second: float) -> None:
        # Exactly, over all outcomes of 40 images, so that there are no false alarms: the score interval's coverage
        # oscillates about 95% by less than 2 points here; Wald's falls to 90%.
        covered = 0.0
        for first_only in range(41):
            for second_only in range(41 - first_only):
                both = [first_only, second_only, 40 - first_only - second_only]
                chance = float(stats.multinomial.pmf(both, 40, [first, second, 1 - first - second]))
                if chance > 1e-6 and first - second in paired_difference(Pairs(first_only, second_only, 40)):
                    covered += chance
        assert 0.93 < covered < 0.97

    @pytest.mark.parametrize("counts", NO_PAIRS)
    def test_refuses_what_are_no_counts_of_pairs(self, counts: Pairs) -> None:
        with pytest.raises(InputError, match="are not counts of pairs"):
            paired_difference(counts)
