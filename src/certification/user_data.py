"""A user's own labelled images, checked before anything slow begins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.base import Bounds, InputError, checked_labels
from src.storage.arrays import ArrayHeader, load_arrays, load_headers

USED_RANGE = 0.01
"""Images that use less of the stated range have another scale: [0, 1] is 1/255 of [0, 255]."""

PIXEL_RANGE = 255
"""Of images as files hold them."""

ROUNDING = 1e-5
"""Share of the range by which resizing or float32 may miss its ends."""


LISTED = 10
"""Arrays of a file that a message names."""


@dataclass(frozen=True)
class OwnData:
    """Images of any shape with their labels.

    Attributes:
        images: (n, ...) float32, in the unit that the user states.
        labels: (n,) int64, 0 or more.
    """

    images: np.ndarray
    labels: np.ndarray


def load_data(path: Path, bounds: Bounds, most: int | None = None) -> OwnData:
    """The arrays `images` and `labels` of an npz, the first `most` of them; nothing in it is unpickled.

    The others take no memory, and their values are not looked at.

    Args:
        path: the npz.
        bounds: what the images' values lie in.
        most: how many images; all by default.

    Raises:
        InputError: an array is missing or can't be used; the message says which and why.
        StorageError: the file can't be opened.
    """
    remedy = "It needs arrays named images and labels: np.savez('data.npz', images=images, labels=labels)."
    try:
        headers = load_headers(path, remedy, ("images", "labels"))
    except InputError as error:
        with path.open("rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
                raise
        raise InputError(
            f"{path} is an .npy file: one array, without labels. Save both in one file: "
            f"np.savez('data.npz', images=np.load({str(path)!r}), labels=labels)."
        ) from error
    if len(headers) < 2:
        raise _missing(path, load_headers(path, remedy))
    _check_numbers(headers["images"])
    if headers["labels"].dtype.hasobject:
        raise InputError(
            "labels: they are Python objects (dtype object), which would have to be unpickled. Save integers: "
            "labels.astype(np.int64)."
        )
    labels = checked_labels(load_arrays(path, remedy, ["labels"], most)["labels"])
    shape, count = headers["images"].shape, headers["labels"].shape[0]
    if shape[0] != count:
        raise InputError(f"images and labels differ in length: {shape[0]} and {count}; each image needs one.")
    if 0 in shape:
        raise InputError(f"images: there are none in {path} (shape {shape}).")
    images = load_arrays(path, remedy, ["images"], most)["images"]
    _check_values(images, bounds)
    return OwnData(images.astype(np.float32, copy=False), labels)


def _missing(path: Path, headers: Mapping[str, ArrayHeader]) -> InputError:
    """What to say of a file that has other arrays than `images` and `labels`."""
    missing = [name for name in ("images", "labels") if name not in headers]
    others = [name for name in headers if name not in ("images", "labels")]
    fitting = {
        "images": [name for name in others if len(headers[name].shape) > 1],
        "labels": [name for name in others if len(headers[name].shape) == 1],
    }
    # Only where no other could be meant.
    found = {name: fitting[name][0] if len(fitting[name]) == 1 else "NAME" for name in missing}
    renamed = ", ".join(f"{name}=old[{found.get(name, name)!r}]" for name in ("images", "labels"))
    there = f"it has {_listed(headers)}" if headers else "it has none at all"
    return InputError(
        f"{path} has no array named {' and none named '.join(missing)}; {there}. Save it under the names needed: "
        f"old = np.load({str(path)!r}); np.savez('renamed.npz', {renamed})."
    )


def _listed(headers: Mapping[str, ArrayHeader]) -> str:
    named = [f"{name} (shape {header.shape})" for name, header in list(headers.items())[:LISTED]]
    return ", ".join([*named, *(["..."] if len(headers) > LISTED else [])])


def _check_numbers(images: ArrayHeader) -> None:
    if images.dtype.kind not in "fiu":
        raise InputError(
            f"images: expected floating-point numbers or integers, got {images.dtype}; use images.astype(np.float32)."
        )
    if len(images.shape) < 2:
        raise InputError(f"images: expected shape (n, height, width, channels), got {images.shape}.")


def _check_values(images: np.ndarray, bounds: Bounds) -> None:
    with np.errstate(over="ignore"):
        finite = np.isfinite(images.astype(np.float32, copy=False)).reshape(len(images), -1).all(axis=1)
    if not finite.all():
        place = int(np.argmin(finite))
        raise InputError(
            f"images: image {place} has a value that is not finite in float32 (NaN, infinity or too large). "
            "Repair it, or leave it out."
        )
    low, high = float(images.min()), float(images.max())
    width = bounds.upper - bounds.lower
    stated = f"--bounds {bounds.lower:g} {bounds.upper:g}"
    if low < bounds.lower - ROUNDING * width or high > bounds.upper + ROUNDING * width:
        raise InputError(
            f"images: their values go from {low:g} to {high:g}, which is outside {stated}. "
            f"{_range_hint(images, low, high)}; sigma is in the same unit."
        )
    if high - low < USED_RANGE * width:
        raise InputError(
            f"images: their values go from {low:g} to {high:g}, which is almost nothing of {stated}. "
            "State the range that they have, e.g. --bounds 0 1; sigma is in the same unit."
        )


def _range_hint(images: np.ndarray, low: float, high: float) -> str:
    """How to state the range of images that have another than was stated."""
    if low >= 0 and high <= PIXEL_RANGE and high - low >= USED_RANGE * PIXEL_RANGE:
        return f"State the range that they have, e.g. --bounds 0 {PIXEL_RANGE}"
    step = 10.0 ** (math.floor(math.log10(high - low)) - 2) if high > low else 1.0
    ends = (math.floor(low / step) * step, math.ceil(high / step) * step)
    own = "--bounds " + " ".join(np.format_float_positional(round(end, 12), trim="-") for end in ends)
    if low < 0 and not _whole(images):
        return (
            "If they were normalised by mean and standard deviation, make that a layer of the model "
            f"(keras.layers.Normalization) and give images in [0, 1]; or state their own range, {own}"
        )
    return f"State the range that they have, e.g. {own}"


def _whole(images: np.ndarray) -> bool:
    return images.dtype.kind in "iu" or bool((images == np.round(images)).all())
