"""What every attack asks of its input, and the fixed padded blocks that it works in."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from src.base import Bounds, InputError, checked_labels
from src.smoothing.checks import check_indices
from src.smoothing.finite import check_finite_images, float_images

PIXEL_RANGE = 255
"""The width of bounds from which on images in [0, 1] show that they are in another unit."""

USED_RANGE = 0.01
"""Images that use less of such bounds are in another unit: [0, 1] is 1/255 of [0, 255]."""


def check_epsilon(epsilon: float) -> None:
    """Raise InputError unless `epsilon` is a finite number, 0 or more."""
    if not 0 <= epsilon < float("inf"):
        raise InputError(f"epsilon: expected a finite number, 0 or more, in the unit of the images, got {epsilon}.")


def check_count(name: str, value: float) -> int:
    """The value as an integer; raise InputError unless it is a whole number, 1 or more."""
    if not 1 <= value < float("inf") or value != int(value):
        raise InputError(f"{name}: expected a whole number, at least 1, got {value}.")
    return int(value)


def as_bounds(bounds: Bounds | tuple[float, float] | None) -> Bounds:
    """The bounds, given as such or as (lower, upper); [0, 1] by default.

    Raises:
        InputError: they are something else, or not in order.
    """
    if bounds is None or isinstance(bounds, Bounds):
        return bounds or Bounds()
    try:
        lower, upper = (float(end) for end in bounds)
    except (TypeError, ValueError) as error:
        raise InputError(f"bounds: expected (lower, upper), e.g. (0, 1), got {bounds!r}.") from error
    if not math.isfinite(upper - lower):
        raise InputError(f"bounds: expected finite numbers, got ({lower}, {upper}).")
    return Bounds(lower, upper)


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
        InputError: images and labels do not fit the network, the bounds or each other, or an image is not finite.
    """
    given, images = images, float_images(images)
    are_whole = np.asarray(given).dtype.kind in "iu"
    if images.ndim == 0 or images.shape[1:] != shape:
        raise InputError(f"images: expected shape (batch, {', '.join(map(str, shape))}), got {images.shape}.")
    check_finite_images(images)
    _check_range(images, bounds, attack, are_whole)
    labels = checked_labels(labels, classes)
    if len(labels) != len(images):
        raise InputError(f"images and labels: each image needs one label, got {images.shape} and {labels.shape}.")
    return images, labels


def _check_range(images: np.ndarray, bounds: Bounds, attack: str, are_whole: bool) -> None:
    lowest, highest = images.min(initial=bounds.lower), images.max(initial=bounds.upper)
    # Bounds such as 0.9 are no float32; an image that holds them is within.
    if not (lowest >= np.float32(bounds.lower) and highest <= np.float32(bounds.upper)):
        raise InputError(
            f"images: expected values from {bounds.lower} to {bounds.upper}, got {lowest} to {highest}. "
            f"Rescale them, or give {attack} other bounds."
        )
    width = bounds.upper - bounds.lower
    used = float(np.ptp(images)) if images.size else 0.0
    # An image of one colour uses nothing of any range, and whole numbers are no fractions of 255.
    if not are_whole and width >= PIXEL_RANGE and 0 < used < USED_RANGE * width:
        raise InputError(
            f"images: their values go from {images.min():g} to {images.max():g}, which is almost nothing of the bounds "
            f"{bounds.lower:g} to {bounds.upper:g}. Give {attack} the range that they have, e.g. bounds=(0, 1); "
            "epsilon is in the same unit."
        )


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
