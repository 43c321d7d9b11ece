"""Claims, outlier and report are written after a run, once, and anew when what they rest on changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import pandas as pd
import pytest

from src.certification.log import Fixed
from src.claims.claim import Claim
from src.experiments.conditions import Condition
from src.experiments.folders import Places
from src.studies.resolution import conclusion
from src.studies.resolution.claim_smoothing import smoothing_changes_nothing
from src.studies.resolution.claims import all_claims
from src.studies.resolution.conclusion import conclude
from src.studies.resolution.config import DOWNSCALED, NORMAL, SEEDS, SMOKE
from src.studies.resolution.corrected.config import FULL, Attacks
from src.studies.resolution.evidence import Evidence
from src.studies.resolution.finding import finding
from src.studies.resolution.report import REPORT
from src.studies.resolution.tables import write_tables
from src.training.recipes import Gaussian
from tests.studies.resolution.corrected import corrected_folder
from tests.studies.resolution.records_folder import flip, job, write, write_votes

NAMES = ("claims.csv", "claim_tests.csv", "outlier.csv", "report.html", "figures/outlier.png")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return corrected_folder.places(tmp_path)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the study make just one claim, which is quick, with these changes."""
    (claim,) = (one for one in all_claims() if one.name == "abstention-0.05")

    def change(**changes: object) -> None:
        changed: Claim[Evidence] = replace(claim, **changes)  # type: ignore[arg-type]
        monkeypatch.setattr(conclusion, "all_claims", lambda: [changed])

    change()
    return change


def written(places: Places) -> dict[str, int]:
    """When each file was."""
    return {name: (places.profile(SMOKE) / name).stat().st_mtime_ns for name in NAMES}


def is_concluded_anew(places: Places) -> bool:
    before = written(places)
    conclude(places, SMOKE)
    changed = {after != before[name] for name, after in written(places).items()}
    assert len(changed) == 1, "some files are written, and some are not"
    return changed.pop()


def test_a_change_of_a_record_is_judged_anew_and_nothing_else_is(places: Places) -> None:
    one = write(places, job(DOWNSCALED, profile=SMOKE))
    write_tables(places.profile(SMOKE), SMOKE)
    conclude(places, SMOKE)
    assert not is_concluded_anew(places)
    cell = "accuracy/Downscaled/cnn_accuracy"
    verdicts = pd.read_csv(places.profile(SMOKE) / "claims.csv").set_index("claim")["verdict"]
    assert verdicts[cell] == "inconclusive", "100 images are too few to agree"
    flip(one.records(places), Condition(), 60)
    assert is_concluded_anew(places)
    verdicts = pd.read_csv(places.profile(SMOKE) / "claims.csv").set_index("claim")["verdict"]
    assert verdicts[cell] == "not reproduced"


def test_what_a_claim_says_and_asks_is_judged_anew(places: Places, few: Callable[..., None]) -> None:
    write(places, job(DOWNSCALED, profile=SMOKE))
    conclude(places, SMOKE)
    asking = partial(smoothing_changes_nothing, attacked=True)
    for changes in (
        {"note": "Another note."},
        {"reported": "0.5"},
        {"author_notebook": "0.6"},
        {"statement": "Another statement."},
        {"tolerance": "another"},
        {"query": asking},
        {"query": None},
        {"name": "another"},
    ):
        few(**changes)
        assert is_concluded_anew(places), changes
        assert not is_concluded_anew(places), changes
        (row,) = pd.read_csv(places.profile(SMOKE) / "claims.csv", dtype=str, keep_default_na=False).to_dict("records")
        for name, value in changes.items():
            if name != "query":
                assert row["claim" if name == "name" else name] == value
    few(query=asking)
    conclude(places, SMOKE)
    (query,) = pd.read_csv(places.profile(SMOKE) / "claims.csv")["query"]
    assert query == "src.studies.resolution.claim_smoothing.smoothing_changes_nothing(attacked=True)"


def test_whatever_it_rests_on_is_looked_at(places: Places, few: Callable[..., None], tmp_path: Path) -> None:
    one = write(places, job(DOWNSCALED, profile=SMOKE))
    conclude(places, SMOKE)
    write_votes(places, one, (5, 5))
    assert is_concluded_anew(places)
    assert pd.read_csv(places.profile(SMOKE) / "claims.csv")["verdict"].tolist() == ["not reproduced"]
    write(places, job(DOWNSCALED, profile=SEEDS), only=[Condition()], images=10)
    assert is_concluded_anew(places)
    noisy = corrected_folder.job(NORMAL, Gaussian(0.25), FULL, ((Fixed(100), 10),), Attacks(10, 50))
    corrected_folder.make_folder(tmp_path, [noisy])
    assert is_concluded_anew(places)
    assert not is_concluded_anew(places)


@pytest.mark.parametrize("name", [*NAMES, "figures/cells.png", "conclusion.json"])
def test_a_file_that_is_gone_comes_back(places: Places, few: Callable[..., None], name: str) -> None:
    write(places, job(DOWNSCALED, profile=SMOKE), only=[Condition()])
    conclude(places, SMOKE)
    before = (places.profile(SMOKE) / name).read_bytes()
    (places.profile(SMOKE) / name).unlink()
    conclude(places, SMOKE)
    assert (places.profile(SMOKE) / name).read_bytes() == before


def test_the_verdicts_are_counted_whether_they_are_made_anew_or_not(
    places: Places, few: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(places, job(DOWNSCALED, profile=SMOKE))
    conclude(places, SMOKE)
    (verdict,) = pd.read_csv(places.profile(SMOKE) / "claims.csv")["verdict"]
    expected = f"Claims: 1 {verdict}.\nVerdicts, tables and figures in one file: {places.profile(SMOKE) / REPORT}\n"
    assert capsys.readouterr().out.endswith(expected)
    assert not is_concluded_anew(places)
    assert capsys.readouterr().out == expected


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
