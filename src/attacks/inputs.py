"""What every attack asks of its input, and the fixed padded blocks that it works in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from src.base import Bounds, InputError
from src.smoothing.checks import check_indices


def check_epsilon(epsilon: float) -> None:
    """Raise InputError unless `epsilon` is a finite number, 0 or more."""
    if not 0 <= epsilon < float("inf"):
        raise InputError(f"epsilon: expected a finite number, 0 or more, in the unit of the images, got {epsilon}.")


def check_count(name: str, value: float) -> int:
    """The value as an integer; raise InputError unless it is a whole number, 1 or more."""
    if not 1 <= value < float("inf") or value != int(value):
        raise InputError(f"{name}: expected a whole number, at least 1, got {value}.")
    return int(value)


def check_batch(
    images: np.ndarray, labels: np.ndarray, shape: tuple[int, ...], classes: int, bounds: Bounds, attack: str
) -> tuple[np.ndarray, np.ndarray]:
    """The images as float32 and the labels as int64.

    Args:
        images, labels: what the user gave.
        shape: of the network's images.
        classes: of the network.
        bounds: of valid pixel values.
        attack: its name, for the message.

    Raises:
        InputError: images and labels do not fit the network, the bounds or each other.
    """
    images, labels = np.asarray(images, np.float32), np.asarray(labels)
    if images.shape[1:] != shape or labels.shape != images.shape[:1]:
        raise InputError(
            f"images and labels: expected shapes (batch, {', '.join(map(str, shape))}) and (batch,), "
            f"got {images.shape} and {labels.shape}."
        )
    lowest, highest = images.min(initial=bounds.lower), images.max(initial=bounds.upper)
    # Bounds such as 0.9 are no float32; an image that holds them is within.
    if not (lowest >= np.float32(bounds.lower) and highest <= np.float32(bounds.upper)):
        raise InputError(
            f"images: expected values from {bounds.lower} to {bounds.upper}, got {lowest} to {highest}. "
            f"Rescale them, or give {attack} other bounds."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels: expected whole numbers, got {labels.dtype}. Convert them, e.g. to int64.")
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise InputError(f"labels: expected classes from 0 to {classes - 1}, as the network has, got {outside[0]}.")
    return images, labels.astype(np.int64)


def keys_of(indices: np.ndarray | None, count: int) -> np.ndarray:
    """What the noise of `count` images is keyed by: their indices, or by default their positions.

    Returns:
        (count,) int64.

    Raises:
        InputError: there are not `count` indices, or they are out of range.
    """
    if indices is None:
        return np.arange(count)
    indices = np.asarray(indices)
    check_indices(indices, count)
    return indices.astype(np.int64)


def padded_blocks(count: int, size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of `size` rows that cover `count`, so that the network always runs the same kernel.

    Yields:
        The places of a block's rows, and (size,) row numbers: those, then the last row again where too few are left.
    """
    for start in range(0, count, size):
        yield slice(start, min(start + size, count)), np.minimum(np.arange(start, start + size), count - 1)
