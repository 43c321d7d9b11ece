from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.experiments.conditions import (
    COLUMNS,
    CONDITION,
    KEY,
    Attack,
    Condition,
    Smoothing,
    missing_images,
    round9,
    select,
)
from src.storage.records import Records

AWKWARD = (0.15 / 255, 2 / 255, 10 / 255, 1 / 3, 0.15, 0.1 + 0.2, 1.0, 0.0, 1e-300, 76 / 255)

numbers = st.sampled_from(AWKWARD) | st.floats(0, 100)
attacks = st.builds(Attack, numbers, st.sampled_from(["softmax", "log-odds"]))
smoothings = st.builds(Smoothing, numbers, st.integers(1, 10**6))
conditions = st.builds(Condition, st.none() | attacks, st.none() | smoothings)


def rows_of(condition: Condition, images: list[int]) -> pd.DataFrame:
    constant = {"trial": "t", "label": 3, "prediction": -1, "loss": 0.5}
    rows = pd.DataFrame([{**constant, **condition.columns(), "image": image} for image in images])
    return rows.reindex(columns=list(COLUMNS))


def as_stored(condition: Condition) -> tuple[object, ...]:
    return tuple(condition.columns().values())


@settings(max_examples=60)
@given(
    st.lists(conditions, min_size=1, max_size=4, unique_by=as_stored),
    st.lists(st.integers(0, 20), min_size=1, unique=True),
    st.data(),
)
def test_what_was_stored_is_found_again(held: list[Condition], images: list[int], data: st.DataObject) -> None:
    evaluated = {
        condition: data.draw(st.lists(st.sampled_from(images), min_size=1, unique=True)) for condition in held
    }
    with tempfile.TemporaryDirectory() as name:
        records = Records(Path(name) / "r.csv.gz", COLUMNS, KEY)
        for condition, block in evaluated.items():
            records.append(rows_of(condition, block))
        in_the_making = records.load()
        records.finish()
        finished = records.load()
    pd.testing.assert_frame_equal(in_the_making, finished)
    indices = np.array(images)
    for condition, block in evaluated.items():
        chosen = select(finished, condition)
        assert sorted(chosen["image"]) == sorted(block)
        for column, value in condition.columns().items():
            assert (chosen[column] == value).all()
        missing = missing_images(finished, condition, indices)
        assert indices[missing].tolist() == [image for image in images if image not in block]


@pytest.mark.parametrize("value", AWKWARD)
@pytest.mark.parametrize("field", ["sigma", "epsilon"])
def test_published_numbers_are_found_again(tmp_path: Path, value: float, field: str) -> None:
    made = {"sigma": Condition(None, Smoothing(value, 10)), "epsilon": Condition(Attack(value, "log-odds"))}[field]
    records = Records(tmp_path / "r.csv.gz", COLUMNS, KEY)
    records.append(rows_of(made, [5, 2]))
    assert select(records.load(), made)["image"].tolist() == [2, 5]
    assert records.load()[field].tolist() == [round9(value)] * 2


def test_the_columns_say_what_is_meant() -> None:
    assert Condition().columns() == {
        "classifier": "cnn", "sigma": 0.0, "n": 0, "attack": "none", "attacked_output": "none", "epsilon": 0.0,
    }  # fmt: skip
    assert Condition(Attack(2 / 255, "softmax"), Smoothing(0.15 / 255, 10)).columns() == {
        "classifier": "rs", "sigma": 0.000588235294, "n": 10,
        "attack": "fgsm", "attacked_output": "softmax", "epsilon": 0.00784313725,
    }  # fmt: skip
    assert tuple(Condition().columns()) == CONDITION
    assert set(KEY) == {"trial", "image", *CONDITION} and set(KEY) <= set(COLUMNS)


FULL = Condition(Attack(0.1, "log-odds"), Smoothing(0.5, 10))


@pytest.mark.parametrize(
    "other",
    [
        Condition(),
        Condition(FULL.attack),
        Condition(None, FULL.smoothing),
        Condition(Attack(0.1, "softmax"), FULL.smoothing),
        Condition(Attack(0.100000001, "log-odds"), FULL.smoothing),
        Condition(FULL.attack, Smoothing(0.500000001, 10)),
        Condition(FULL.attack, Smoothing(0.5, 11)),
        # A budget or a sigma of zero is still an attack or a smoothing.
        Condition(Attack(0.0, "log-odds"), FULL.smoothing),
        Condition(FULL.attack, Smoothing(0.0, 10)),
    ],
)
def test_conditions_that_differ_in_one_thing_are_kept_apart(tmp_path: Path, other: Condition) -> None:
    records = Records(tmp_path / "r.csv.gz", COLUMNS, KEY)
    records.append(rows_of(FULL, [1, 2]))
    records.append(rows_of(other, [2, 3]))
    loaded = records.load()
    assert select(loaded, FULL)["image"].tolist() == [1, 2]
    assert select(loaded, other)["image"].tolist() == [2, 3]


def test_without_records_everything_is_missing(tmp_path: Path) -> None:
    empty = Records(tmp_path / "r.csv.gz", COLUMNS, KEY).load()
    assert missing_images(empty, FULL, np.array([7, 3, 9])).tolist() == [0, 1, 2]
    assert len(select(empty, FULL)) == 0


def test_positions_follow_the_order_asked_for() -> None:
    rows = rows_of(FULL, [4, 8])
    assert missing_images(rows, FULL, np.array([8, 9, 4, 1])).tolist() == [1, 3]
    assert missing_images(rows, FULL, np.array([], np.int64)).tolist() == []


@given(st.floats(allow_nan=False))
def test_round9_gives_a_float32_back_and_is_stable(value: float) -> None:
    once = round9(value)
    assert round9(once) == once
    with np.errstate(over="ignore"):
        single = np.float32(value)
    assert np.float32(round9(float(single))) == single


def test_conditions_are_values() -> None:
    again = Condition(Attack(0.1, "log-odds"), Smoothing(0.5, 10))
    assert again == FULL and len({again, FULL}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.attack = None  # type: ignore[misc]
