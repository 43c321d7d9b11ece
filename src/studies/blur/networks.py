"""The study's networks: the images that each sees, its training or loading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from src.base import InputError, LabeledImages
from src.datasets.cifar10 import Cifar10, load_cifar10
from src.datasets.mnist import Mnist, load_mnist
from src.datasets.resolution import Resolution, at_resolution
from src.datasets.splits import evaluation_order, train_order
from src.experiments.folders import Places
from src.studies.blur.config import BOUNDARY, CIFAR10, MNIST, NOISE, PLAIN, SLIGHT
from src.studies.blur.plan import Job, cifar10_trial
from src.training.losses import loss_of
from src.training.networks import build, load_network, train_network
from src.training.recipes import Gaussian
from src.training.trainer import cross_entropy
from src.training.trial import Trial, TrialFolder


@dataclass(frozen=True)
class Datasets:
    """What a run needs, read once.

    Attributes:
        mnist: if a network on MNIST is looked at.
        cifar10: likewise.
    """

    mnist: Mnist | None
    cifar10: Cifar10 | None


def load_datasets(jobs: Iterable[Job], places: Places) -> Datasets:
    """The data that these jobs need; CIFAR-10 is fetched if it is not there.

    Raises:
        InputError: they are damaged, or can't be had.
        StorageError: they can't be written.
    """
    needed = {job.dataset for job in jobs}
    return Datasets(
        load_mnist(places.mnist) if MNIST in needed else None,
        load_cifar10(places.cifar10) if CIFAR10 in needed else None,
    )


def images_to_classify(job: Job, places: Places, datasets: Datasets, count: int, esrgan: str | None) -> LabeledImages:
    """The first `count` images of the fixed order of the test set, as the job's network takes them."""
    if job.dataset == MNIST:
        assert datasets.mnist is not None
        test = datasets.mnist.test
        resolution = Resolution(job.side, job.trial.training["resized_by"])
        source = test.take(evaluation_order(len(test))[:count])
        return at_resolution(source, "test", resolution, places.cache, esrgan)
    assert datasets.cifar10 is not None
    return datasets.cifar10.test.take(evaluation_order(len(datasets.cifar10.test))[:count])


def training_images(trial: Trial, datasets: Datasets) -> LabeledImages:
    """The images of one epoch on CIFAR-10: the first of the fixed order, with their copies if there are any."""
    assert datasets.cifar10 is not None
    train = datasets.cifar10.train
    images = train.take(train_order(len(train))[: trial.training["train_images"]])
    match trial.training.get("copies"):
        case "blurred":
            return _joined(images, blurred(images))
        case "unblurred":
            return _joined(images, images)
    return images


def blurred(images: LabeledImages) -> LabeledImages:
    """The images under SLIGHT blur, rounded to uint8."""
    parts = [images.images[start : start + 1_000] for start in range(0, len(images), 1_000)]
    soft = np.concatenate([np.rint(SLIGHT.apply(part.astype(np.float32), BOUNDARY)).astype(np.uint8) for part in parts])
    return LabeledImages(soft, images.labels, images.indices)


def _joined(first: LabeledImages, second: LabeledImages) -> LabeledImages:
    return LabeledImages(
        *(np.concatenate([getattr(one, name) for one in (first, second)]) for name in ("images", "labels", "indices"))
    )


def network_of(job: Job, places: Places, datasets: Datasets) -> keras.Model:
    """The job's network: loaded, or trained on CIFAR-10, going on from its last epoch.

    Raises:
        InputError: its files are damaged, it is of the first study and not here, or its base is another than here.
        StorageError: it can't be written.
        TrainingError: a loss is not finite.
    """
    folder = places.trial(job.trial)
    if job.dataset == MNIST and not folder.is_complete:
        raise InputError(
            f"{folder.path} has no trained network. Train it with `python -m src.reproduce --study resolution "
            f"--profile {job.profile.resolution_profile}`."
        )
    base = None
    if job.training.frozen:
        plain = Job(job.profile, cifar10_trial(job.profile, PLAIN, job.trial.seed, job.trial.precision))
        base = network_of(plain, places, datasets)
    folder.begin(job.trial)
    network = load_network(job.trial, folder) if folder.is_complete else _train(job.trial, base, datasets, folder)
    if base is not None:
        # All but the kernel and bias of the dense layer.
        pairs = zip(network.get_weights()[:-2], base.get_weights()[:-2], strict=True)
        if not all(np.array_equal(own, frozen) for own, frozen in pairs):
            raise InputError(
                f"{folder.path} does not rest on the convolutions in {places.trial(plain.trial).path}. Delete "
                f"{folder.path} and run again: only this network is trained anew."
            )
    return network


def _train(trial: Trial, base: keras.Model | None, datasets: Datasets, folder: TrialFolder) -> keras.Model:
    network = build(trial)
    if base is not None:
        for own, frozen in zip(network.layers[:-1], base.layers[:-1], strict=True):
            own.set_weights(frozen.get_weights())
            own.trainable = False
    loss = loss_of(Gaussian(NOISE["cifar10"])) if trial.recipe == "gaussian" else cross_entropy
    return train_network(trial, training_images(trial, datasets), folder, loss, network)


def in_float32(trial: Trial, folder: TrialFolder) -> keras.Model:
    """The trained network with float32 activations, for measurements that rounding would blur; weights always are."""
    return load_network(replace(trial, precision="float32"), folder)


@contextmanager
def exact_float32() -> Iterator[None]:
    """While it lasts a GPU multiplies float32 as such: otherwise its TF32 rounds by 5e-4, more than a bound's slack."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
