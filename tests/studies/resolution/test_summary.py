from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from src.base import InputError
from src.studies.resolution.config import PAPER, QUICK, SMOKE, VARIANTS, Profile
from src.studies.resolution.published_tables import METRICS, reported
from src.studies.resolution.summary import print_summary

NAMES = [variant.name for variant in VARIANTS]
FILES = {"accuracy": "accuracy.csv", "adversarial": "adversarial_accuracy.csv"}


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


class Trials:
    """Made-up tables; each network's numbers are its place's: measured 0.1, 0.11, 0.12, ... in the paper's order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, list[dict[str, object]]] = {table: [] for table in METRICS}
        self.paper = reported().set_index(["table", "variant", "metric"])["paper"]

    def add(
        self,
        variants: list[str] = NAMES,
        protocol: str = "released",
        seed: int = 0,
        precision: str = "float32",
        images: int = 1_000,
        trial: str = "",
        first: float = 0.1,
        outside: tuple[tuple[str, str], ...] = (),
    ) -> None:
        identity = {"protocol": protocol, "seed": seed, "precision": precision, "test_images": images}
        for place, variant in enumerate(variants):
            key = trial or f"{protocol}-{variant}-{seed}-{precision}"
            for table, metrics in METRICS.items():
                for metric in metrics:
                    measured = first + place / 100
                    self.rows[table].append(
                        {
                            **identity,
                            "variant": variant,
                            "metric": metric,
                            "paper": self.paper[table, variant, metric],
                            "measured": measured,
                            "low": measured - 0.03,
                            "high": measured + 0.011,
                            "paper_is": "outside" if (variant, metric) in outside else "inside",
                            "trial": key,
                        }
                    )

    def printed(self, capsys: pytest.CaptureFixture[str], profile: Profile = PAPER) -> str:
        for table, name in FILES.items():
            pd.DataFrame(self.rows[table]).to_csv(self.folder / name, index=False)
        print_summary(self.folder, profile)
        return capsys.readouterr().out


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    return Trials(tmp_path)


def pairs(printed: str) -> list[tuple[str, list[str], list[str]]]:
    """Each network with the paper's cells and ours, in the order in which they are printed."""
    found = []
    lines = [line.strip() for line in printed.splitlines()]
    for paper, ours in pairwise(lines):
        known = "|".join(sorted(NAMES, key=len, reverse=True))
        named = re.fullmatch(rf"({known})\s+([\d. ]+)", paper)
        if named:
            assert ours.startswith("ours "), ours
            tail = re.search(r"(?<=^ours)( [ab]{10})?", ours)[0]
            ours = ours.replace(tail, "", 1)
            cells = re.findall(r"\d\.\d{3} ±\.\d{3}\*?", ours)
            assert "".join(cells).replace(" ", "") == ours.removeprefix("ours").replace(" ", "")
            found.append((named[1] + tail, named[2].split(), cells))
    return found


