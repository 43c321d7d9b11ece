"""Claims and their tests as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from src.claims import Comparison, Evidence, Judgement, Outcome, outcome

TEST_COLUMNS = (
    "claim", "protocol", "subject", "quantity", "value", "low", "high", "outcome", "p_value", "seeds", "images", "note",
)  # fmt: skip


def claims_table(judgements: Sequence[Judgement[Evidence]], protocols: Sequence[str]) -> pd.DataFrame:
    """A row a claim: what is said, what was measured under each protocol, and the verdict.

    Under each protocol stands the test that is least in the claim's favour.
    """
    return pd.DataFrame([_row(judgement, protocols) for judgement in judgements])


def _row(judgement: Judgement[Evidence], protocols: Sequence[str]) -> dict[str, str | float | int]:
    claim = judgement.claim
    row: dict[str, str | float | int] = {
        "claim": claim.name,
        "verdict": judgement.verdict,
        "source": claim.source,
        "statement": claim.statement,
        "wording": claim.wording,
        "reported": claim.reported,
        "author_notebook": claim.author_notebook,
        "tolerance": claim.tolerance,
        "decided_by": " ".join(claim.decided_by) if claim.query else "",
    }
    for protocol in protocols:
        tests = judgement.under(protocol)
        row |= {f"{protocol}_{name}": cell for name, cell in _cells(tests).items()}
    query = claim.query
    return row | {"query": _name(query) if query else "", "note": claim.note}


def _cells(tests: tuple[Comparison, ...]) -> dict[str, str | float | int]:
    if not tests:
        return {**dict.fromkeys(("outcome", "subject", "quantity"), ""),
                **dict.fromkeys(("value", "low", "high", "seeds", "images"), math.nan), "tests": 0}  # fmt: skip
    found, shown = outcome(tests), least_in_favour(tests)
    return {
        "outcome": found if found is not None else Outcome.SHOWN,
        "subject": shown.subject,
        "quantity": shown.quantity,
        "value": shown.value.estimate,
        "low": shown.value.low,
        "high": shown.value.high,
        "seeds": shown.seeds,
        "images": shown.images,
        "tests": len(tests),
    }


def least_in_favour(tests: Sequence[Comparison]) -> Comparison:
    """The first test that fails, else the first that is inconclusive, else the first."""
    return min(tests, key=lambda test: _ORDER.index(test.outcome))


_ORDER = (Outcome.FAILS, Outcome.INCONCLUSIVE, Outcome.HOLDS, Outcome.SHOWN)


def _name(query: Callable[..., object]) -> str:
    """Where the query is found, with its arguments."""
    inner = getattr(query, "func", query)
    arguments = [repr(value) for value in getattr(query, "args", ())]
    arguments += [f"{name}={value!r}" for name, value in getattr(query, "keywords", {}).items()]
    return f"{inner.__module__}.{inner.__qualname__}({', '.join(arguments)})"


def tests_table(judgements: Sequence[Judgement[Evidence]]) -> pd.DataFrame:
    """A row a test, in the order of the claims."""
    return pd.DataFrame(
        [
            {
                "claim": judgement.claim.name,
                "protocol": test.protocol,
                "subject": test.subject,
                "quantity": test.quantity,
                "value": test.value.estimate,
                "low": test.value.low,
                "high": test.value.high,
                "outcome": test.outcome,
                "p_value": test.p_value,
                "seeds": test.seeds,
                "images": test.images,
                "note": test.note,
            }
            for judgement in judgements
            for test in judgement.tests
        ],
        columns=list(TEST_COLUMNS),
    )
