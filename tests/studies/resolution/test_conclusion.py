"""Claims, outlier and report are written after a run, once, and say what was found."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd
import pytest

from src.conditions import Condition
from src.studies.resolution.conclusion import conclude
from src.studies.resolution.config import DOWNSCALED, SMOKE
from src.studies.resolution.finding import finding
from src.studies.resolution.plan import Places
from src.studies.resolution.tables import write_tables
from tests.studies.resolution.records_folder import flip, job, write


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def test_a_change_of_a_record_is_judged_anew_and_nothing_else_is(places: Places) -> None:
    one = write(places, job(DOWNSCALED, profile=SMOKE))
    write_tables(places.profile(SMOKE), SMOKE)
    conclude(places, SMOKE)
    folder = places.profile(SMOKE)
    names = ("claims.csv", "claim_tests.csv", "outlier.csv", "report.html", "figures/outlier.png")
    before = {name: (folder / name).stat().st_mtime_ns for name in names}
    conclude(places, SMOKE)
    assert {name: (folder / name).stat().st_mtime_ns for name in names} == before
    cell = "accuracy/Downscaled/cnn_accuracy"
    verdicts = pd.read_csv(folder / "claims.csv").set_index("claim")["verdict"]
    assert verdicts[cell] == "reproduced"
    flip(one.records(places), Condition(), 60)
    conclude(places, SMOKE)
    verdicts = pd.read_csv(folder / "claims.csv").set_index("claim")["verdict"]
    assert verdicts[cell] == "not reproduced"


def test_the_report_has_each_claim_with_its_verdict_and_the_weights(places: Places) -> None:
    write(places, job(DOWNSCALED, profile=SMOKE))
    write_tables(places.profile(SMOKE), SMOKE)
    conclude(places, SMOKE)
    folder = places.profile(SMOKE)
    page = (folder / "report.html").read_text(encoding="utf-8")
    claims = pd.read_csv(folder / "claims.csv")
    assert page.count('class="verdict"') == len(claims) == 50
    assert job(DOWNSCALED, profile=SMOKE).trial.key in page
    assert finding(folder) and all(escape(sentence) in page for sentence in finding(folder))


def test_without_results_there_are_no_findings(tmp_path: Path) -> None:
    assert finding(tmp_path) == []


def test_the_finding_has_the_numbers_of_the_tables(places: Places) -> None:
    write(places, job(DOWNSCALED, profile=SMOKE), lambda condition: range(20) if condition.smoothing else ())
    write_tables(places.profile(SMOKE), SMOKE)
    smoothing, attack = finding(places.profile(SMOKE))
    assert "sigma 0.15 on pixels" in smoothing and "falls from 1.00 or more to 0.60 to 0.60" in smoothing
    assert "the 1 networks measured here keep an accuracy of 1.000 to 1.000" in attack
