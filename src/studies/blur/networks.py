"""The study's networks: the images that each sees, its training or loading."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from src.base import LabeledImages
from src.datasets.cifar10 import load_cifar10
from src.datasets.mnist import load_mnist
from src.datasets.resolution import Resolution, at_resolution
from src.datasets.splits import evaluation_order, train_order
from src.places import Places
from src.studies.blur.config import BOUNDARY, MNIST, NOISE, SLIGHT
from src.studies.blur.plan import Job
from src.training.losses import loss_of
from src.training.networks import build, load_network, train_network
from src.training.recipes import Gaussian
from src.training.trainer import cross_entropy
from src.trials import Trial, TrialFolder


def images_to_classify(job: Job, places: Places, count: int, esrgan: str | None) -> LabeledImages:
    """The first `count` images of the fixed order of the test set, as the job's network takes them."""
    if job.dataset == MNIST:
        mnist = load_mnist(places.mnist).test
        resolution = Resolution(job.side, job.trial.training["resized_by"])
        source = mnist.take(evaluation_order(len(mnist))[:count])
        return at_resolution(source, "test", resolution, places.cache, esrgan)
    cifar10 = load_cifar10(places.cifar10).test
    return cifar10.take(evaluation_order(len(cifar10))[:count])


def training_images(job: Job, places: Places) -> LabeledImages:
    """The images of one epoch on CIFAR-10: the first of the fixed order, with their copies if there are any."""
    cifar10 = load_cifar10(places.cifar10).train
    images = cifar10.take(train_order(len(cifar10))[: job.trial.training["train_images"]])
    match job.trial.training.get("copies"):
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


def train_on_cifar10(job: Job, places: Places, folder: TrialFolder) -> keras.Model:
    """Train the job's network, going on from its last epoch; a frozen base is that of the plain training, complete."""
    trial = job.trial
    network = build(trial)
    if "base" in trial.training:
        base = TrialFolder(folder.path.with_name(trial.training["base"]))
        network.set_weights(base.load_weights())
        for layer in network.layers[:-1]:
            layer.trainable = False
    loss = loss_of(Gaussian(NOISE["cifar10"])) if trial.recipe == "gaussian" else cross_entropy
    return train_network(trial, training_images(job, places), folder, loss, network)


def in_float32(trial: Trial, folder: TrialFolder) -> keras.Model:
    """The trained network with float32 activations, for measurements that rounding would blur; weights always are."""
    return load_network(replace(trial, precision="float32"), folder)
