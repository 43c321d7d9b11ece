"""The study's networks: the images each sees, and its training or loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.base import LabeledImages
from src.datasets.esrgan import halve
from src.datasets.mnist import Mnist
from src.datasets.resolution import Resolution, at_resolution
from src.studies.resolution.config import Profile, Protocol, Variant
from src.studies.resolution.plan import test_order, training_indices

TRAINING_NOISE = 4
"""Sets the seed of the training noise apart from others that derive from the same number."""


def training_images(
    mnist: Mnist, profile: Profile, protocol: Protocol, variant: Variant, seed: int, cache: Path, esrgan: str | None
) -> LabeledImages:
    """The images of one epoch: resized, noised as the protocol says, repeated `passes` times.

    An epoch shuffles them all together, repetitions too, as a data set that was concatenated with itself.
    """
    source = mnist.train.take(training_indices(profile, protocol))
    resolution = protocol.resolution(variant)
    before_halving = protocol.noise_before_halving and resolution.method == "esrgan"
    if before_halving:
        resolution = Resolution(2 * resolution.side, "esrgan")
    images = at_resolution(source, "train", resolution, cache, esrgan)
    if protocol.train_noise > 0:
        images = _with_stored_noise(images, protocol.train_noise, seed)
    if before_halving:
        images = LabeledImages(halve(images.images), images.labels, images.indices)
    return images.take(np.tile(np.arange(len(images)), protocol.passes))


def _with_stored_noise(images: LabeledImages, sigma: float, seed: int) -> LabeledImages:
    """Gaussian noise as the author's notebook stores it: added once, clipped, rounded to uint8."""
    noisy = np.empty_like(images.images)
    for place, index in enumerate(images.indices):
        # By image, so that memory stays small and an image's noise does not depend on which others are there.
        noise = np.random.default_rng([seed, TRAINING_NOISE, int(index)]).standard_normal(images.images.shape[1:])
        noisy[place] = np.rint(255 * np.clip(images.images[place] / 255 + sigma * noise, 0, 1))
    return LabeledImages(noisy, images.labels, images.indices)


def test_images(
    mnist: Mnist, count: int, protocol: Protocol, variant: Variant, cache: Path, esrgan: str | None
) -> LabeledImages:
    """The first `count` images of the shuffled test set; a smaller count is a part of a larger one."""
    source = mnist.test.take(test_order()[:count])
    return at_resolution(source, "test", protocol.resolution(variant), cache, esrgan)
