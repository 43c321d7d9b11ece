"""SequentialTest and next_look: the order of the radii, when it gives up, and when it looks. About 3 seconds.

What hypothesis draws is derandomized, draws have fixed seeds: there are no false alarms.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from src.base import InputError
from src.smoothing.noise import DRAW_BLOCK
from src.smoothing.radius import log_e_value, probability_at
from src.smoothing.sequential import FIRST_LOOK, SequentialTest, check_radii, next_look
from tests.independent_evidence import log_evidence

SIGMA, ALPHA = 0.5, 0.001
RADII = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def looks(cap: int) -> list[int]:
    """After how many draws one looks, up to the cap."""
    found = [0]
    while found[-1] < cap:
        found.append(next_look(found[-1], cap))
    return found[1:]


def play(streams: np.ndarray, cap: int, radii: tuple[float, ...] = RADII) -> SequentialTest:
    """Run the test on rows of hits (batch, cap), looking when next_look says."""
    test = SequentialTest(len(streams), SIGMA, radii, ALPHA, cap)
    n = 0
    while test.undecided.any():
        positions = np.flatnonzero(test.undecided)
        until = next_look(n, cap)
        test.look(positions, streams[positions, n:until].sum(axis=1), until - n)
        n = until
    return test


def plain(hits: np.ndarray, cap: int, radii: tuple[float, ...] = RADII) -> tuple[int, int]:
    """(radii certified, draws) of one row, by what the docstrings say, without futility before the cap's."""
    certified = 0
    for n in looks(cap):
        k = int(hits[:n].sum())
        while certified < len(radii) and log_e_value(k, n, stats.norm.cdf(radii[certified] / SIGMA)) >= math.log(1000):
            certified += 1
        if certified == len(radii):
            return certified, n
    return certified, cap


class TestNextLook:
    @given(st.integers(1, 200_000))
    @settings(max_examples=100, derandomize=True, deadline=None)
    def test_ascends_in_whole_blocks_and_ends_at_the_cap(self, cap: int) -> None:
        found = looks(cap)
        assert found[-1] == cap
        assert (np.diff([0, *found]) > 0).all()
        assert all(n % DRAW_BLOCK == 0 for n in found[:-1])
        assert found[0] == min(FIRST_LOOK, cap)

    def test_does_not_depend_on_the_cap_before_it(self) -> None:
        long = looks(100_000)
        for cap in (5, 100, 999, 12_345):
            assert looks(cap)[:-1] == [n for n in long if n < cap]

    def test_comes_after_a_tenth_more(self) -> None:
        found = np.array(looks(100_000)[:-1])
        steps = np.diff(found)
        assert (steps >= found[:-1] / 10).all()
        assert (steps < found[:-1] / 10 + 10).all()
        assert len(found) < 80


class TestOrder:
    @given(st.lists(st.floats(0.3, 1), min_size=1, max_size=8), st.sampled_from([30, 400, 3001]), st.integers(0, 99))
    @settings(max_examples=60, derandomize=True, deadline=None)
    def test_certifies_what_the_plain_rule_does(self, p: list[float], cap: int, seed: int) -> None:
        """Futility apart: it may end sooner, and then certifies no more and, unless p < p0 is evident, no less."""
        streams = np.random.default_rng(seed).random((len(p), cap)) < np.array(p)[:, None]
        test = play(streams, cap)
        for row, hits in enumerate(streams):
            certified, n = plain(hits, cap)
            assert test.certified[row] <= certified
            assert test.n[row] <= n
            assert test.hits[row] == hits[: test.n[row]].sum()
            if test.certified[row] < certified:
                assert evidently_below(test, row)

    def test_a_radius_is_certified_only_after_all_smaller_ones(self) -> None:
        """The e-value of a larger radius may be above the threshold; without the smaller one it does not count."""
        k, n = np.arange(1001), 1000
        test = SequentialTest(1001, SIGMA, RADII, ALPHA, 10**6)
        test.look(np.arange(1001), k, n)
        values = log_e_value(k[:, None], n, np.asarray(probability_at(np.array(RADII), SIGMA)))
        passed = np.asarray(values) >= math.log(1 / ALPHA)
        np.testing.assert_array_equal(test.certified, np.cumprod(passed, axis=1).sum(axis=1))
        assert set(test.certified) == set(range(len(RADII) + 1))

    def test_is_decided_once_all_radii_are_certified(self) -> None:
        test = SequentialTest(2, SIGMA, RADII, ALPHA, 10**6)
        test.look(np.arange(2), np.array([5000, 0]), 5000)
        assert test.certified.tolist() == [len(RADII), 0]
        assert not test.undecided.any()

    def test_only_the_named_positions_change(self) -> None:
        test = SequentialTest(4, SIGMA, RADII, ALPHA, 1000)
        test.look(np.array([1, 3]), np.array([100, 60]), 100)
        assert test.n.tolist() == [0, 100, 0, 100]
        assert test.hits.tolist() == [0, 100, 0, 60]
        assert test.certified[[0, 2]].tolist() == [0, 0]
        assert test.certified[1] > 0
        assert test.undecided[[0, 2]].all()

    def test_one_failing_look_does_not_end_it(self) -> None:
        """60 of 100 do not certify radius 0 yet, 600 of 1000 do: what stops at the first failure is a look."""
        test = SequentialTest(1, SIGMA, RADII, ALPHA, 1000)
        test.look(np.array([0]), np.array([60]), 100)
        assert (test.certified[0], test.undecided[0]) == (0, True)
        test.look(np.array([0]), np.array([540]), 900)
        assert test.certified[0] == 1


