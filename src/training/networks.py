"""A trial's network: built, trained or loaded as its configuration says."""

from __future__ import annotations

import keras

from src.architectures.cnn import CNNConfig, build_cnn
from src.architectures.convnet import ConvNetConfig, build_convnet
from src.base import LabeledImages
from src.training.trainer import Loss, TrainingConfig, cross_entropy, train
from src.training.trial import Trial, TrialFolder

NUM_CLASSES = 10
"""Of MNIST and of CIFAR-10."""


def build(trial: Trial) -> keras.Model:
    """The trial's network with its initial weights.

    Its `training` has the widths `filters`, the images' `side`, `dropout`, and, of the CNN on gray images, the hidden
    `units`; without them it is the ConvNet on colour images.
    """
    settings, seed, precision = trial.training, trial.seed, trial.precision
    side, filters, dropout = settings["side"], tuple(settings["filters"]), settings["dropout"]
    if "units" in settings:
        gray = CNNConfig(filters, settings["units"], dropout)
        return build_cnn(gray, (side, side, 1), NUM_CLASSES, seed=seed, precision=precision)
    colour = ConvNetConfig(filters, dropout)
    return build_convnet(colour, (side, side, 3), NUM_CLASSES, seed=seed, precision=precision)


def train_network(
    trial: Trial,
    images: LabeledImages,
    folder: TrialFolder,
    loss: Loss = cross_entropy,
    network: keras.Model | None = None,
) -> keras.Model:
    """Train the trial's network, going on from its last epoch where there is one.

    Args:
        trial: what to train.
        images: of one epoch.
        folder: of the trial; `begin` has been called.
        loss: what to minimise.
        network: to begin with, where it is not `build`'s; layers that are not trainable keep their weights.
    """
    network = build(trial) if network is None else network
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
