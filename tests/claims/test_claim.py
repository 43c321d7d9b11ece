"""Outcomes and verdicts in all combinations, and that a test of equivalence errs as seldom as it says."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from scipy import stats

from src.claims.claim import (
    Claim,
    Comparison,
    Outcome,
    Verdict,
    above_zero,
    at_least,
    at_most,
    judge,
    outcome,
    simultaneous_confidence,
    verdict,
    within_margin,
)
from src.statistics.intervals import Interval
from src.statistics.paired import Pairs, paired_difference
from src.statistics.seeds import trainings_interval

HOLDS, FAILS, INCONCLUSIVE, SHOWN = Outcome.HOLDS, Outcome.FAILS, Outcome.INCONCLUSIVE, Outcome.SHOWN


def comparison(outcome: Outcome, protocol: str = "released", subject: str = "a network") -> Comparison:
    return Comparison(protocol, subject, "accuracy", Interval(0.5, 0.4, 0.6), outcome, seeds=1, images=10)


def claim(tests: Iterable[Comparison] | None, *decided_by: str) -> Claim[object]:
    query = None if tests is None else lambda evidence: tests
    return Claim("a claim", "Text", "something", "summarised", "", "", "", query, decided_by)


def verdict_of(tests: Iterable[Comparison] | None, *decided_by: str) -> Verdict:
    (found,) = judge([claim(tests, *decided_by)], object())
    return found.verdict


class TestOutcome:
    @pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
    def test_one_that_fails_fails_and_all_must_hold(self, count: int) -> None:
        for found in itertools.product(Outcome, repeat=count):
            having_a_say = [one for one in found if one is not SHOWN]
            if not having_a_say:
                expected = None
            elif FAILS in having_a_say:
                expected = FAILS
            else:
                expected = INCONCLUSIVE if INCONCLUSIVE in having_a_say else HOLDS
            assert outcome(comparison(one) for one in found) is expected


TRUTH = {
    # Under `released`, under `written`.
    (None, None): Verdict.NOT_MEASURED,
    (None, HOLDS): Verdict.INCONCLUSIVE,
    (None, FAILS): Verdict.INCONCLUSIVE,
    (None, INCONCLUSIVE): Verdict.INCONCLUSIVE,
    (HOLDS, None): Verdict.ONLY_AS_RELEASED,
    (HOLDS, HOLDS): Verdict.REPRODUCED,
    (HOLDS, FAILS): Verdict.ONLY_AS_RELEASED,
    (HOLDS, INCONCLUSIVE): Verdict.ONLY_AS_RELEASED,
    (FAILS, None): Verdict.NOT_REPRODUCED,
    (FAILS, HOLDS): Verdict.NOT_REPRODUCED,
    (FAILS, FAILS): Verdict.NOT_REPRODUCED,
    (FAILS, INCONCLUSIVE): Verdict.NOT_REPRODUCED,
    (INCONCLUSIVE, None): Verdict.INCONCLUSIVE,
    (INCONCLUSIVE, HOLDS): Verdict.INCONCLUSIVE,
    (INCONCLUSIVE, FAILS): Verdict.INCONCLUSIVE,
    (INCONCLUSIVE, INCONCLUSIVE): Verdict.INCONCLUSIVE,
}


class TestVerdict:
    @pytest.mark.parametrize(("found", "expected"), TRUTH.items())
    def test_of_two_protocols(self, found: tuple[Outcome | None, Outcome | None], expected: Verdict) -> None:
        by_name = dict(zip(("released", "written"), found, strict=True))
        measured = {name: one for name, one in by_name.items() if one is not None}
        assert verdict(measured, tuple(by_name)) is expected
        tests = [comparison(one, name) for name, one in measured.items()]
        assert verdict_of(tests, "released", "written") is expected
        # What is only shown never counts, and neither does a protocol that does not decide.
        beside = [comparison(SHOWN, name) for name in by_name]
        beside += [comparison(one, "corrected") for one in Outcome]
        for order in (tests + beside, beside + tests):
            assert verdict_of(order, "released", "written") is expected

    def test_table_is_whole(self) -> None:
        assert set(TRUTH) == set(itertools.product((None, HOLDS, FAILS, INCONCLUSIVE), repeat=2))

    @pytest.mark.parametrize("found", [*itertools.product((None, HOLDS, FAILS, INCONCLUSIVE), repeat=3)])
    def test_of_three_protocols(self, found: tuple[Outcome | None, ...]) -> None:
        """The rule again, by counting: each case is met by one sentence of it."""
        cases = {
            Verdict.NOT_MEASURED: set(found) == {None},
            Verdict.REPRODUCED: set(found) == {HOLDS},
            Verdict.ONLY_AS_RELEASED: found[0] is HOLDS and set(found) != {HOLDS},
            Verdict.NOT_REPRODUCED: found[0] is FAILS,
            Verdict.INCONCLUSIVE: found[0] in (None, INCONCLUSIVE) and set(found) != {None},
        }
        (expected,) = (name for name, is_met in cases.items() if is_met)
        names = ("released", "written", "corrected")
        measured = {name: one for name, one in zip(names, found, strict=True) if one is not None}
        assert verdict(measured, names) is expected
        assert verdict(dict(reversed(measured.items())), names) is expected
        tests = [comparison(one, name) for name, one in measured.items()]
        assert verdict_of(tests, *names) is expected
        assert verdict_of([*tests, *(comparison(SHOWN, name) for name in names)], *names) is expected

    @pytest.mark.parametrize("found", [*itertools.product((None, HOLDS, FAILS, INCONCLUSIVE), repeat=2)])
    def test_measuring_less_gains_nothing(self, found: tuple[Outcome | None, Outcome | None]) -> None:
        """No verdict is better without one of the two than with it."""
        worth = {Verdict.REPRODUCED: 2, Verdict.ONLY_AS_RELEASED: 1}
        both = dict(zip(("released", "written"), found, strict=True))
        for left_out in both:
            measured = {name: one for name, one in both.items() if one is not None}
            fewer = {name: one for name, one in measured.items() if name != left_out}
            more_worth, fewer_worth = (worth.get(verdict(one, tuple(both)), 0) for one in (measured, fewer))
            assert fewer_worth <= more_worth

    def test_where_released_has_no_say_one_failure_decides(self) -> None:
        names = ("mnist", "cifar10")
        assert verdict({"mnist": HOLDS, "cifar10": HOLDS}, names) is Verdict.REPRODUCED
        assert verdict({"mnist": HOLDS, "cifar10": FAILS}, names) is Verdict.NOT_REPRODUCED
        assert verdict({"cifar10": FAILS}, names) is Verdict.NOT_REPRODUCED
        assert verdict({"mnist": HOLDS}, names) is Verdict.INCONCLUSIVE
        assert verdict({"mnist": HOLDS, "cifar10": INCONCLUSIVE}, names) is Verdict.INCONCLUSIVE

    def test_only_one_protocol_decides(self) -> None:
        tests = [comparison(FAILS, "released"), comparison(FAILS, "written"), comparison(HOLDS, "corrected")]
        assert verdict_of(tests, "corrected") is Verdict.REPRODUCED
        assert verdict_of(tests[:2], "corrected") is Verdict.NOT_MEASURED
        assert verdict_of(tests, "corrected", "written") is Verdict.NOT_REPRODUCED

    def test_no_query_no_test(self) -> None:
        assert verdict_of(None) is Verdict.NOT_TESTABLE
        assert verdict_of(None, "released") is Verdict.NOT_TESTABLE

    def test_a_query_that_finds_nothing(self) -> None:
        assert verdict_of([], "released") is Verdict.NOT_MEASURED
        assert verdict_of([comparison(SHOWN)], "released") is Verdict.NOT_MEASURED


class TestJudge:
    def test_queries_see_the_evidence_in_the_order_of_the_claims(self) -> None:
        def query(evidence: list[Outcome]) -> Iterator[Comparison]:
            return (comparison(one) for one in evidence)

        claims: list[Claim[list[Outcome]]] = [
            Claim(name, "", "", "quoted", "", "", "", query if name else None, ("released",)) for name in ("b", "", "a")
        ]
        found = judge(claims, [HOLDS, FAILS])
        assert [one.claim.name for one in found] == ["b", "", "a"]
        # Tests can be looked at more than once, though a query may be a generator.
        assert [[test.outcome for test in one.tests] for one in found] == [[HOLDS, FAILS], [], [HOLDS, FAILS]]

    def test_tests_by_protocol(self) -> None:
        tests = [
            comparison(HOLDS, "written", "a"),
            comparison(FAILS, "released", "b"),
            comparison(FAILS, "written", "c"),
        ]
        (found,) = judge([claim(tests, "written")], object())
        assert [one.subject for one in found.under("written")] == ["a", "c"]
        assert found.under("corrected") == ()


class TestWithinMargin:
    @pytest.mark.parametrize(
        ("narrow", "simultaneous", "expected"),
        [
            ((-0.1, 0.1), (-0.3, 0.3), HOLDS),
            ((-0.199, 0.199), (-0.9, 0.9), HOLDS),
            ((-0.2, 0.1), (-0.3, 0.2), INCONCLUSIVE),
            ((-0.1, 0.2), (-0.2, 0.3), INCONCLUSIVE),
            ((0.15, 0.25), (0.1, 0.3), INCONCLUSIVE),
            ((0.21, 0.25), (0.2, 0.3), INCONCLUSIVE),
            ((0.22, 0.25), (0.21, 0.3), FAILS),
            ((-0.25, -0.22), (-0.3, -0.21), FAILS),
            ((-0.25, -0.21), (-0.3, -0.2), INCONCLUSIVE),
            ((0.1, 0.15), (0.05, 0.19), HOLDS),
            ((-np.inf, np.inf), (-np.inf, np.inf), INCONCLUSIVE),
        ],
    )
    def test_by_hand(self, narrow: tuple[float, float], simultaneous: tuple[float, float], expected: Outcome) -> None:
        intervals = [Interval(float(np.clip(0.0, *ends)), *ends) for ends in (narrow, simultaneous)]
        assert within_margin(*intervals, 0.2) is expected

    @pytest.mark.parametrize(("first", "second"), [(0.02, 0.01), (0.06, 0.05)])
    def test_a_paired_difference_of_just_the_margin_rarely_holds_or_fails(self, first: float, second: float) -> None:
        """Exactly, over all outcomes of 400 images: 5% each, but for what is lost by counting whole images and by the
        score interval's own approximation."""
        images, margin = 400, first - second
        chances = dict.fromkeys(Outcome, 0.0)
        for only_first in range(61):
            one = stats.binom.pmf(only_first, images, first)
            for only_second in range(51):
                chance = one * stats.binom.pmf(only_second, images - only_first, second / (1 - first))
                if chance > 1e-6:
                    counts = Pairs(only_first, only_second, images)
                    narrow, wide = (paired_difference(counts, confidence) for confidence in (0.9, 0.95))
                    chances[within_margin(narrow, wide, margin)] += float(chance)
        assert sum(chances.values()) > 0.999
        assert chances[HOLDS] < 0.06
        assert chances[FAILS] < 0.035  # one side of 95%

    def test_trainings_that_differ_by_just_the_margin_rarely_hold(self) -> None:
        # 700 times five and five trainings, each asked 2,000 images, whose chances differ by the margin. Each side's
        # test errs in 5% or less: adding what the answers' chance has put into both variances is cautious. Out of
        # this bound in 1e-6 of the seeds.
        generator = np.random.default_rng(9)
        margin, images, held = 0.01, 2_000, 0
        for _ in range(700):
            skill = generator.normal(0, 0.003, (2, 5, 1)) + np.array([[[0.98]], [[0.97]]])
            first, second = generator.random((2, 5, images)) < skill
            narrow, wide = (trainings_interval(first, second, confidence) for confidence in (0.9, 0.95))
            held += within_margin(narrow, wide, margin) is HOLDS
        assert 0 < held <= stats.binom.isf(1e-6, 700, 0.05)


