"""The fixed orders in which images of a data set are taken, by every study, profile and trial."""

from __future__ import annotations

import numpy as np

SPLIT_SEED = 2023


def train_order(images: int) -> np.ndarray:
    """The order of the training images, whose head and tail are the parts of a split: indices, (images,) int64."""
    return np.random.default_rng(SPLIT_SEED).permutation(images)


def evaluation_order(images: int) -> np.ndarray:
    """The order of the test images: indices, (images,) int64; a smaller set is the head of a larger one."""
    return np.random.default_rng([SPLIT_SEED, 1]).permutation(images)