class TestEvidence:
    @given(st.lists(st.floats(0.4, 1), min_size=1, max_size=8), st.sampled_from([30, 400, 3001]), st.integers(0, 99))
    @settings(max_examples=60, derandomize=True, deadline=None)
    def test_what_certified_each_radius_is_kept_and_suffices(self, p: list[float], cap: int, seed: int) -> None:
        streams = np.random.default_rng(seed).random((len(p), cap)) < np.array(p)[:, None]
        test = play(streams, cap)
        for row, hits in enumerate(streams):
            certified = int(test.certified[row])
            assert not test.n_at[row, certified:].any() and not test.hits_at[row, certified:].any()
            for radius, k, n in zip(RADII, test.hits_at[row, :certified], test.n_at[row, :certified], strict=False):
                assert n in looks(cap) and k == hits[:n].sum()
                evidence = log_evidence(int(k), int(n), stats.norm.cdf(radius / SIGMA))
                assert evidence >= math.log(1 / ALPHA) - 1e-9
            assert (np.diff([*test.n_at[row, :certified], test.n[row]]) >= 0).all()

    def test_the_evidence_may_be_gone_when_the_draws_end(self) -> None:
        """Why it is kept: 100 hits certify radius 0, and misses that follow them leave the certificate as it is."""
        test = SequentialTest(1, SIGMA, RADII, ALPHA, 1000)
        test.look(np.array([0]), np.array([92]), 100)
        certified = int(test.certified[0])
        assert 0 < certified < len(RADII)
        test.look(np.array([0]), np.array([0]), 60)
        assert test.certified[0] == certified and (test.hits[0], test.n[0]) == (92, 160)
        assert test.hits_at[0, :certified].tolist() == [92] * certified
        assert test.n_at[0, :certified].tolist() == [100] * certified
        assert log_e_value(92, 160, 0.5) < math.log(1 / ALPHA)


def evidently_below(test: SequentialTest, row: int) -> bool:
    """Whether p < p0 of the next radius is as evident as a certificate has to be."""
    p0 = stats.norm.cdf(RADII[test.certified[row]] / SIGMA)
    return bool(log_e_value(test.n[row] - test.hits[row], test.n[row], 1 - p0) >= math.log(1 / ALPHA))


