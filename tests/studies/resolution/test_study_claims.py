"""claims.csv as a whole: a row for each cell and sentence, verdicts that follow from records, the same bytes twice."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from src.certification.log import Fixed
from src.claims.claim import Comparison, Judgement, Outcome, Verdict, judge
from src.experiments.folders import Places
from src.statistics.intervals import Interval
from src.studies.resolution.claims import CLAIM_TABLES, all_claims, sentence_claims, write_claims
from src.studies.resolution.config import PAPER, RELEASED, RELEASED_112, UPSCALED_AI, VARIANTS, WRITTEN
from src.studies.resolution.corrected.config import FULL, Attacks
from src.studies.resolution.evidence import Evidence, load_evidence
from src.studies.resolution.published_tables import REPORTED
from src.training.recipes import Gaussian
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import SMALL, job, write, write_fit, write_votes

SENTENCES = {
    "smoothing-accuracy", "smoothing-robustness", "sigma-255", "abstention-0.001", "abstention-0.01",
    "abstention-0.05", "epsilon-10", "downscaled-normal", "overfitting", "trade-off", "radius", "low-complexity",
    "esrgan-least-robust", "small-as-large",
}  # fmt: skip


def judged(places: Places) -> list[Judgement[Evidence]]:
    return judge(all_claims(), load_evidence(places, SMALL))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """All six networks as released, some as written, and two of `corrected`."""
    folder = tmp_path_factory.mktemp("everything")
    places = corrected_folder.places(folder)
    jobs = [job(variant) for variant in VARIANTS] + [job(variant, WRITTEN) for variant in VARIANTS[:2]]
    for place, one in enumerate(jobs):
        write(places, one, lambda condition, place=place: range(place + 5 * bool(condition.attack)))  # type: ignore[misc]
        write_votes(places, one)
        write_fit(places, one)
    noisy = [
        corrected_folder.job(variant, Gaussian(0.25), FULL, ((Fixed(200), 20),), Attacks(10, 50))
        for variant in VARIANTS[:2]
    ]
    corrected_folder.make_folder(folder, noisy)
    return places


@pytest.fixture(scope="module")
def found(places: Places) -> list[Judgement[Evidence]]:
    return judged(places)


@pytest.fixture(scope="module")
def table(places: Places, found: list[Judgement[Evidence]]) -> pd.DataFrame:
    folder = places.profile(SMALL)
    write_claims(folder, found)
    return pd.read_csv(folder / "claims.csv", keep_default_na=False).set_index("claim")


class TestRows:
    def test_one_for_each_sentence_and_each_published_number(self, table: pd.DataFrame) -> None:
        published = pd.read_csv(REPORTED)
        cells = {f"{cell['table']}/{cell['variant']}/{cell['metric']}" for _, cell in published.iterrows()}
        assert len(cells) == 36 and len(SENTENCES) == 14
        assert len(table) == 50 and set(table.index) == cells | SENTENCES
        assert set(table.index[:14]) == SENTENCES, "sentences come first"

    def test_each_has_its_source_tolerance_and_wording(self, table: pd.DataFrame) -> None:
        assert (table[["source", "statement", "tolerance"]] != "").all(axis=None)
        assert set(table["wording"]) == {"quoted", "number", "summarised", "inferred"}
        assert set(table.index[table["wording"] == "number"]) == set(table.index) - SENTENCES
        quoted = table.loc[list(SENTENCES)].query("wording == 'quoted'")
        assert set(quoted.index) == {"sigma-255", "low-complexity"} and set(quoted["source"]) == {"Abstract"}

    def test_verdicts_are_those_of_the_tests(self, places: Places, table: pd.DataFrame) -> None:
        """Worked out here from claim_tests.csv and `decided_by`."""
        tests = pd.read_csv(places.profile(SMALL) / "claim_tests.csv", keep_default_na=False)
        for name, row in table.iterrows():
            outcomes = {}
            for protocol in row["decided_by"].split():
                under = set(tests[(tests["claim"] == name) & (tests["protocol"] == protocol)]["outcome"]) - {"shown"}
                if under:
                    outcomes[protocol] = "fails" if "fails" in under else "/".join(sorted(under))
            deciding = row["decided_by"].split()
            if not row["query"]:
                expected = "not testable"
            elif not outcomes:
                expected = "not measured"
            elif all(outcomes.get(protocol) == "holds" for protocol in deciding):
                expected = "reproduced"
            elif outcomes.get("released") == "holds":
                expected = "reproduced only as released"
            else:
                # Where the release has a say, its failure decides alone.
                failures = {outcomes.get("released")} if "released" in deciding else {*outcomes.values()}
                expected = "not reproduced" if "fails" in failures else "inconclusive"
            assert row["verdict"] == expected, name
        assert set(table["verdict"]) >= {"reproduced", "not reproduced", "not testable", "inconclusive"}
        assert [name for name, verdict in table["verdict"].items() if verdict == "not testable"] == ["low-complexity"]

    def test_says_where_it_was_measured(self, table: pd.DataFrame) -> None:
        columns = list(table.columns)
        assert columns.index("measured_under") == columns.index("query") - 1
        assert table.loc["smoothing-accuracy", "measured_under"] == "released written corrected"
        assert table.loc["small-as-large", "measured_under"] == "released"
        assert table.loc["trade-off", "measured_under"] == "corrected"
        assert table.loc["low-complexity", "measured_under"] == ""
        # What is only shown is not measured.
        under = table["measured_under"].str.split()
        assert all(set(names) <= set(table.loc[claim, "decided_by"].split()) for claim, names in under.items())

    def test_tests_have_the_confidence_of_their_interval(self, places: Places, table: pd.DataFrame) -> None:
        assert len(table) == 50
        tests = pd.read_csv(places.profile(SMALL) / "claim_tests.csv", keep_default_na=False)
        columns = list(tests.columns)
        assert columns[columns.index("high") + 1] == "confidence"
        cells = tests[tests["claim"].str.contains("/") & (tests["outcome"] != "shown")]
        assert set(cells["confidence"]) == {float(f"{1 - 0.05 / 36:.6g}")}
        smoothing = tests[tests["claim"] == "smoothing-accuracy"].groupby("protocol")["confidence"].agg(["min", "size"])
        for _, row in smoothing.iterrows():
            assert row["min"] == pytest.approx(1 - 0.05 / row["size"], rel=1e-5)

    def test_equivalence_can_be_checked_from_the_row(self, places: Places, table: pd.DataFrame) -> None:
        tests = pd.read_csv(places.profile(SMALL) / "claim_tests.csv").set_index("claim")
        margins = {"smoothing-accuracy": 0.005, "sigma-255": 0.005, "accuracy/Normal/cnn_accuracy": 0.02}
        for name, margin in margins.items():
            rows = tests.loc[[name]]
            rows = rows[rows["outcome"] != "shown"]
            assert len(rows) and rows[["low_90", "high_90"]].notna().all(axis=None)
            assert ((rows["low"] <= rows["low_90"]) & (rows["high_90"] <= rows["high"])).all()
            held = rows[["low_90", "high_90"]].abs().max(axis=1) < margin
            assert ((rows["outcome"] == "holds") <= held).all()
        assert tests.loc[["epsilon-10", "overfitting"], ["low_90", "high_90"]].isna().all(axis=None)

    def test_cells_have_the_measured_number_and_its_difference_from_the_reported(self, table: pd.DataFrame) -> None:
        numbers = table.index.str.contains("/")
        for protocol, networks in (("released", 6), ("written", 2)):
            cells = table[numbers & (table[f"{protocol}_outcome"] != "")]
            assert len(cells) == 6 * networks
            measured, difference = (pd.to_numeric(cells[f"{protocol}_{name}"]) for name in ("measured", "value"))
            reported = pd.to_numeric(cells["reported"])
            assert difference.to_numpy() == pytest.approx((measured - reported).to_numpy(), abs=2e-6)
            assert (table[~numbers | (table[f"{protocol}_outcome"] == "")][f"{protocol}_measured"] == "").all()
        # The second network, which errs on one image more than the first, and on five more under attack.
        found = table["released_measured"]
        assert float(found["accuracy/Normal/cnn_accuracy"]) == pytest.approx(0.99)
        assert float(found["adversarial/Normal/rs_accuracy"]) == pytest.approx(0.94)
        # What stands beside is no difference from the reported number.
        assert (table["corrected_measured"] == "").all() and (table["corrected_value"][numbers] != "").any()

    def test_each_claim_says_how_it_is_decided(self, table: pd.DataFrame) -> None:
        for name in SENTENCES - {"low-complexity"}:
            protocols = ["corrected"] if name in ("trade-off", "radius") else ["released", "written"]
            protocols += ["corrected"] if name.startswith("smoothing") or name == "abstention-0.001" else []
            assert table.loc[name, "decided_by"].split() == protocols, name

    def test_every_query_but_that_of_the_hypothesis_measured_something(self, found: list[Judgement[Evidence]]) -> None:
        assert {one.claim.name for one in found if not one.tests} == {"low-complexity"}
        assert {test.protocol for one in found for test in one.tests} == {"released", "written", "corrected"}

    def test_queries_can_be_found_and_give_the_same_tests(
        self, places: Places, found: list[Judgement[Evidence]], table: pd.DataFrame
    ) -> None:
        evidence = load_evidence(places, SMALL)
        for one in found:
            text = table.loc[one.claim.name, "query"]
            if not text:
                continue
            if "/" in one.claim.name and one.claim.name.endswith("loss"):
                evidence_of_it = evidence.__class__(SMALL, evidence.jobs[:1], (), (), (), ())  # a bootstrap takes time
                expected = tuple(one.claim.query(evidence_of_it)) if one.claim.query else ()
            else:
                evidence_of_it, expected = evidence, one.tests
            # NaN is not equal to itself.
            assert repr(tuple(self.called(text, evidence_of_it))) == repr(expected)

    def called(self, text: str, evidence: Evidence) -> Iterable[Comparison]:
        """What `module.function(name=value, ...)` gives."""
        match = re.fullmatch(r"([\w.]+)\.(\w+)\((.*)\)", text)
        assert match is not None, text
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call) and not call.args
        arguments = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        tests: Iterable[Comparison] = getattr(importlib.import_module(match[1]), match[2])(evidence, **arguments)
        return tests


def test_trainings_in_two_precisions_count_once_everywhere(
    places: Places, found: list[Judgement[Evidence]], tmp_path: Path
) -> None:
    """A bfloat16 twin of each network, with other answers, changes no test; losses take a bootstrap each."""
    twins = corrected_folder.places(tmp_path)
    shutil.copytree(places.results, twins.results)
    for protocol, variants in ((RELEASED, VARIANTS), (WRITTEN, VARIANTS[:2])):
        for variant in variants:
            one = write(twins, job(variant, protocol, precision="bfloat16"), lambda _: range(70))
            write_votes(twins, one, (5, 5))
            write_fit(twins, one, range(50))
    before = {one.claim.name: one for one in found if not one.claim.name.endswith("loss")}
    after = judge([one.claim for one in before.values()], load_evidence(twins, SMALL))
    for found_now in after:
        # NaN is not equal to itself.
        assert repr(found_now.tests) == repr(before[found_now.claim.name].tests)


class TestFiles:
    def test_the_same_bytes_twice(self, places: Places, table: pd.DataFrame, tmp_path: Path) -> None:
        assert len(table) == 50
        write_claims(tmp_path, judged(places))
        for name in CLAIM_TABLES:
            assert (tmp_path / name).read_bytes() == (places.profile(SMALL) / name).read_bytes()

    def test_a_profile_with_no_results(self, tmp_path: Path) -> None:
        found = judge(all_claims(), load_evidence(corrected_folder.places(tmp_path), PAPER))
        assert all(not one.tests for one in found)
        write_claims(tmp_path / "claims", found)
        table = pd.read_csv(tmp_path / "claims" / "claims.csv", keep_default_na=False)
        assert len(table) == 50
        assert dict(table["verdict"].value_counts()) == {"not measured": 49, "not testable": 1}
        tests = pd.read_csv(tmp_path / "claims" / "claim_tests.csv")
        assert len(tests) == 0 and "outcome" in tests.columns


def test_the_other_place_of_the_noise_decides_nothing(tmp_path: Path) -> None:
    """Protocol `released-112` is not the paper's."""
    places = corrected_folder.places(tmp_path)
    one = write(places, job(UPSCALED_AI, RELEASED_112), lambda condition: range(60))
    write_votes(places, one)
    write_fit(places, one)
    assert {one.verdict for one in judged(places)} == {Verdict.NOT_MEASURED, Verdict.NOT_TESTABLE}


def test_no_verdict_is_written_down() -> None:
    """Without a test no claim has one, whatever it says."""
    for claim in sentence_claims():
        nothing: Judgement[Evidence] = Judgement(claim, ())
        assert nothing.verdict is (Verdict.NOT_MEASURED if claim.query else Verdict.NOT_TESTABLE)
        for outcome, expected in (
            (Outcome.FAILS, Verdict.NOT_REPRODUCED),
            (Outcome.HOLDS, Verdict.REPRODUCED),
            (Outcome.INCONCLUSIVE, Verdict.INCONCLUSIVE),
            (Outcome.SHOWN, Verdict.NOT_MEASURED),
        ):
            tests = tuple(
                Comparison(protocol, "", "", Interval(0.0, 0.0, 0.0), outcome, seeds=1, images=1)
                for protocol in claim.decided_by
            )
            if claim.query:
                assert Judgement(claim, tests).verdict is expected
            # One reading alone never reproduces what others decide too.
            if outcome is Outcome.HOLDS and len(tests) > 1:
                assert {Judgement(claim, (test,)).verdict for test in tests} == {
                    Verdict.ONLY_AS_RELEASED, Verdict.INCONCLUSIVE,
                }  # fmt: skip
