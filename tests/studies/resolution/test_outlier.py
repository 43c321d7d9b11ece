"""The parts of the outlier: they add up, rest on the right budgets, and need both networks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.conditions import Condition
from src.studies.resolution.config import CONTROL, NOTEBOOK_EPSILONS, RELEASED_112, UPSCALED_AI
from src.studies.resolution.evidence import load_evidence
from src.studies.resolution.figure_outlier import outlier
from src.studies.resolution.outlier_table import OUTLIER, outlier_table
from src.studies.resolution.plan import Places
from tests.studies.resolution.records_folder import SMALL, Wrong, job, write

LOW, HIGH = NOTEBOOK_EPSILONS


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def wrong_under_fgsm(at_low: int, at_high: int) -> Wrong:
    """So many of 100 images answered wrongly by the network at the two budgets."""

    def wrong(condition: Condition) -> Collection[int]:
        if condition.smoothing or condition.attack is None:
            return ()
        return {LOW: range(at_low), HIGH: range(at_high)}.get(condition.attack.epsilon, ())

    return wrong


def table(places: Places) -> pd.DataFrame:
    evidence = load_evidence(places, SMALL)
    return outlier_table(evidence.jobs, evidence.reduced)


def part(found: pd.DataFrame, start: str) -> pd.Series:
    (row,) = (row for _, row in found.iterrows() if row["part"].startswith(start))
    return row


def test_budget_and_esrgan_add_up_to_the_gap(places: Places) -> None:
    write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30))
    write(places, job(CONTROL), wrong_under_fgsm(4, 9))
    found = table(places)
    assert part(found, "gap")["difference"] == pytest.approx(0.26)
    assert part(found, "budget")["difference"] == pytest.approx(0.20)
    assert part(found, "ESRGAN, both at 2/255")["difference"] == pytest.approx(0.06)
    assert part(found, "ESRGAN, both at 10/255")["difference"] == pytest.approx(0.21)
    assert part(found, "budget")["share"] + part(found, "ESRGAN, both at 2/255")["share"] == pytest.approx(1)
    assert (found["images"] == 100).all() and (found["interval"] == "paired over images").all()
    assert not found["part"].str.startswith(("seed", "noise")).any()
    within = found["low"].le(found["difference"]) & found["difference"].le(found["high"])
    assert within.all()


def test_with_several_trainings_they_are_the_sample_and_the_seed_is_a_part(places: Places) -> None:
    for seed, (at_low, at_high) in enumerate([(10, 30), (12, 36), (8, 27)]):
        write(places, job(UPSCALED_AI, seed=seed), wrong_under_fgsm(at_low, at_high))
        write(places, job(UPSCALED_AI, RELEASED_112, seed), wrong_under_fgsm(at_low, at_high + 5))
        write(places, job(CONTROL, seed=seed), wrong_under_fgsm(4, 9 + seed))
    found = table(places)
    assert part(found, "gap")["difference"] == pytest.approx(0.27) and part(found, "gap")["seeds"] == 3
    assert part(found, "gap")["interval"] == "Welch over trainings"
    assert part(found, "seed")["difference"] == pytest.approx(np.std([0.30, 0.36, 0.27], ddof=1))
    assert part(found, "noise at 56 minus at 112")["difference"] == pytest.approx(0.05)


def test_without_the_control_there_is_nothing_to_say_and_the_figure_says_so(places: Places, tmp_path: Path) -> None:
    write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30))
    found = table(places)
    assert found.empty and "share" in found
    found.to_csv(tmp_path / OUTLIER, index=False)
    assert "Nothing measured" in " ".join(text.get_text() for text in outlier(tmp_path).axes[0].texts)


def test_the_figure_shows_each_part_and_the_published_gap(places: Places, tmp_path: Path) -> None:
    write(places, job(UPSCALED_AI), wrong_under_fgsm(10, 30))
    write(places, job(CONTROL), wrong_under_fgsm(4, 9))
    found = table(places)
    found.to_csv(tmp_path / OUTLIER, index=False)
    (axes,) = outlier(tmp_path).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found["part"])
    published = [line for line in axes.lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in published] == [pytest.approx(0.962 - 0.916)]
