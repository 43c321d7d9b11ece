"""Claims as rows: what is said, the test least in the claim's favour, and where its query is found."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from src.base import InputError
from src.claims import tables as claim_tables
from src.claims.claim import Claim, Comparison, Judgement, Outcome, Verdict, judge
from src.claims.tables import claims_table, least_in_favour, print_verdicts, query_name
from src.statistics.intervals import Interval

HOLDS, FAILS, INCONCLUSIVE, SHOWN = Outcome.HOLDS, Outcome.FAILS, Outcome.INCONCLUSIVE, Outcome.SHOWN
PROTOCOLS = ("released", "written")


def comparison(outcome: Outcome, protocol: str = "released", number: int = 0) -> Comparison:
    """Whose every number is told by `number`."""
    value = Interval(0.5 + number, 0.25 + number, 0.75 + number)
    return Comparison(
        protocol, f"network {number}", f"quantity {number}", value, outcome, seeds=1 + number, images=100 + number,
        confidence=0.9 + 0.01 * number, measured=2.5 + number, p_value=0.125 * number, note=f"note {number}",
    )  # fmt: skip


def some(evidence: Sequence[Comparison], protocol: str | None = None) -> Iterator[Comparison]:
    """A query: the tests of one protocol, or all."""
    return (test for test in evidence if protocol in (None, test.protocol))


def claim(name: str = "a claim", query: object = some, decided_by: tuple[str, ...] = PROTOCOLS) -> Claim[object]:
    return Claim(
        name, "Table 1", 'It is "so", always', "quoted", "0.982", "0.9820", "some", query, decided_by, "a note"
    )  # type: ignore[arg-type]


def row(*tests: Comparison, **given: object) -> pd.Series:
    table = claims_table(judge([claim(**given)], tests), PROTOCOLS)  # type: ignore[arg-type]
    assert len(table) == 1
    return table.iloc[0]


class TestClaims:
    def test_says_what_is_claimed(self) -> None:
        found = row(comparison(HOLDS), comparison(FAILS, "written"))
        assert found["claim"] == "a claim" and found["verdict"] == "reproduced only as released"
        assert found["source"] == "Table 1" and found["statement"] == 'It is "so", always'
        assert (found["wording"], found["reported"], found["author_notebook"]) == ("quoted", "0.982", "0.9820")
        assert (found["tolerance"], found["decided_by"], found["note"]) == ("some", "released written", "a note")

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_shows_the_largest_of_the_worst(self, count: int) -> None:
        for found in itertools.product(Outcome, repeat=count):
            worst = next(one for one in (FAILS, INCONCLUSIVE, HOLDS, SHOWN) if one in found)
            shown = max(place for place, one in enumerate(found) if one is worst)
            cells = row(*(comparison(one, number=place) for place, one in enumerate(found)))
            assert cells["released_outcome"] == worst
            assert cells["released_subject"] == f"network {shown}"
            assert cells["released_quantity"] == f"quantity {shown}"
            names = ("measured", "value", "low", "high", "seeds", "images", "tests")
            numbers = [cells[f"released_{name}"] for name in names]
            assert numbers == [2.5 + shown, 0.5 + shown, 0.25 + shown, 0.75 + shown, 1 + shown, 100 + shown, count]

    def test_largest_whatever_its_sign_and_of_equals_the_first(self) -> None:
        tests = [comparison(FAILS, number=number) for number in (0, 2, -5, 4)] + [comparison(HOLDS, number=9)]
        # 0.5, 2.5, -4.5, 4.5.
        for order in itertools.permutations(tests):
            shown = least_in_favour(order)
            assert shown is next(test for test in order if abs(test.value.estimate) == 4.5)

    def test_nothing_stands_where_nothing_was_measured(self) -> None:
        cells = row(comparison(INCONCLUSIVE))
        assert [cells[f"written_{name}"] for name in ("outcome", "subject", "quantity")] == ["", "", ""]
        numbers = ("measured", "value", "low", "high", "seeds", "images")
        assert all(math.isnan(cells[f"written_{name}"]) for name in numbers)
        assert cells["written_tests"] == 0 and cells["released_tests"] == 1
        assert row()["verdict"] == Verdict.NOT_MEASURED

    def test_of_what_is_not_testable(self) -> None:
        cells = row(comparison(HOLDS), query=None, decided_by=())
        assert (cells["verdict"], cells["query"], cells["decided_by"]) == ("not testable", "", "")

    def test_shows_also_protocols_that_do_not_decide(self) -> None:
        cells = row(comparison(HOLDS), comparison(FAILS, "written"), decided_by=("released",))
        assert (cells["verdict"], cells["decided_by"]) == ("reproduced", "released")
        assert cells["written_outcome"] == "fails"

    @pytest.mark.parametrize(
        ("tests", "decided_by", "expected"),
        [
            ((comparison(HOLDS), comparison(FAILS, "written")), PROTOCOLS, "released written"),
            ((comparison(HOLDS), comparison(FAILS, "written")), ("written",), "written"),
            ((comparison(SHOWN), comparison(INCONCLUSIVE, "written")), PROTOCOLS, "written"),
            ((comparison(SHOWN),), PROTOCOLS, ""),
            ((), PROTOCOLS, ""),
        ],
    )
    def test_says_which_of_the_protocols_that_decide_were_measured(
        self, tests: tuple[Comparison, ...], decided_by: tuple[str, ...], expected: str
    ) -> None:
        cells = row(*tests, decided_by=decided_by)
        assert cells["measured_under"] == expected
        assert list(cells.index[-3:]) == ["measured_under", "query", "note"]

    def test_names_the_query_with_its_arguments(self) -> None:
        place = f"{__name__}.some"
        assert row(query=some)["query"] == f"{place}()"
        assert row(query=partial(some, protocol="written"))["query"] == f"{place}(protocol='written')"
        nested = partial(partial(some, protocol="written"), protocol=None)
        assert row(query=nested)["query"] == f"{place}(protocol=None)"
        assert query_name(claim(query=partial(some, [], protocol=None))) == f"{place}([], protocol=None)"
        assert query_name(claim(query=None)) == ""

    def test_rows_keep_the_order_of_the_claims_and_survive_csv(self) -> None:
        table = claims_table(judge([claim("b"), claim("a", None)], [comparison(HOLDS)]), PROTOCOLS)
        read = pd.read_csv(io.StringIO(table.to_csv(index=False)), keep_default_na=False)
        assert read["claim"].tolist() == ["b", "a"]
        assert read["verdict"].tolist() == ["reproduced only as released", "not testable"]
        assert read["released_outcome"].tolist() == ["holds", ""]
        assert read["statement"].tolist() == ['It is "so", always'] * 2


class TestTests:
    def test_a_row_for_each_in_order(self) -> None:
        tests = [comparison(FAILS, "written", 2), comparison(SHOWN, "corrected", 1)]
        found = [Judgement(claim("b"), tuple(tests)), Judgement(claim("a"), (comparison(HOLDS, number=3),))]
        table = claim_tables.tests_table(found)
        assert table["claim"].tolist() == ["b", "b", "a"]
        assert table["protocol"].tolist() == ["written", "corrected", "released"]
        assert table["outcome"].tolist() == ["fails", "shown", "holds"]
        for number, one in zip((2, 1, 3), (row for _, row in table.iterrows()), strict=True):
            assert (one["subject"], one["quantity"], one["note"]) == (
                f"network {number}", f"quantity {number}", f"note {number}",
            )  # fmt: skip
            assert (one["value"], one["low"], one["high"]) == (0.5 + number, 0.25 + number, 0.75 + number)
            assert one["measured"] == 2.5 + number
            assert (one["seeds"], one["images"], one["p_value"]) == (1 + number, 100 + number, 0.125 * number)
            assert one["confidence"] == 0.9 + 0.01 * number
        assert table[["low_90", "high_90"]].isna().all(axis=None)

    def test_shows_the_interval_that_equivalence_was_judged_by(self) -> None:
        judged = replace(comparison(HOLDS), narrow=Interval(0.5, 0.375, 0.625))
        (one,) = claim_tables.tests_table([Judgement(claim(), (judged,))]).to_dict("records")
        assert (one["low"], one["low_90"], one["high_90"], one["high"]) == (0.25, 0.375, 0.625, 0.75)

    def test_a_report_says_the_measured_number_before_its_difference(self) -> None:
        plain, cell = (replace(comparison(HOLDS), measured=measured) for measured in (math.nan, 0.982))
        found = [Judgement(claim(), (test,)) for test in (plain, cell)]
        assert claim_tables.verdict_rows(found, PROTOCOLS)["released"].tolist() == [
            "holds: quantity 0 0.5 [0.25, 0.75] (network 0)",
            "holds: 0.982; quantity 0 0.5 [0.25, 0.75] (network 0)",
        ]

    def test_what_is_no_sample_is_said_as_exactly_as_it_is_known(self) -> None:
        alone = Interval(1.00026, math.nan, math.nan)
        single = replace(comparison(FAILS), value=alone, measured=math.nan)
        exact = replace(single, confidence=math.nan)
        between = replace(exact, value=Interval(1.00026, 0.25, 1.00026))
        found = [Judgement(claim(), (test,)) for test in (single, exact, between)]
        assert claim_tables.verdict_rows(found, PROTOCOLS)["released"].tolist() == [
            "fails: quantity 0 1 without an interval (network 0)",
            "fails: quantity 0 1.00026 (network 0)",
            "fails: quantity 0 1.00026 [0.25, 1] (network 0)",
        ]

    def test_reported_numbers_have_a_column_where_there_are_any(self) -> None:
        with_number = Judgement(claim(), (comparison(HOLDS),))
        without = replace(with_number, claim=replace(with_number.claim, reported=""))
        assert "reported" in claim_tables.verdict_rows([without, with_number], PROTOCOLS)
        assert "reported" not in claim_tables.verdict_rows([without], PROTOCOLS)

    def test_an_interval_that_ends_nowhere_is_none(self) -> None:
        endless = Interval(0.5, -math.inf, math.inf)
        test = replace(comparison(INCONCLUSIVE), value=endless, narrow=endless)
        (one,) = claim_tables.tests_table([Judgement(claim(), (test,))]).to_dict("records")
        assert all(math.isnan(one[name]) for name in ("low", "high", "low_90", "high_90")) and one["value"] == 0.5
        assert row(test)[["released_low", "released_high"]].isna().all()

    def test_without_a_word_of_it_the_confidence_is_95_percent(self) -> None:
        bare = Comparison("released", "", "", Interval(0.0, 0.0, 0.0), HOLDS, seeds=1, images=1)
        table = claim_tables.tests_table([Judgement(claim(), (bare,))])
        assert table["confidence"].tolist() == [0.95]
        assert table[["p_value", "measured"]].isna().all(axis=None)

    def test_columns_stand_also_where_no_test_does(self) -> None:
        some_rows = claim_tables.tests_table([Judgement(claim(), (comparison(HOLDS),))])
        assert list(claim_tables.tests_table([Judgement(claim(), ())]).columns) == list(some_rows.columns)


class TestVerdicts:
    def test_are_counted_in_their_order(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "claims.csv"
        times = {kind: place for place, kind in enumerate(Verdict)}  # the first of them does not occur
        backwards = [kind for kind in reversed(Verdict) for _ in range(times[kind])]
        pd.DataFrame({"claim": range(len(backwards)), "verdict": backwards}).to_csv(path, index=False)
        print_verdicts(path)
        expected = ", ".join(f"{count} {kind}" for kind, count in times.items() if count)
        assert expected.startswith("1 not reproduced, 2 reproduced only as released, ")
        assert capsys.readouterr().out == f"Claims: {expected}.\n"

    @pytest.mark.parametrize("content", ["", "claim\na\n", "claim,verdict\na,\n", "claim,verdict\na,imagined\n"])
    def test_of_a_damaged_table_are_not(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "claims.csv"
        path.write_text(content)
        with pytest.raises(InputError, match=r"claims\.csv is empty or damaged .* Delete it and run again\."):
            print_verdicts(path)