class TestAtLeast:
    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (0.6, 0.7, HOLDS),
            (0.5, 0.7, HOLDS),
            (0.49, 0.7, INCONCLUSIVE),
            (0.4, 0.5, INCONCLUSIVE),
            (0.4, 0.49, FAILS),
            (-np.inf, np.inf, INCONCLUSIVE),
        ],
    )
    def test_by_hand(self, low: float, high: float, expected: Outcome) -> None:
        assert at_least(Interval((low + high) / 2 if low > -np.inf else 0.5, low, high), 0.5) is expected


class TestAtMost:
    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (0.3, 0.4, HOLDS),
            (0.3, 0.5, HOLDS),
            (0.3, 0.51, INCONCLUSIVE),
            (0.5, 0.6, INCONCLUSIVE),
            (0.51, 0.6, FAILS),
            (-np.inf, np.inf, INCONCLUSIVE),
        ],
    )
    def test_by_hand(self, low: float, high: float, expected: Outcome) -> None:
        assert at_most(Interval(0.5, low, high), 0.5) is expected


class TestAboveZero:
    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (0.01, 0.2, HOLDS),
            (0.0, 0.2, INCONCLUSIVE),
            (-0.1, 0.2, INCONCLUSIVE),
            (-0.2, 0.0, INCONCLUSIVE),
            (0.0, 0.0, INCONCLUSIVE),
            (-0.2, -0.01, FAILS),
            (-np.inf, np.inf, INCONCLUSIVE),
        ],
    )
    def test_by_hand(self, low: float, high: float, expected: Outcome) -> None:
        assert above_zero(Interval(0.0, low, high)) is expected


class TestSimultaneousConfidence:
    @pytest.mark.parametrize(("tests", "expected"), [(0, 0.95), (1, 0.95), (2, 0.975), (36, 1 - 0.05 / 36)])
    def test_by_hand(self, tests: int, expected: float) -> None:
        assert simultaneous_confidence(tests) == pytest.approx(expected, abs=1e-15)

    def test_many_intervals_hold_together(self) -> None:
        """Of independent intervals 95% or a little more."""
        for tests in (2, 10, 100):
            assert 0.95 <= simultaneous_confidence(tests) ** tests < 0.9525
