"""Claims and their tests as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd

from src.base import InputError
from src.claims.claim import Claim, Comparison, Evidence, Judgement, Outcome, Verdict, outcome

TEST_COLUMNS = (
    "claim", "protocol", "subject", "quantity", "measured", "value", "low", "high", "confidence", "low_90", "high_90",
    "outcome", "p_value", "seeds", "images", "note",
)  # fmt: skip


def claims_table(judgements: Sequence[Judgement[Evidence]], protocols: Sequence[str]) -> pd.DataFrame:
    """A row a claim: what is said, what was measured under each protocol, and the verdict.

    Under each protocol stands the test of the worst outcome with the largest value, whatever its sign.
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
    measured = [name for name in claim.decided_by if outcome(judgement.under(name)) is not None]
    return row | {"measured_under": " ".join(measured), "query": query_name(claim), "note": claim.note}


def _cells(tests: tuple[Comparison, ...]) -> dict[str, str | float | int]:
    if not tests:
        numbers = ("measured", "value", "low", "high", "seeds", "images")
        return {**dict.fromkeys(("outcome", "subject", "quantity"), ""), **dict.fromkeys(numbers, math.nan), "tests": 0}
    found, shown = outcome(tests), least_in_favour(tests)
    low, high = shown.value.ends
    return {
        "outcome": found if found is not None else Outcome.SHOWN,
        "subject": shown.subject,
        "quantity": shown.quantity,
        "measured": shown.measured,
        "value": shown.value.estimate,
        "low": low,
        "high": high,
        "seeds": shown.seeds,
        "images": shown.images,
        "tests": len(tests),
    }


def least_in_favour(tests: Sequence[Comparison]) -> Comparison:
    """Of the tests that fail, else of those that are inconclusive, else of all, that with the largest value."""
    return min(tests, key=lambda test: (_ORDER.index(test.outcome), -abs(test.value.estimate)))


_ORDER = (Outcome.FAILS, Outcome.INCONCLUSIVE, Outcome.HOLDS, Outcome.SHOWN)


def described(claim: Claim[Evidence]) -> dict[str, str]:
    """All that a claim says, and which query tests it: with another description its verdict is another."""
    return {field.name: str(getattr(claim, field.name)) for field in fields(claim)} | {"query": query_name(claim)}


def query_name(claim: Claim[Evidence]) -> str:
    """Where the query of a claim is found, with its arguments; "" where it has none."""
    query = claim.query
    if query is None:
        return ""
    inner = getattr(query, "func", query)
    arguments = [repr(value) for value in getattr(query, "args", ())]
    arguments += [f"{name}={value!r}" for name, value in getattr(query, "keywords", {}).items()]
    return f"{inner.__module__}.{inner.__qualname__}({', '.join(arguments)})"


def tests_table(judgements: Sequence[Judgement[Evidence]]) -> pd.DataFrame:
    """A row a test, in the order of the claims."""
    rows = [_test_row(judgement.claim.name, test) for judgement in judgements for test in judgement.tests]
    return pd.DataFrame(rows, columns=list(TEST_COLUMNS))


def _test_row(claim: str, test: Comparison) -> dict[str, str | float | int]:
    low, high = test.value.ends
    low_90, high_90 = test.narrow.ends if test.narrow else (math.nan, math.nan)
    return {
        "claim": claim,
        "protocol": test.protocol,
        "subject": test.subject,
        "quantity": test.quantity,
        "measured": test.measured,
        "value": test.value.estimate,
        "low": low,
        "high": high,
        "confidence": test.confidence,
        "low_90": low_90,
        "high_90": high_90,
        "outcome": test.outcome,
        "p_value": test.p_value,
        "seeds": test.seeds,
        "images": test.images,
        "note": test.note,
    }


def verdict_rows(judgements: Sequence[Judgement[Evidence]], protocols: Sequence[str]) -> pd.DataFrame:
    """The table of verdicts of a report: a row a claim, in words, with a column for each protocol.

    Without a column of reported numbers, where no claim has one.
    """
    table = pd.DataFrame(
        [
            {
                "claim": _said(judgement.claim),
                "verdict": judgement.verdict.value,
                "reported": judgement.claim.reported,
                **{protocol: _measured(judgement, protocol) for protocol in protocols},
            }
            for judgement in judgements
        ]
    )
    reported = any(judgement.claim.reported for judgement in judgements)
    return table if reported else table.drop(columns="reported", errors="ignore")


def _said(claim: Claim[Evidence]) -> str:
    words = f"“{claim.statement}”" if claim.wording == "quoted" else claim.statement
    return f"{words} ({claim.source}{', inferred' if claim.wording == 'inferred' else ''})"


def _measured(judgement: Judgement[Evidence], protocol: str) -> str:
    tests = judgement.under(protocol)
    if not tests:
        return "not measured" if protocol in judgement.claim.decided_by else ""
    test = least_in_favour(tests)
    low, high = test.value.ends
    itself = "" if math.isnan(test.measured) else f"{test.measured:.4g}; "
    # What is no sample is exact.
    value = f"{itself}{test.quantity} {test.value.estimate:.{4 if test.confidence > 0 else 6}g}"
    if not math.isnan(low):
        value += f" [{low:.4g}, {high:.4g}]"
    elif test.confidence > 0:
        value += " without an interval"
    others = f"; {len(tests)} tests" if len(tests) > 1 else ""
    return f"{outcome(tests) or test.outcome}: {value} ({test.subject}{others})"


def print_verdicts(path: Path) -> None:
    """Print how many claims of a claims.csv have each verdict: "Claims: 3 reproduced, 1 not testable."

    Raises:
        InputError: the file is damaged.
    """
    try:
        verdicts = pd.read_csv(path, keep_default_na=False)["verdict"].map(Verdict).tolist()
    except (KeyError, ValueError) as error:  # pandas' errors about empty and malformed files are ValueErrors
        raise InputError(f"{path} is empty or damaged ({error}). Delete it and run again.") from error
    counts = {kind: verdicts.count(kind) for kind in Verdict}
    print("Claims: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) + ".")
