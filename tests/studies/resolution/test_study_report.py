"""The study's report: its table of verdicts, its sections with what there is, and the finding in its lead."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src.claims.claim import Claim, Comparison, Judgement, Outcome
from src.experiments.conditions import Condition
from src.experiments.folders import Places
from src.reporting.parts import Picture, Table
from src.statistics.intervals import Interval
from src.studies.resolution import conclusion, figures, tables
from src.studies.resolution.claims import CLAIM_TABLES
from src.studies.resolution.config import CONTROL, DOWNSCALED, NORMAL, UPSCALED_AI, WRITTEN
from src.studies.resolution.corrected import figures as corrected_figures
from src.studies.resolution.corrected import tables as corrected_tables
from src.studies.resolution.evidence import Evidence
from src.studies.resolution.finding import finding
from src.studies.resolution.outlier_table import OUTLIER
from src.studies.resolution.report import REPORT, TITLE, write_study_report
from src.studies.resolution.report_sections import COLUMNS, SECTIONS, sections
from src.studies.resolution.sweep_tables import epsilon_sweep, sigma_sweep
from tests.reporting.test_report import headers, parse
from tests.studies.resolution.records_folder import SMALL, job, write

NAMED = [name for _, _, *named in SECTIONS for name, _ in named]

TABLES = [name for name in NAMED if name.endswith(".csv")]

WRITTEN_BY_THE_STUDY = {
    *tables.TABLES, *figures.FIGURES, *CLAIM_TABLES, OUTLIER, *conclusion.FIGURES,
    *(f"corrected/{name}" for name in (*corrected_tables.TABLES, *corrected_figures.FIGURES)),
}  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def path_of(folder: Path, name: str) -> Path:
    """Where a figure or table is written."""
    path = folder / name
    return path.with_name("figures") / path.name if path.suffix == ".png" else path


def make(folder: Path, name: str, rows: int = 2) -> None:
    path = path_of(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(path)
    else:
        columns = ["first", *reversed(COLUMNS.get(name, ("only",))), "last"]
        pd.DataFrame(np.ones((rows, len(columns))), columns=columns).to_csv(path, index=False)


class TestSections:
    def test_show_what_the_study_writes(self) -> None:
        assert len(NAMED) == len(set(NAMED)) and set(NAMED) <= WRITTEN_BY_THE_STUDY
        assert set(COLUMNS) <= set(TABLES)
        # The drawing of the layers is no measurement.
        pictures = {name for name in WRITTEN_BY_THE_STUDY if name.endswith(".png")}
        assert pictures - set(NAMED) == {"architecture.png"}

    def test_show_each_file_with_its_caption_in_order(self, tmp_path: Path) -> None:
        for name in NAMED:
            make(tmp_path, name)
        found = list(sections(tmp_path))
        assert [(one.title, one.text) for one in found] == [(title, text) for title, text, *_ in SECTIONS]
        for one, (_, _, *named) in zip(found, SECTIONS, strict=True):
            assert len(one.parts) == len(named)
            for part, (name, caption) in zip(one.parts, named, strict=True):
                if name.endswith(".png"):
                    assert part == Picture(path_of(tmp_path, name), caption)
                else:
                    assert isinstance(part, Table) and part.caption == f"{caption} ({name})"
                    expected = COLUMNS.get(name, ("first", "only", "last"))
                    assert tuple(part.rows) == expected and len(part.rows) == 2

    def test_leave_out_what_is_not_there_and_what_is_empty(self, tmp_path: Path) -> None:
        assert all(one.parts == () for one in sections(tmp_path)) and len(list(sections(tmp_path))) == len(SECTIONS)
        for name in TABLES:
            make(tmp_path, name, rows=0)
        assert all(one.parts == () for one in sections(tmp_path))

    def test_columns_are_those_of_the_tables(self, places: Places) -> None:
        folder = places.profile(SMALL)
        write(places, job(NORMAL))
        tables.write_tables(folder, SMALL)
        corrected_tables.write_tables(folder / "corrected")
        for name, columns in COLUMNS.items():
            assert set(columns) <= set(pd.read_csv(folder / name, nrows=1)), name
            assert len(columns) == len(set(columns)), name


def claim(name: str, decided_by: tuple[str, ...], quoted: bool = False) -> Claim[Evidence]:
    return Claim(
        name, "Table 1", f"Statement {name}", "quoted" if quoted else "inferred", f"reported {name}", "", "",
        lambda evidence: (), decided_by,
    )  # fmt: skip


def comparison(protocol: str, outcome: Outcome, value: float, subject: str = "a network") -> Comparison:
    return Comparison(protocol, subject, "accuracy", Interval(value, value - 0.25, value + 0.25), outcome, 1, 100)


class TestVerdicts:
    @pytest.fixture
    def rows(self, places: Places) -> list[list[str]]:
        judged = [
            Judgement(
                claim("a", ("released", "written"), quoted=True),
                (
                    comparison("released", Outcome.HOLDS, 0.5),
                    comparison("written", Outcome.HOLDS, 4),
                    comparison("written", Outcome.FAILS, 1, "Normal, seed 0"),
                    comparison("written", Outcome.FAILS, -2, "Control, seed 0"),
                    comparison("corrected", Outcome.SHOWN, 0.125),
                ),
            ),
            Judgement(claim("b", ("released", "corrected")), (comparison("released", Outcome.INCONCLUSIVE, 0.5),)),
            Judgement(claim("c", ()), ()),
        ]
        write_study_report(places, SMALL, judged)
        page = parse((places.profile(SMALL) / REPORT).read_text(encoding="utf-8"))
        assert page.all("h1")[0].text == TITLE
        table = page.all("table")[0]
        assert headers(table) == ["claim", "verdict", "reported", "released", "written", "corrected"]
        rows = table.all("tbody")[0].all("tr")
        return [[cell.text for cell in [*row.all("th"), *row.all("td")]] for row in rows]

    def test_has_a_column_for_each_protocol(self, rows: list[list[str]]) -> None:
        assert [row[0] for row in rows] == [
            "“Statement a” (Table 1)", "Statement b (Table 1, inferred)", "Statement c (Table 1, inferred)",
        ]  # fmt: skip
        assert [row[1] for row in rows] == ["reproduced only as released", "inconclusive", "not measured"]
        assert [row[2] for row in rows] == ["reported a", "reported b", "reported c"]

    def test_says_what_was_measured_under_each(self, rows: list[list[str]]) -> None:
        released, written, corrected = rows[0][3:]
        assert released == "holds: accuracy 0.5 [0.25, 0.75] (a network)"
        # Of the tests that fail the one with the largest value.
        assert written == "fails: accuracy -2 [-2.25, -1.75] (Control, seed 0; 3 tests)"
        assert corrected == "shown: accuracy 0.125 [-0.125, 0.375] (a network)"

    def test_says_where_nothing_was_that_decides(self, rows: list[list[str]]) -> None:
        nothing = ("", "—")
        assert rows[1][3].startswith("inconclusive: ") and rows[1][4] in nothing and rows[1][5] == "not measured"
        assert all(cell in nothing for cell in rows[2][3:])


def errors(smoothed: int = 0, at_ten: int = 0) -> Callable[[Condition], Collection[int]]:
    """So many of the smoothed classifier everywhere, and of the network under 10/255."""

    def wrong(condition: Condition) -> Collection[int]:
        if condition.smoothing:
            return range(smoothed)
        return range(at_ten) if condition.attack and condition.attack.epsilon == 10 / 255 else ()

    return wrong


class TestFinding:
    def found(self, places: Places) -> list[str]:
        folder = places.profile(SMALL)
        jobs = list(tables.evaluated(folder, SMALL))
        for name, table in (("sigma_sweep.csv", sigma_sweep(jobs)), ("epsilon_sweep.csv", epsilon_sweep(jobs))):
            table.to_csv(folder / name, index=False)
        return finding(folder)

    def test_without_results_there_is_none(self, tmp_path: Path) -> None:
        assert finding(tmp_path) == []

    def test_of_other_protocols_there_is_none(self, places: Places) -> None:
        write(places, job(NORMAL, WRITTEN))
        assert self.found(places) == []

    def test_has_the_numbers_of_the_tables(self, places: Places) -> None:
        write(places, job(DOWNSCALED), errors(smoothed=20))
        smoothing, attack = self.found(places)
        assert "sigma 0.15 on pixels" in smoothing and "falls from 1.00 or more to 0.60 to 0.60" in smoothing
        same = "1 networks and their smoothed classifiers give the same answer on 60.00% of 50 images or more"
        assert same in smoothing
        assert "the sigma of 255 that the paper writes" in smoothing
        assert "the 1 networks measured here keep an accuracy of 1.000 to 1.000" in attack
        assert "UpscaledAI is number" not in attack

    def test_ranks_the_esrgan_network_at_one_budget(self, places: Places) -> None:
        for variant, wrong in ((NORMAL, 10), (UPSCALED_AI, 5), (CONTROL, 1)):
            write(places, job(variant), errors(at_ten=wrong))
        _, attack = self.found(places)
        assert "the 3 networks measured here keep an accuracy of 0.800 to 0.980, at 2/255 1.000 to 1.000" in attack
        assert attack.endswith("(at 10/255 UpscaledAI is number 2 of 3 from below).")

    def test_is_of_the_first_seed_in_one_precision(self, places: Places) -> None:
        write(places, job(NORMAL, seed=1), errors(10, 10))
        before = self.found(places)
        write(places, job(NORMAL, seed=1, precision="bfloat16"), errors(20, 20))
        write(places, job(NORMAL, seed=2), errors(30, 30))
        assert self.found(places) == before
        assert "1 networks and their" in before[0] and "the 1 networks" in before[1]
        write(places, job(NORMAL, seed=0, precision="bfloat16"), errors(20, 20))
        assert "0.600 to 0.600" in self.found(places)[1]

    @pytest.fixture
    def resolution(self, tmp_path: Path) -> Path:
        columns = ["comparison", "schedule", "variant", "sigma_28", "difference", "simultaneous_low",
                   "simultaneous_high", "normal_acr_28", "normal_at_largest"]  # fmt: skip
        fair, other = "equal noise on the picture", "equal sigma"
        rows = [
            (fair, "reduced", "Control", 0.25, 0.0625, 0.05, 0.075, 0.5, 0.6),
            (fair, "reduced", "Downscaled", 0.25, -0.125, -0.25, -0.0625, 0.5, 0.6),
            (fair, "reduced", "Downscaled", 0.5, -0.375, -0.5, -0.25, 0.7, 0.1),
            (fair, "full", "Downscaled", 0.25, 0.9, 0.8, 1, 0.7, 0.1),
            (other, "reduced", "Downscaled", 0.25, 0.9, 0.8, 1, 0.7, 0.1),
        ]
        (tmp_path / "corrected").mkdir()
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "corrected" / "resolution.csv", index=False)
        return tmp_path

    def test_of_resolution_is_of_every_noise(self, resolution: Path) -> None:
        (sentence,) = finding(resolution)
        weak, strong = sentence.split("28x28 network: ")[1].split("; ")
        assert weak == (
            "at 0.25 by +0.062 [+0.050, +0.075] for Control, -0.125 [-0.250, -0.062] for Downscaled (Normal: 0.500, "
            "and 60% of its images have the largest radius that the draws can certify)"
        )
        assert strong.startswith("at 0.5 by -0.375 [-0.500, -0.250] for Downscaled (Normal: 0.700, and 10% of its")

    def test_where_nothing_differs_it_says_all(self, places: Places) -> None:
        write(places, job(DOWNSCALED))
        smoothing, _ = self.found(places)
        assert "1 networks and their smoothed classifiers give the same answer on all 50 images" in smoothing

    def test_without_a_fair_comparison_there_is_none(self, resolution: Path) -> None:
        path = resolution / "corrected" / "resolution.csv"
        rows = pd.read_csv(path)
        rows[rows["comparison"] == "equal sigma"].to_csv(path, index=False)
        assert finding(resolution) == []