def test_the_paper_and_ours_for_each_network(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    trials.add()
    printed = trials.printed(capsys)
    found = pairs(printed)
    assert [name for name, _, _ in found] == NAMES * 2
    for table, rows in zip(METRICS, (found[:6], found[6:]), strict=True):
        for place, (name, paper, ours) in enumerate(rows):
            assert paper == [f"{trials.paper[table, name, metric]:.3f}" for metric in METRICS[table]]
            # Half of 0.03 + 0.011, which rounds to .020 or .021 by the last binary digit.
            assert [cell[:5] for cell in ours] == [f"{0.1 + place / 100:.3f}"] * len(METRICS[table])
            assert {cell[6:] for cell in ours} <= {"±.020", "±.021"}
    lines = printed.splitlines()
    assert max(map(len, lines[:-1])) <= 80 and "…" not in printed, "the last line is the folder's, however long"
    assert lines[-1].endswith(str(trials.folder))


def test_headings_stand_over_the_numbers_in_this_order(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    trials.add()
    headings = [
        re.split(r"\s{2,}", line.strip()) for line in trials.printed(capsys).splitlines() if "CNN accuracy" in line
    ]
    assert headings == [
        ["network", "CNN accuracy", "CNN loss", "RS accuracy", "RS loss"],
        ["network", "CNN accuracy", "RS accuracy"],
    ]


def test_a_star_only_where_the_paper_lies_outside(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    trials.add(outside=(("Normal", "cnn_loss"), ("Control Small", "rs_accuracy")))
    found = pairs(trials.printed(capsys))
    stars = [
        (place // 6, name, column)
        for place, (name, _, ours) in enumerate(found)
        for column, cell in enumerate(ours)
        if cell.endswith("*")
    ]
    assert stars == [(0, "Normal", 1), (0, "Control Small", 2), (1, "Control Small", 1)]


def test_what_a_star_means_is_said(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    trials.add(["Normal"])
    assert "* The paper lies outside" in trials.printed(capsys)


def test_no_trial_is_left_out(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    """Protocols, seeds and precisions have tables of their own."""
    trials.add(["Normal"], first=0.1)
    trials.add(["Normal"], seed=1, first=0.2)
    trials.add(["Normal"], protocol="written", first=0.3)
    trials.add(["Normal"], precision="bfloat16", first=0.4)
    printed = trials.printed(capsys)
    values = [ours[0][:5] for _, _, ours in pairs(printed)]
    assert sorted(values) == sorted(["0.100", "0.200", "0.300", "0.400"] * 2)
    titles = [line for line in printed.splitlines() if "the paper, then ours" in line]
    for which in ("released, seed 0, float32", "released, seed 1", "written, seed 0, float32", "released, seed 0, bf"):
        assert sum(which in title for title in titles) == 2, which


def test_trials_that_differ_in_their_training_alone_both_appear(
    trials: Trials, capsys: pytest.CaptureFixture[str]
) -> None:
    trials.add(["Normal"])
    trials.add(["UpscaledAI"], trial="released-upscaledai-seed0-aaaaaaaaaa", first=0.5)
    trials.add(["UpscaledAI"], trial="released-upscaledai-seed0-bbbbbbbbbb", first=0.6)
    found = pairs(trials.printed(capsys))
    assert [(name, ours[0][:5]) for name, _, ours in found] == [
        ("Normal", "0.100"), ("UpscaledAI aaaaaaaaaa", "0.500"), ("UpscaledAI bbbbbbbbbb", "0.600"),
    ] * 2  # fmt: skip


def test_of_two_test_sets_the_larger(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    trials.add(["Normal"], images=1_000, first=0.1)
    trials.add(["Normal"], images=10_000, first=0.2)
    printed = trials.printed(capsys)
    assert [ours[0][:5] for _, _, ours in pairs(printed)] == ["0.200"] * 2
    assert "10,000 images" in printed and "1,000 images" not in printed.replace("10,000 images", "")


@pytest.mark.parametrize("profile", [SMOKE, QUICK, PAPER], ids=lambda profile: profile.name)
def test_a_reduced_profile_says_that_it_is(
    profile: Profile, trials: Trials, capsys: pytest.CaptureFixture[str]
) -> None:
    trials.add(["Normal"])
    printed = " ".join(trials.printed(capsys, profile).split())
    assert ("--profile paper compares with the paper" in printed) == (profile is not PAPER)
    assert (f"Profile {profile.name} trains" in printed) == (profile is not PAPER)


def test_a_missing_table_is_named(trials: Trials, capsys: pytest.CaptureFixture[str]) -> None:
    trials.add(["Normal"])
    trials.printed(capsys)
    (trials.folder / "adversarial_accuracy.csv").unlink()
    with pytest.raises(InputError, match=r"adversarial_accuracy\.csv"):
        print_summary(trials.folder, PAPER)
