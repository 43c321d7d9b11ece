"""Labels and indices as users have them: any integer type is taken, all else is told with its place and the way out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from src.base import InputError, checked_indices, checked_labels

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


@pytest.mark.parametrize("kind", INTEGERS)
def test_every_integer_type_is_taken(kind: str) -> None:
    values = np.array([3, 0, 127, 2], kind)
    for found in (checked_labels(values), checked_labels(values, 128), checked_indices(values, 4)):
        assert found.dtype == np.int64 and found.tolist() == [3, 0, 127, 2]


def test_lists_and_nothing_are_taken() -> None:
    assert checked_labels([1, 0, 1], 2).tolist() == [1, 0, 1]
    assert checked_indices([7, 2**31 - 1], 2).tolist() == [7, 2**31 - 1]
    for found in (checked_labels([], 2), checked_indices([], 0), checked_labels(np.zeros(0, np.uint8))):
        assert found.dtype == np.int64 and found.shape == (0,)


def test_what_was_given_stays_as_it_was() -> None:
    given_labels = np.array([1, 2], np.int64)
    checked_labels(given_labels)[0] = 9
    assert given_labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[1], [0]]), r"got shape \(2, 1\); use labels\[:, 0\]"),
        (np.eye(3), r"got shape \(3, 3\); one-hot ones become so by labels.argmax\(axis=1\)"),
        (np.eye(3, dtype=bool), r"labels.argmax\(axis=1\)"),
        (np.zeros((2, 3, 4), int), r"got shape \(2, 3, 4\)\."),
        (np.int64(3), r"got shape \(\)"),
        (np.array([1.0, 2.0], np.float32), r"integers, got float32. labels.astype\(np.int64\) makes whole numbers"),
        (np.array([1.0, 2.5]), r"got 2.5 at position 1, in float64. Class indices are whole numbers"),
        (np.array([1.0, np.nan]), r"got nan at position 1"),
        (np.array([1.0, np.inf]), r"got inf at position 1"),
        (np.array([True, False]), r"got bool. If True and False are meant as 1 and 0"),
        (np.array(["cat", "dog"]), r"np.unique\(labels, return_inverse=True\)\[1\] numbers names"),
        (np.array([1, 2], object), r"got object. labels.astype\(np.int64\)"),
        ([[1], [2, 3]], r"labels: expected a list of whole numbers"),
        (np.array([0, 1, -1], np.int8), r"from 0 on, got -1 at position 2. Leave images without a label out"),
        (np.array([0, 2**63], np.uint64), rf"from 0 on, got {2**63} at position 1"),
    ],
)
def test_other_labels_are_refused_with_the_way_out(labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_labels(labels)


@pytest.mark.parametrize("kind", INTEGERS)
def test_a_label_beyond_the_classes_is_named(kind: str) -> None:
    with pytest.raises(InputError, match=r"from 0 to 9, got 10 at position 2. Number the classes from 0"):
        checked_labels(np.array([0, 9, 10, 11], kind), 10)


@pytest.mark.parametrize(
    ("indices", "count", "message"),
    [
        (np.arange(3), 2, r"expected 2, one for each image, got shape \(3,\); np.arange\(2\) counts from 0"),
        (np.arange(2)[:, None], 2, r"got shape \(2, 1\); use indices\[:, 0\]"),
        (np.eye(2, dtype=int), 2, r"got shape \(2, 2\); np.arange"),
        (np.arange(2.0), 2, r"integers, got float64. indices.astype\(np.int64\)"),
        (np.array([0.5, 1]), 2, r"got 0.5 at position 0, in float64. Indices are whole"),
        (np.array([True, False]), 2, r"got bool"),
        (np.array([0, -1]), 2, r"from 0 to 2\^31 - 1, got -1 at position 1"),
        (np.array([0, 2**31], np.uint32), 2, rf"got {2**31} at position 1"),
        (np.array([2**64 - 1, 0], np.uint64), 2, rf"got {2**64 - 1} at position 0"),
        (np.array([7, 3, 9, 3, 7]), 5, r"indices: 3 at position 3 is at position 1 already. Give each image an index"),
    ],
)
def test_other_indices_are_refused_with_the_way_out(indices: np.ndarray, count: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_indices(indices, count)


ANY = arrays.arrays(
    st.one_of(
        arrays.integer_dtypes(), arrays.unsigned_integer_dtypes(), arrays.floating_dtypes(), arrays.boolean_dtypes()
    ),
    arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4),
)


@given(ANY, st.one_of(st.none(), st.integers(1, 300)))
def test_labels_come_back_unchanged_or_are_refused(values: np.ndarray, classes: int | None) -> None:
    end = 2**63 if classes is None else classes
    sound = values.ndim == 1 and values.dtype.kind in "iu" and all(0 <= value < end for value in values.tolist())
    try:
        found = checked_labels(values, classes)
    except InputError as error:
        assert not sound and str(error).startswith("labels: ")
    else:
        assert sound and found.dtype == np.int64 and found.tolist() == values.tolist()


@given(ANY, st.integers(0, 4))
def test_indices_come_back_unchanged_or_are_refused(values: np.ndarray, count: int) -> None:
    sound = values.shape == (count,) and values.dtype.kind in "iu"
    sound = sound and all(0 <= value < 2**31 for value in values.tolist()) and len(set(values.tolist())) == count
    try:
        found = checked_indices(values, count)
    except InputError as error:
        assert not sound and str(error).startswith("indices: ")
    else:
        assert sound and found.dtype == np.int64 and found.tolist() == values.tolist()
