"""What a paper says, what measurements say of it, and the verdict that follows from them alone.

A claim has a query, which looks at measurements and returns tests; every test has an outcome; outcomes give the
verdict. Nobody writes a verdict down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from src.statistics.intervals import CONFIDENCE, Interval

RELEASED = "released"
"""The protocol that does what a paper's author did."""

Evidence = TypeVar("Evidence")
"""What a study's queries look at."""


class Outcome(StrEnum):
    """What one test says of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    INCONCLUSIVE = "inconclusive"
    SHOWN = "shown"
    """Beside the others, without a say: it is not what the claim is about."""


class Verdict(StrEnum):
    """What all measurements together say of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    ONLY_AS_RELEASED = "reproduced only as released"
    NOT_TESTABLE = "not testable"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Comparison:
    """One test of a claim, carried out.

    Attributes:
        protocol: under which reading of the experiment.
        subject: which networks, and what was done to them.
        quantity: what `value` is, with its unit.
        value: the estimate with its interval.
        outcome: what it says of the claim.
        seeds: trainings that it rests on.
        images: test images that it rests on.
        confidence: of the interval; where a verdict rests on several, of each one of those that hold together with 95%;
            NaN of what is no sample.
        narrow: the interval at 90%, by which it was judged whether a difference counts as none; None in other tests.
        measured: the quantity itself where `value` is its difference from a published number; NaN elsewhere.
        p_value: of a test that goes with it; NaN where there is none.
        note: what a reader should know of it.
    """

    protocol: str
    subject: str
    quantity: str
    value: Interval
    outcome: Outcome
    seeds: int
    images: int
    confidence: float = CONFIDENCE
    narrow: Interval | None = None
    measured: float = math.nan
    p_value: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class Claim(Generic[Evidence]):
    """One thing that a paper says, and how it is put to the test.

    Attributes:
        name: short, unique.
        source: where in the paper.
        statement: the paper's, or what follows from it.
        wording: whether `statement` is the paper's own words, a number of its tables, a summary, or inferred from the
            tables.
        reported: the published value, with its unit, or "" for a sentence without one.
        author_notebook: the value in the output of its author's notebook, or "".
        tolerance: what counts as agreement, with the correction for several tests; why, of what can't be tested.
        query: gives the tests; None where measurements here can't decide.
        decided_by: the protocols whose tests have a say; those of the others are shown.
        note: what a reader should know.
    """

    name: str
    source: str
    statement: str
    wording: Literal["quoted", "number", "summarised", "inferred"]
    reported: str
    author_notebook: str
    tolerance: str
    query: Callable[[Evidence], Iterable[Comparison]] | None
    decided_by: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Judgement(Generic[Evidence]):
    """A claim with the tests that its query gave."""

    claim: Claim[Evidence]
    tests: tuple[Comparison, ...]

    def under(self, protocol: str) -> tuple[Comparison, ...]:
        """The tests under one protocol."""
        return tuple(test for test in self.tests if test.protocol == protocol)

    @property
    def verdict(self) -> Verdict:
        """What follows from the tests of the protocols that decide."""
        if self.claim.query is None:
            return Verdict.NOT_TESTABLE
        together = {protocol: outcome(self.under(protocol)) for protocol in self.claim.decided_by}
        return verdict({name: found for name, found in together.items() if found is not None}, self.claim.decided_by)


def judge(claims: Sequence[Claim[Evidence]], evidence: Evidence) -> list[Judgement[Evidence]]:
    """Carry out the query of each claim."""
    return [Judgement(claim, tuple(claim.query(evidence)) if claim.query else ()) for claim in claims]


def outcome(tests: Iterable[Comparison]) -> Outcome | None:
    """What the tests under one protocol say together: a claim holds if all hold and fails if one fails.

    So no correction is needed for "holds" (an intersection-union test); for "fails" the tests' intervals are
    simultaneous. A claim of a direction (`above_zero`, `at_least`) takes these for both, and holds less readily for it.

    Returns:
        None where no test has a say.
    """
    found = {test.outcome for test in tests} - {Outcome.SHOWN}
    if not found:
        return None
    if Outcome.FAILS in found:
        return Outcome.FAILS
    return Outcome.HOLDS if found == {Outcome.HOLDS} else Outcome.INCONCLUSIVE


def verdict(outcomes: Mapping[str, Outcome], decided_by: Sequence[str]) -> Verdict:
    """What the outcomes under the protocols that decide say together.

    Reproduced if the claim holds under all of them. Reproduced only as released if it holds under `released`, and
    under another it fails, can't be told, or was not measured: so nothing is gained by measuring less. Where `released`
    fails, not reproduced; where that can't be told, inconclusive. Where it has no say, not reproduced if one fails.

    Args:
        outcomes: by protocol; only of those with a measurement.
        decided_by: the protocols that have a say.
    """
    if not outcomes:
        return Verdict.NOT_MEASURED
    if all(outcomes.get(protocol) == Outcome.HOLDS for protocol in decided_by):
        return Verdict.REPRODUCED
    if RELEASED not in decided_by:
        return Verdict.NOT_REPRODUCED if Outcome.FAILS in outcomes.values() else Verdict.INCONCLUSIVE
    match outcomes.get(RELEASED):
        case Outcome.HOLDS:
            return Verdict.ONLY_AS_RELEASED
        case Outcome.FAILS:
            return Verdict.NOT_REPRODUCED
    return Verdict.INCONCLUSIVE


def within_margin(narrow: Interval, simultaneous: Interval, margin: float) -> Outcome:
    """The claim that a difference is less than `margin` either way, as a test of equivalence (Schuirmann 1987).

    Args:
        narrow: the interval at 1 - 2 alpha, which lies within the margins where both one-sided tests reject.
        simultaneous: over all tests of the family; beyond a margin, the claim fails.
        margin: the largest difference that counts as none.
    """
    if max(-narrow.low, narrow.high) < margin:
        return Outcome.HOLDS
    beyond = simultaneous.low > margin or simultaneous.high < -margin
    return Outcome.FAILS if beyond else Outcome.INCONCLUSIVE


def at_least(interval: Interval, bound: float) -> Outcome:
    """The claim that a quantity is not below `bound`."""
    if interval.low >= bound:
        return Outcome.HOLDS
    return Outcome.FAILS if interval.high < bound else Outcome.INCONCLUSIVE


def at_most(interval: Interval, bound: float) -> Outcome:
    """The claim that a quantity is not above `bound`."""
    return at_least(Interval(-interval.estimate, -interval.high, -interval.low), -bound)


def above_zero(interval: Interval) -> Outcome:
    """The claim that a quantity is positive."""
    if interval.low > 0:
        return Outcome.HOLDS
    return Outcome.FAILS if interval.high < 0 else Outcome.INCONCLUSIVE


def simultaneous_confidence(tests: int) -> float:
    """Of each of so many intervals, for 95% that all hold their value (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / max(1, tests)
