"""RS minus CNN on the same images, beside the paper's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.experiments.conditions import Condition, select
from src.experiments.folders import Places
from src.statistics.intervals import bootstrap_against_published
from src.statistics.paired import Pairs, mcnemar, paired_difference
from src.studies.resolution import plan
from src.studies.resolution.config import DOWNSCALED
from src.studies.resolution.difference_table import difference_table
from src.studies.resolution.evidence import load_evidence
from tests.studies.resolution.records_folder import SMALL, job, write


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "models", tmp_path / "results")


def table(places: Places) -> pd.DataFrame:
    return difference_table(SMALL, list(load_evidence(places, SMALL).jobs)).set_index(
        ["test_images", "table", "quantity"]
    )


def test_three_quantities_on_each_test_set_from_the_same_images(places: Places) -> None:
    def wrong(condition: Condition) -> Collection[int]:
        return [] if condition.attack else range(5) if condition.smoothing else range(2, 4)

    write(places, job(DOWNSCALED), wrong)
    found = table(places)
    quantities = [("accuracy", "accuracy"), ("accuracy", "loss"), ("adversarial", "accuracy")]
    assert list(found.index) == [(count, *quantity) for count in (50, 100) for quantity in quantities]
    # Of the five that the smoothed classifier gets wrong, the network gets two wrong too.
    clean, counts = found.loc[(100, "accuracy", "accuracy")], Pairs(0, 3, 100)
    assert tuple(clean[["measured", "low", "high"]]) == paired_difference(counts)
    assert clean["p_value"] == mcnemar(counts) and clean["paper"] == 0 and clean["paper_is"] == "inside"
    attacked = found.loc[(50, "adversarial", "accuracy")]
    assert attacked["measured"] == 0 and attacked["paper_is"] == "inside" and attacked["low"] < 0 < attacked["high"]


@pytest.mark.parametrize(("wrong", "said"), [(3, "inside"), (20, "outside")])
def test_the_paper_is_inside_or_outside(places: Places, wrong: int, said: str) -> None:
    write(places, job(DOWNSCALED), lambda condition: range(wrong) if condition.smoothing else ())
    assert table(places).loc[(100, "accuracy", "accuracy")]["paper_is"] == said


def test_of_losses_the_interval_is_around_the_mean_of_paired_differences(places: Places) -> None:
    one = write(places, job(DOWNSCALED), loss=0.5)
    records = one.records(places).load()
    loss = table(places).loc[(100, "accuracy", "loss")]
    cnn, rs = (
        select(records, condition)[lambda rows: rows["image"].isin(plan.test_order()[:100])]["loss"].to_numpy()
        for condition in one.paper_conditions[:2]
    )
    assert loss["measured"] == pytest.approx(np.mean(rs - cnn))
    paper = 0.0860 - 0.0892
    assert loss["paper"] == pytest.approx(paper) and np.isnan(loss["p_value"])
    # Ours minus the paper's may be what its interval holds; so is the paper's what lies that far below ours.
    change = bootstrap_against_published(rs - cnn, paper, 1000, 0)
    assert (loss["low"], loss["high"]) == pytest.approx((paper + change.low, paper + change.high))
    assert loss["low"] < loss["measured"] < loss["high"]
    assert loss["paper_is"] == ("inside" if 0.0 in change else "outside") == "outside"


def test_a_published_difference_of_losses_is_inside(places: Places) -> None:
    # Made-up losses of 0.03 are smoothed to 0.027: the paper's difference is -0.0032.
    write(places, job(DOWNSCALED), loss=0.03)
    loss = table(places).loc[(100, "accuracy", "loss")]
    assert loss["paper_is"] == "inside" and loss["low"] <= loss["paper"] <= loss["high"]


def test_without_all_images_there_is_no_row(places: Places) -> None:
    write(places, job(DOWNSCALED), images=60)
    assert set(table(places).index.get_level_values("test_images")) == {50}
