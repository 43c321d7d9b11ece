"""The few types that everything else shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Precision = Literal["float32", "bfloat16"]
"""Of a network's activations; weights and logits are float32."""

ABSTAIN = -1
"""The class, or the radius, of a smoothed classifier that gives no answer."""

FAINT = 0.01
"""Noise below this share of the images' range changes next to nothing."""

INDEX_END = 2**31
"""The noise's keys hold image indices below it."""

N0 = 100
"""Draws that choose the class to certify (Cohen, Rosenfeld and Kolter 2019)."""


class InputError(ValueError):
    """Something the user gave, or has on disk, can't be used.

    The message names the thing, the value and the way out; the command line prints it as it is.
    """


class StorageError(OSError):
    """A file can't be read or written (read-only folder, full disk); the message says which and what to do."""


class TrainingError(RuntimeError):
    """Training went wrong in a way that more epochs won't mend."""


@dataclass(frozen=True)
class Bounds:
    """The range of valid pixel values."""

    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise InputError(f"bounds: lower must be below upper, got ({self.lower}, {self.upper}).")


@dataclass(frozen=True)
class LabeledImages:
    """Images with their labels and their places in the set that they were taken from.

    Attributes:
        images: (n, height, width, channels) uint8 in [0, 255].
        labels: (n,) int64 class indices, 0 or more; given as any integer type.
        indices: (n,) int64; what a record's `image` column and the noise keys refer to.

    Raises:
        InputError: the arrays have another shape or type or differ in length, or a label is negative.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise InputError(
                f"images: expected uint8 of shape (n, height, width, channels), got {self.images.dtype} "
                f"of shape {self.images.shape}."
            )
        object.__setattr__(self, "labels", checked_labels(self.labels))
        if not len(self.images) == len(self.labels) == len(self.indices):
            raise InputError(
                f"images, labels and indices differ in length: "
                f"{len(self.images)}, {len(self.labels)}, {len(self.indices)}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, positions: np.ndarray | slice) -> LabeledImages:
        """The images at these positions, with their labels and original indices."""
        return LabeledImages(self.images[positions], self.labels[positions], self.indices[positions])

    def as_float(self) -> np.ndarray:
        """The images as float32 in [0, 1]."""
        return self.images.astype(np.float32) / np.float32(255)


def checked_labels(labels: ArrayLike, classes: int | None = None) -> np.ndarray:
    """The labels as (n,) int64.

    Args:
        labels: (n,) class indices of any integer type.
        classes: how many there are; without it, only negative labels are out of range.

    Raises:
        InputError: they have another shape or type, or one is out of range; the message names its position and value.
    """
    found = _array("labels", labels)
    if found.ndim != 1:
        way_out = _reshaped("labels", found)
        raise InputError(f"labels: expected one class index for each image, got shape {found.shape}{way_out}.")
    _check_integers("labels", found)
    beyond = np.iinfo(np.int64).max + 1 if classes is None else classes
    position = _first(_outside(found, beyond))
    if position is not None:
        known = "from 0 on" if classes is None else f"from 0 to {classes - 1}"
        way_out = "Leave images without a label out" if found[position] < 0 else "Number the classes from 0"
        raise InputError(
            f"labels: expected class indices {known}, got {found[position]} at position {position}. {way_out}."
        )
    return found.astype(np.int64)


def checked_indices(indices: ArrayLike, count: int) -> np.ndarray:
    """The indices of `count` images as (count,) int64, each from 0 to 2^31 - 1 and none twice.

    Raises:
        InputError: they have another shape or type, or one is out of range or there already; the message names its
            position and value.
    """
    found = _array("indices", indices)
    if found.shape != (count,):
        way_out = _reshaped("indices", found) or f"; np.arange({count}) counts from 0"
        raise InputError(f"indices: expected {count}, one for each image, got shape {found.shape}{way_out}.")
    _check_integers("indices", found)
    position = _first(_outside(found, INDEX_END))
    if position is not None:
        raise InputError(
            f"indices: expected whole numbers from 0 to 2^31 - 1, got {found[position]} at position {position}. "
            f"np.arange({count}) counts from 0."
        )
    order = np.argsort(found, kind="stable")
    repeats = order[1:][found[order[1:]] == found[order[:-1]]]
    if len(repeats):
        position = int(repeats.min())
        earlier = int(np.argmax(found == found[position]))
        raise InputError(
            f"indices: {found[position]} at position {position} is at position {earlier} already. "
            "Give each image an index of its own, e.g. its place in the data set."
        )
    return found.astype(np.int64)


def _array(name: str, values: ArrayLike) -> np.ndarray:
    try:
        found = np.asarray(values)
    except ValueError as error:  # a ragged list
        raise InputError(f"{name}: expected a list of whole numbers ({error}).") from error
    # NumPy takes an empty list for floats.
    return found.astype(np.int64) if found.size == 0 and not isinstance(values, np.ndarray) else found


def _check_integers(name: str, values: np.ndarray) -> None:
    if values.dtype.kind in "iu":
        return
    ways_out = {
        "b": f"If True and False are meant as 1 and 0, give {name}.astype(np.int64)",
        "U": f"np.unique({name}, return_inverse=True)[1] numbers names from 0",
        "S": f"np.unique({name}, return_inverse=True)[1] numbers names from 0",
    }
    way_out = ways_out.get(values.dtype.kind, f"{name}.astype(np.int64) makes whole numbers integers")
    got = str(values.dtype)
    if values.dtype.kind == "f":
        position = _first(~np.isfinite(values) | (values != np.floor(values)))
        if position is not None:
            got = f"{values[position]} at position {position}, in {values.dtype}"
            way_out = f"{'Indices' if name == 'indices' else 'Class indices'} are whole numbers from 0 on"
    raise InputError(f"{name}: expected integers, got {got}. {way_out}.")


def _reshaped(name: str, values: np.ndarray) -> str:
    """How values of another shape become one for each image; empty where that is not clear."""
    if values.ndim == 2 and values.shape[1] == 1:
        return f"; use {name}[:, 0]"
    if values.ndim == 2 and name == "labels":
        return "; one-hot ones become so by labels.argmax(axis=1)"
    return ""


def _outside(values: np.ndarray, end: int) -> np.ndarray:
    """Where values are negative, or `end` or more. NumPy compares unsigned numbers with Python's exactly."""
    return (values < 0) | (values >= end)


def _first(found: np.ndarray) -> int | None:
    return int(np.argmax(found)) if found.any() else None
