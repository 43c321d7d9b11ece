"""PREDICT's and CERTIFY's statistics and the e-value: reference vectors, definitions, exact error rates.

Nothing here is random but what hypothesis draws, derandomized: there are no false alarms. About 5 seconds.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from src.base import ABSTAIN, InputError
from src.smoothing.radius import (
    certified_radius,
    log_e_value,
    lower_confidence_bound,
    prediction,
    probability_at,
    round_down,
)

VECTORS = list(csv.DictReader(Path(__file__).with_name("certification_vectors.csv").open(encoding="utf-8")))

ALPHAS = (0.001, 0.01, 0.05, 0.5)


@st.composite
def tallies(draw: st.DrawFn, most: int, least: int = 0) -> tuple[int, int]:
    """(k, n), 0 <= k <= n."""
    n = draw(st.integers(least, most))
    return draw(st.integers(0, n)), n


class TestReferenceVectors:
    @pytest.mark.parametrize("row", VECTORS, ids=lambda row: ",".join(filter(None, row.values())))
    def test_every_row(self, row: dict[str, str]) -> None:
        k, n = int(row["k"]), int(row["n"])
        got = {
            "lower_confidence_bound": lambda: lower_confidence_bound(k, n, float(row["alpha"])),
            "certified_radius_over_sigma": lambda: certified_radius(k, n, float(row["alpha"]), 1.0),
            "log_e_value": lambda: log_e_value(k, n, float(row["p0"])),
        }[row["function"]]()
        expected = ABSTAIN if row["value"] == "abstain" else float(row["value"])
        # Phi^-1 has no more digits near one half, so 2.2e-5 is held to 1e-15 besides.
        assert got == pytest.approx(expected, rel=1e-12, abs=1e-15)

    def test_there_are_rows_of_each_function(self) -> None:
        assert len({row["function"] for row in VECTORS}) == 3
        assert len(VECTORS) == 11


class TestLowerConfidenceBound:
    @given(tallies(3000, 1), st.sampled_from(ALPHAS))
    @settings(max_examples=150, derandomize=True, deadline=None)
    def test_is_where_so_many_hits_or_more_have_probability_alpha(self, tally: tuple[int, int], alpha: float) -> None:
        k, n = tally
        bound = lower_confidence_bound(k, n, alpha)
        interval = stats.binomtest(k, n, alternative="greater").proportion_ci(1 - alpha, method="exact")
        assert bound == pytest.approx(interval.low, rel=1e-8, abs=1e-10)
        if k:
            assert stats.binom.sf(k - 1, n, bound) == pytest.approx(alpha, rel=1e-9)
        else:
            assert bound == 0

    @pytest.mark.parametrize("n", [1, 2, 5, 10, 37, 100, 400])
    @pytest.mark.parametrize("alpha", [0.001, 0.05])
    def test_exceeds_p_with_probability_alpha_at_the_most_and_attains_it(self, n: int, alpha: float) -> None:
        """By enumeration of all outcomes, also at the p where it is worst: just below each possible bound."""
        k = np.arange(n + 1)
        bounds = np.asarray(lower_confidence_bound(k, n, alpha))
        p = np.concatenate([np.linspace(0.001, 0.999, 333), bounds[1:] * (1 - 1e-12)])
        wrong = (stats.binom.pmf(k, n, p[:, None]) * (bounds > p[:, None])).sum(axis=1)
        assert wrong.max() <= alpha * (1 + 1e-9)
        # As sharp as it can be: just below the bound of k the error is that of k hits or more, alpha itself.
        np.testing.assert_allclose(wrong[-n:], alpha, rtol=1e-6)

    @pytest.mark.parametrize("n", [1, 10, 1000, 100_000])
    def test_of_hits_alone_is_the_root_of_alpha(self, n: int) -> None:
        assert lower_confidence_bound(n, n, 0.001) == pytest.approx(0.001 ** (1 / n), rel=1e-12)


class TestCertifiedRadius:
    @given(tallies(2000, 1), st.sampled_from(ALPHAS), st.floats(1e-3, 1e3))
    @settings(max_examples=150, derandomize=True, deadline=None)
    def test_inverts_the_normal_law_or_abstains(self, tally: tuple[int, int], alpha: float, sigma: float) -> None:
        radius = certified_radius(*tally, alpha, sigma)
        bound = lower_confidence_bound(*tally, alpha)
        if bound < 0.5:
            assert radius == ABSTAIN
        else:
            assert radius >= 0
            assert probability_at(radius, sigma) == pytest.approx(bound, rel=1e-12)

    def test_grows_with_the_hits_and_with_sigma(self) -> None:
        radius = np.asarray(certified_radius(np.arange(1001), 1000, 0.001, 0.25))
        first = int((radius != ABSTAIN).argmax())
        assert (radius[:first] == ABSTAIN).all()
        assert (np.diff(radius[first:]) > 0).all()
        np.testing.assert_array_equal(certified_radius(np.arange(first, 1001), 1000, 0.001, 0.5), 2 * radius[first:])

    def test_at_one_half_is_zero_and_no_abstention(self) -> None:
        assert certified_radius(1, 1, 0.5, 1.0) == 0  # the bound of 1 : 0 is alpha
        assert certified_radius(1, 1, 0.499, 1.0) == ABSTAIN


class TestPrediction:
    @given(st.lists(st.integers(0, 60) | st.integers(0, 10**5), min_size=2, max_size=6), st.sampled_from(ALPHAS))
    @settings(max_examples=200, derandomize=True, deadline=None)
    def test_answers_where_the_two_sided_binomial_test_rejects(self, votes: list[int], alpha: float) -> None:
        second, first = sorted(votes)[-2:]
        p_value = stats.binomtest(first, first + second, 0.5).pvalue if first else 1.0
        assume(abs(p_value - alpha) > 1e-9)
        expected = int(np.argmax(votes)) if p_value < alpha else ABSTAIN
        assert prediction(np.array([votes]), alpha).tolist() == [expected]

    def test_ten_to_none_is_enough_at_one_in_a_hundred_and_not_at_one_in_a_thousand(self) -> None:
        counts = np.array([[0, 10, 0], [10, 0, 0], [0, 9, 1]])
        assert prediction(counts, 0.01).tolist() == [1, 0, ABSTAIN]
        assert prediction(counts, 0.001).tolist() == [ABSTAIN] * 3

    @pytest.mark.parametrize("votes", [[0, 0], [1, 1], [5, 5, 0], [50_000, 3, 50_000]])
    def test_a_tie_abstains_at_any_alpha(self, votes: list[int]) -> None:
        assert prediction(np.array([votes]), 0.9999).tolist() == [ABSTAIN]

    def test_batches_of_any_size(self) -> None:
        answers = prediction(np.zeros((0, 3), np.int64), 0.001)
        assert answers.shape == (0,)
        assert prediction(np.array([[0, 30]]), 0.001).dtype == np.int64

    @pytest.mark.parametrize("alpha", [0.05, 0.3])
    def test_answers_another_class_with_probability_alpha_at_the_most(self, alpha: float) -> None:
        """By enumeration: 14 draws among three classes, p from even to lopsided; at a tie any answer is wrong."""
        n = 14
        counts = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)])
        answers = prediction(counts, alpha)
        for p in ((0.5, 0.5, 0), (0.51, 0.49, 0), (0.6, 0.4, 0), (0.4, 0.35, 0.25), (0.34, 0.33, 0.33)):
            right = 0 if p[0] > p[1] else ABSTAIN
            wrong = (answers != ABSTAIN) & (answers != right)
            assert stats.multinomial.pmf(counts[wrong], n, p).sum() <= alpha
        assert (answers != ABSTAIN).any()


def exact_e_value(k: int, n: int, p0: Fraction) -> Fraction:
    """The uniform mixture of all p in (p0, 1), integrated term by term, over the likelihood at p0."""
    misses = n - k
    integral = sum(math.comb(misses, j) * (-1) ** j * (1 - p0 ** (k + j + 1)) / (k + j + 1) for j in range(misses + 1))
    return integral / (1 - p0) / (p0**k * (1 - p0) ** misses)


PROBABILITIES = (0.5, 0.6, 0.8, 0.95, 0.99)


def in_range(k: int | np.ndarray, n: int, p0: float) -> np.ndarray:
    """Whether the tail that the e-value needs has all its digits; it underflows where k / n is far below p0.

    Digits go well before the smallest float64, where the processor counts subnormal numbers as zero.
    """
    return special.betainc(n - k + 1.0, k + 1.0, 1 - p0) > 1e-200


class TestLogEValue:
    @given(tallies(60), st.sampled_from([Fraction(1, 100), Fraction(1, 2), Fraction(4, 5), Fraction(99, 100)]))
    @settings(max_examples=100, derandomize=True, deadline=None)
    def test_is_the_mixture_s_likelihood_ratio_in_exact_fractions(self, tally: tuple[int, int], p0: Fraction) -> None:
        exact = exact_e_value(*tally, p0)
        assert log_e_value(*tally, float(p0)) == pytest.approx(
            math.log(exact.numerator) - math.log(exact.denominator), rel=1e-10, abs=1e-10
        )

    @given(tallies(20_000), st.sampled_from(PROBABILITIES))
    @settings(max_examples=100, derandomize=True, deadline=None)
    def test_is_the_integral_by_quadrature(self, tally: tuple[int, int], p0: float) -> None:
        k, n = tally
        peak = max(p0, k / n) if n else p0

        def exponent(p: float) -> float:
            return float(special.xlogy(k, p / p0) + special.xlogy(n - k, (1 - p) / (1 - p0)))

        largest = exponent(peak)
        width = math.sqrt(max(peak * (1 - peak), 1 / (n + 1)) / (n + 1))
        marks = {p0, 1.0} | {peak + side * width for side in (-9, -4, -1, -0.1, 0, 0.1, 1, 4, 9)}
        pieces = itertools.pairwise(sorted(mark for mark in marks if p0 <= mark <= 1))
        area = sum(
            integrate.quad(lambda p: math.exp(exponent(p) - largest), *piece, epsabs=0, epsrel=1e-10, limit=200)[0]
            for piece in pieces
        )
        expected = largest + math.log(area / (1 - p0))
        got = log_e_value(k, n, p0)
        if in_range(k, n, p0):
            assert got == pytest.approx(expected, rel=1e-7, abs=1e-7)
        else:
            assert max(got, expected) < 0  # no evidence

    def test_starts_at_none(self) -> None:
        np.testing.assert_allclose(log_e_value(0, 0, np.array([1e-9, 0.5, 0.9, 1 - 1e-9])), 0, atol=1e-12)

    @given(tallies(5000), st.sampled_from(PROBABILITIES), st.floats(0, 1))
    @settings(max_examples=200, derandomize=True, deadline=None)
    def test_is_a_martingale_at_p0_and_below_it_decreases(
        self, tally: tuple[int, int], p0: float, share: float
    ) -> None:
        """Over the next draw, from any state; above p0 it may grow."""
        k, n = tally
        assume(in_range(k, n, p0) and in_range(k, n + 1, p0))
        now = log_e_value(k, n, p0)
        hit, miss = log_e_value(k + 1, n + 1, p0), log_e_value(k, n + 1, p0)
        p = p0 * share
        assert np.logaddexp(math.log(p0) + hit, math.log1p(-p0) + miss) == pytest.approx(now, abs=1e-8)
        assert np.logaddexp(special.xlogy(1, p) + hit, math.log1p(-p) + miss) <= now + 1e-8
        assert hit > miss

    @given(tallies(5000, 1), st.sampled_from(PROBABILITIES))
    @settings(max_examples=50, derandomize=True, deadline=None)
    def test_grows_with_the_hits(self, tally: tuple[int, int], p0: float) -> None:
        n = tally[1]
        k = np.arange(n + 1)
        values = np.asarray(log_e_value(k, n, p0))
        exact = in_range(k, n, p0)
        assert (np.diff(values[exact]) > 0).all()
        assert (values[~exact] < 0).all()


class TestRoundDown:
    @given(st.one_of(st.floats(0, 1e4), st.floats(1e8, 1e17), st.floats(0, allow_infinity=False)), st.integers(0, 6))
    @settings(max_examples=600, derandomize=True, deadline=None)
    def test_is_never_above_and_less_than_a_step_below(self, radius: float, digits: int) -> None:
        with np.errstate(all="raise", under="ignore"):
            rounded = float(round_down(radius, digits))
        assert 0 <= rounded <= radius
        assert radius - rounded < 10.0**-digits * (1 + 1e-9) + math.ulp(radius)
        assert rounded == round(rounded, digits)

    def test_is_not_above_what_lies_just_below_a_step(self) -> None:
        radii = np.nextafter(np.arange(1, 5000) / 1000, 0)
        assert (round_down(radii) <= radii).all()

    def test_shows_three_digits_and_leaves_an_abstention(self) -> None:
        np.testing.assert_array_equal(round_down(np.array([0.1239, 0.5, 0.0, ABSTAIN])), [0.123, 0.5, 0, ABSTAIN])


class TestNumbersAndArrays:
    @pytest.mark.parametrize(
        "function",
        [
            lambda k, n, p: lower_confidence_bound(k, n, 0.001),
            lambda k, n, p: certified_radius(k, n, 0.001, 0.25),
            log_e_value,
            lambda k, n, p: probability_at(p, 0.25),
            lambda k, n, p: round_down(p),
        ],
        ids=["lower_confidence_bound", "certified_radius", "log_e_value", "probability_at", "round_down"],
    )
    def test_arrays_are_broadcast_to_what_single_numbers_give(self, function: Callable[..., np.ndarray]) -> None:
        k, n = np.array([0, 1, 7, 50, 99, 100])[:, None, None], np.array([100, 1000])[:, None]
        p = np.array([0.5, 0.6, 0.99])
        table = np.broadcast_to(function(k, n, p), (6, 2, 3))
        for place in np.ndindex(6, 2, 3):
            single = function(int(k[place[0], 0, 0]), int(n[place[1], 0]), float(p[place[2]]))
            assert np.ndim(single) == 0
            assert isinstance(single, float)
            assert single == table[place]


class TestBadInput:
    @pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, float("nan")])
    def test_alpha(self, alpha: float) -> None:
        for refuse in (
            lambda: lower_confidence_bound(1, 2, alpha),
            lambda: certified_radius(1, 2, alpha, 1.0),
            lambda: prediction(np.ones((1, 2)), alpha),
        ):
            with pytest.raises(InputError, match=rf"alpha: .*got {alpha}\."):
                refuse()

    @pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0), (np.array([1, 7]), 5), (1, np.array([3, 0]))])
    def test_counts(self, k: int, n: int) -> None:
        with pytest.raises(InputError, match="k and n: expected 0 <= k <= n"):
            lower_confidence_bound(k, n, 0.001)

    @pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, -1)])
    def test_counts_of_an_e_value(self, k: int, n: int) -> None:
        with pytest.raises(InputError, match="k and n: expected 0 <= k <= n"):
            log_e_value(k, n, 0.5)

    @pytest.mark.parametrize("p0", [0.0, 1.0, -0.5, 2.0, float("nan")])
    def test_p0(self, p0: float) -> None:
        with pytest.raises(InputError, match=rf"p0: .*got {p0}\."):
            log_e_value(1, 2, p0)

    @pytest.mark.parametrize("counts", [np.array([1, 2]), np.array([[3]]), np.array([[1, -1]])])
    def test_votes(self, counts: np.ndarray) -> None:
        with pytest.raises(InputError, match="counts: expected votes"):
            prediction(counts, 0.001)
