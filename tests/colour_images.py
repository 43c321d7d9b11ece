"""Colour images in the place of CIFAR-10, which is not part of the repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from src.base import LabeledImages
from src.datasets.cifar10 import Cifar10
from src.studies.blur import networks, run


def colour_images(count: int, seed: int, distinct: int | None = None) -> LabeledImages:
    """A class is the place of a bright square, which a blur spreads out. `distinct`: so many, again and again."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, distinct or count)
    images = generator.integers(0, 60, (len(labels), 32, 32, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[8 * row + 2 : 8 * row + 6, 8 * column + 2 : 8 * column + 6] += 150
    indices = np.arange(count)
    again = indices if distinct is None else indices % distinct
    return LabeledImages(images[again], labels[again], indices)


@contextmanager
def instead_of_cifar10(distinct: int | None = None) -> Iterator[Cifar10]:
    """As many images of the same shapes, for whatever the blur study asks of CIFAR-10."""
    made = Cifar10(colour_images(50_000, 0, distinct), colour_images(10_000, 1, distinct))
    with pytest.MonkeyPatch.context() as patch:
        for module in (networks, run):
            patch.setattr(module, "load_cifar10", lambda path: made)
        yield made
