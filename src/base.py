"""The few types that everything else shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from src.errors import InputError as InputError
from src.errors import StorageError as StorageError
from src.errors import TrainingError as TrainingError
from src.labels import checked_labels

Precision = Literal["float32", "bfloat16"]
"""Of a network's activations; weights and logits are float32."""

ABSTAIN = -1
"""The class, or the radius, of a smoothed classifier that gives no answer."""

N0 = 100
"""Draws that choose the class to certify (Cohen, Rosenfeld and Kolter 2019)."""


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
