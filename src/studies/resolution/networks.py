"""The study's networks: the images each sees, and its training or loading."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from src.architectures.cnn import CNNConfig, build_cnn
from src.base import LabeledImages
from src.datasets.esrgan import halve
from src.datasets.mnist import Mnist
from src.datasets.resolution import Resolution, at_resolution
from src.studies.resolution.config import NUM_CLASSES, Profile, Protocol, Variant
from src.studies.resolution.plan import test_order, training_indices
from src.training.trainer import Loss, TrainingConfig, cross_entropy, train
from src.trials import Trial, TrialFolder

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


def build(trial: Trial) -> keras.Model:
    """The trial's network with its initial weights."""
    settings = trial.training
    config = CNNConfig(tuple(settings["filters"]), settings["units"], settings["dropout"])
    shape = (settings["side"], settings["side"], 1)
    return build_cnn(config, shape, NUM_CLASSES, seed=trial.seed, precision=trial.precision)


def train_network(
    trial: Trial, images: LabeledImages, folder: TrialFolder, loss: Loss = cross_entropy
) -> keras.Model:
    """Train the trial's network on `training_images`, going on from its last epoch where there is one.

    Args:
        trial: what to train.
        images: of one epoch.
        folder: of the trial; `begin` has been called.
        loss: what to minimise.
    """
    network = build(trial)
    settings = trial.training
    config = TrainingConfig(
        settings["epochs"], settings["batch_size"], settings.get("annealed", False), settings.get("warmup_epochs", 0)
    )
    train(network, images, loss, config, trial.seed, folder, f"Training {trial.variant} ({trial.protocol})")
    return network


def load_network(trial: Trial, folder: TrialFolder) -> keras.Model:
    """The trial's trained network.

    Raises:
        InputError: its files are missing or damaged.
    """
    network = build(trial)
    network.set_weights(folder.load_weights())
    return network