class TestEnd:
    @given(st.integers(1, 1500), st.integers(1, 1500), st.data())
    @settings(max_examples=150, derandomize=True, deadline=None)
    def test_goes_on_exactly_while_hits_alone_could_still_certify(self, n: int, more: int, data: st.DataObject) -> None:
        k = data.draw(st.integers(0, n))
        cap = n + more
        test = SequentialTest(1, SIGMA, RADII, ALPHA, cap)
        test.look(np.array([0]), np.array([k]), n)
        if test.certified[0] == len(RADII):
            assert not test.undecided[0]
            return
        p0 = stats.norm.cdf(RADII[test.certified[0]] / SIGMA)
        hopeful = max(log_e_value(k + np.arange(more + 1), n + np.arange(more + 1), p0)) >= math.log(1 / ALPHA)
        assert bool(test.undecided[0]) == (hopeful and not evidently_below(test, 0))

    @pytest.mark.parametrize("n", [100, 400])
    def test_far_from_the_cap_it_gives_up_where_p_below_p0_is_evident_and_nowhere_else(self, n: int) -> None:
        k = np.arange(n + 1)
        test = SequentialTest(n + 1, SIGMA, RADII, ALPHA, 10**7)
        test.look(k, k, n)
        going = [c < len(RADII) and not evidently_below(test, row) for row, c in enumerate(test.certified)]
        assert test.undecided.tolist() == going
        assert 0 < sum(going) < n

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(1, 700), st.integers(0, 99))
    @settings(max_examples=60, derandomize=True, deadline=None)
    def test_comes_at_the_cap_at_the_latest_and_is_final(self, p: list[float], cap: int, seed: int) -> None:
        test = play(np.random.default_rng(seed).random((len(p), cap)) < np.array(p)[:, None], cap)
        assert not test.undecided.any()
        assert (test.n <= cap).all()
        assert (test.n >= min(cap, FIRST_LOOK)).all()
        assert set(test.n) <= set(looks(cap))

    def test_gives_up_on_a_coin_and_on_a_lost_class_long_before_the_cap(self) -> None:
        p = np.array([0.0, 0.2, 0.4])
        test = play(np.random.default_rng(1).random((3, 20_000)) < p[:, None], 20_000)
        assert test.certified.tolist() == [0, 0, 0]
        assert test.n[:2].tolist() == [100, 100]
        assert test.n[2] < 2000

    def test_a_clear_case_needs_few_draws(self) -> None:
        """What sequential certification is for: p = 1 at radius 1 = 2 sigma, p0 = 0.977."""
        test = play(np.ones((1, 100_000), bool), 100_000)
        assert test.certified[0] == len(RADII)
        assert test.n[0] < 1000


class TestBatches:
    @given(st.data(), st.integers(0, 50))
    @settings(max_examples=40, derandomize=True, deadline=None)
    def test_images_do_not_depend_on_their_company(self, data: st.DataObject, seed: int) -> None:
        random = np.random.default_rng(seed)
        streams = random.random((9, 1500)) < random.uniform(0.4, 1, (9, 1))
        together = play(streams, 1500)
        order = np.array(data.draw(st.permutations(range(9))))
        for part in np.split(order, sorted(data.draw(st.sets(st.integers(1, 8))))):
            alone = play(streams[part], 1500)
            for name in ("n", "hits", "certified", "hits_at", "n_at"):
                np.testing.assert_array_equal(getattr(alone, name), getattr(together, name)[part])


class TestBadInput:
    @pytest.mark.parametrize(
        "radii", [[], [0.2, 0.1], [0.1, 0.1], [-0.1, 0.2], [0.1, math.nan], [0.1, math.inf], [[0.1], [0.2]]]
    )
    def test_radii(self, radii: list[float]) -> None:
        with pytest.raises(InputError, match="radii: expected numbers that ascend"):
            SequentialTest(1, SIGMA, radii, ALPHA, 100)

    @pytest.mark.parametrize(("radii", "sigma"), [([4.01], 0.5), ([0.0], 0.0), ([0.1], -1.0), ([0.1], math.nan)])
    def test_radii_that_no_number_of_draws_certifies(self, radii: list[float], sigma: float) -> None:
        with pytest.raises(InputError, match="beyond 8 sigma"):
            check_radii(radii, sigma)

    def test_the_largest_radius_that_is_taken(self) -> None:
        check_radii([0.0, 4.0], 0.5)
        assert play(np.ones((1, 2000), bool), 2000, (0.0, 4.0)).certified.tolist() == [1]

    @pytest.mark.parametrize("cap", [0, -5])
    def test_cap(self, cap: int) -> None:
        with pytest.raises(InputError, match=f"cap: .*got {cap}"):
            SequentialTest(1, SIGMA, RADII, ALPHA, cap)

    @pytest.mark.parametrize("alpha", [0, 1, math.nan])
    def test_alpha(self, alpha: float) -> None:
        with pytest.raises(InputError, match=f"alpha: .*got {alpha}"):
            SequentialTest(1, SIGMA, RADII, alpha, 100)
