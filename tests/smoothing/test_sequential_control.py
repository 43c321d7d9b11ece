"""How often sequential certification is wrong: exactly, by dynamic programming over the hits, and simulated.

All at p = p0, the worst case: there the e-value is a martingale. 10 seconds; the slow test another minute.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from src.smoothing.radius import log_e_value, probability_at
from src.smoothing.sequential import SequentialTest, next_look

ALPHA, SIGMA = 0.001, 0.5

PROBABILITIES = (0.6, 0.8, 0.95, 0.99)


def hits_needed(p0: float, draws: np.ndarray, alpha: float) -> np.ndarray:
    """For each n the fewest hits whose e-value certifies, n + 1 where not even n do; by bisection."""
    enough, lacking = draws + 1, np.full_like(draws, -1)
    while (open_ := enough - lacking > 1).any():
        middle = (enough + lacking) // 2
        certifies = np.asarray(log_e_value(np.clip(middle, 0, draws), draws, p0)) >= math.log(1 / alpha)
        enough = np.where(open_ & certifies, middle, enough)
        lacking = np.where(open_ & ~certifies, middle, lacking)
    return enough


def false_alarms(p0: float, last: int, alpha: float, looks: set[int] | None = None) -> float:
    """P(the e-value reaches 1 / alpha at a look among the first draws | p = p0); by default one looks at every draw."""
    state = np.zeros(last + 1)
    state[0], absorbed = 1.0, 0.0
    for n, needed in enumerate(hits_needed(p0, np.arange(1, last + 1), alpha), 1):
        state[1 : n + 1] = state[1 : n + 1] * (1 - p0) + state[:n] * p0
        state[0] *= 1 - p0
        if looks is None or n in looks:
            absorbed += state[needed : n + 1].sum()
            state[needed : n + 1] = 0
    assert state.sum() + absorbed == pytest.approx(1, abs=1e-12)
    return float(absorbed)


def scheduled(cap: int) -> set[int]:
    looks = [0]
    while looks[-1] < cap:
        looks.append(next_look(looks[-1], cap))
    return set(looks[1:])


def false_certificates(p: float, radii: tuple[float, ...], true: int, cap: int) -> tuple[float, np.ndarray]:
    """(P(more than the first `true` radii are certified), law of the number certified): the real rule, all paths."""
    states = len(radii) + 1
    running = [np.ones(1), *([np.zeros(1)] * (states - 1))]  # running[c][k]: undecided, c certified, k hits
    decided = np.zeros(states)
    n = 0
    while n < cap:
        draws = next_look(n, cap) - n
        steps = stats.binom.pmf(np.arange(draws + 1), draws, p)
        arrived = [np.convolve(mass, steps) for mass in running]
        n += draws
        running = [np.zeros(n + 1) for _ in range(states)]
        for certified, mass in enumerate(arrived):
            k = np.flatnonzero(mass)
            test = SequentialTest(len(k), SIGMA, radii, ALPHA, cap)
            test.n[:], test.certified[:] = n - draws, certified
            test.look(np.arange(len(k)), k, draws)
            for after in range(certified, states):
                here = test.certified == after
                running[after][k[here & test.undecided]] += mass[k[here & test.undecided]]
                decided[after] += mass[k[here & ~test.undecided]].sum()
    assert decided.sum() == pytest.approx(1, abs=1e-10)
    return float(decided[true + 1 :].sum()), decided


class TestExactControl:
    @pytest.mark.parametrize("p0", PROBABILITIES)
    def test_looking_after_every_draw_errs_less_than_alpha_and_not_much_less(self, p0: float) -> None:
        """At 20,000 draws 0.00083, 0.00088, 0.00086 and 0.00074: the test spends most of what it may."""
        early, late = (false_alarms(p0, last, ALPHA) for last in (2000, 20_000))
        assert 0.25 * ALPHA < early < late < ALPHA
        assert late > 0.7 * ALPHA

    @pytest.mark.parametrize("p0", PROBABILITIES)
    def test_a_threshold_twenty_times_too_low_errs_nine_times_too_often(self, p0: float) -> None:
        assert false_alarms(p0, 2000, 20 * ALPHA) > 9 * ALPHA

    @pytest.mark.slow
    @pytest.mark.parametrize("p0", PROBABILITIES)
    def test_at_a_hundred_thousand_draws_still_less(self, p0: float) -> None:
        assert false_alarms(p0, 20_000, ALPHA) < false_alarms(p0, 100_000, ALPHA) < ALPHA

    @pytest.mark.parametrize("p0", PROBABILITIES)
    def test_looking_less_often_errs_less(self, p0: float) -> None:
        looked = false_alarms(p0, 5000, ALPHA, scheduled(5000))
        assert 0.1 * ALPHA < looked < false_alarms(p0, 5000, ALPHA)

    @pytest.mark.parametrize("p0", PROBABILITIES)
    def test_the_fewest_hits_are_the_fewest(self, p0: float) -> None:
        """The programming trusts bisection; here each k is looked at."""
        for n in (5, 100, 777):
            certifying = np.flatnonzero(np.asarray(log_e_value(np.arange(n + 1), n, p0)) >= math.log(1 / ALPHA))
            expected = certifying[0] if len(certifying) else n + 1
            assert hits_needed(p0, np.array([n]), ALPHA).tolist() == [expected]
            assert len(certifying) == n + 1 - expected


class TestWholeRule:
    """The grid, the order, the looks and futility together: p is exactly what radius number `true` needs."""

    RADII = (0.0, 0.15, 0.5, 0.9)

    @pytest.mark.parametrize("true", range(4))
    def test_certifies_falsely_no_more_often_than_looking_at_that_radius_alone(self, true: int) -> None:
        p = float(probability_at(self.RADII[true], SIGMA))
        wrong, law = false_certificates(p, self.RADII, true, cap=2000)
        assert 0 < wrong <= false_alarms(p, 2000, ALPHA, scheduled(2000)) * (1 + 1e-9) < ALPHA
        # It has power besides: with p far above what they need, smaller radii are certified.
        assert law[: max(true - 1, 0)].sum() < 0.01

    def test_between_two_radii_it_certifies_the_smaller_one(self) -> None:
        p = float(probability_at(0.3, SIGMA))
        wrong, law = false_certificates(p, self.RADII, 2, cap=2000)
        assert wrong < 1e-9
        assert law[2] > 0.99


class TestSimulation:
    @pytest.mark.parametrize("true", [0, 1, 2])
    def test_at_most_24_false_certificates_in_ten_thousand(self, true: int) -> None:
        """P(Binomial(10,000, 0.001) > 24) < 5e-5: so rarely a correct method would fail, were the seed drawn anew."""
        assert stats.binom.sf(24, 10_000, ALPHA) < 5e-5
        radii, cap, rows = (0.0, 0.25, 0.75), 20_000, 10_000
        p = float(probability_at(radii[true], SIGMA))
        random = np.random.default_rng([2023, true])
        test = SequentialTest(rows, SIGMA, radii, ALPHA, cap)
        n = 0
        while test.undecided.any():
            positions = np.flatnonzero(test.undecided)
            draws = next_look(n, cap) - n
            test.look(positions, random.binomial(draws, p, len(positions)), draws)
            n += draws
        assert (test.n <= cap).all()
        false = int((test.certified > true).sum())
        assert false <= 24
        assert (test.certified >= true).mean() > 0.99
