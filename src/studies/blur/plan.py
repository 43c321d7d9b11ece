"""What a run has to do: its networks and what they are asked, without loading TensorFlow."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.base import Precision
from src.datasets.splits import evaluation_order
from src.experiments.conditions import Smoothing, missing_images, round9
from src.experiments.folders import Places
from src.perturbations.blur import GaussianBlur
from src.storage.records import Records
from src.studies.blur.columns import COLUMNS, CONSTANT_COLUMNS, CONSTANT_KEY, KEY, LAYER_COLUMNS, LAYER_KEY
from src.studies.blur.conditions import BlurCondition
from src.studies.blur.config import (
    BATCH_SIZE,
    CIFAR10,
    LAYER_SIGMAS,
    MNIST,
    NOISE,
    PLAIN,
    SLIGHT,
    SMOOTHED_SIGMAS,
    STUDY,
    TRAININGS,
    Dataset,
    Profile,
    Training,
    blurs,
    same_picture,
)
from src.training.trial import Trial

SIDE, TEST_IMAGES = 32, 10_000
"""Of CIFAR-10's images in pixels; of both data sets."""


def cifar10_trial(profile: Profile, training: Training, seed: int, precision: Precision) -> Trial:
    """The trial that trains on CIFAR-10 in one way, from `seed`."""
    settings = {
        "filters": list(profile.filters),
        "dropout": 0.25,
        "side": SIDE,
        "train_images": profile.train_images,
        "epochs": profile.epochs,
        "batch_size": BATCH_SIZE,
        "annealed": True,
    }
    if training.copies:
        settings["copies"] = training.copies
    if training.copies == "blurred":
        settings["copies_sigma"] = SLIGHT.sigma
    if training.frozen:
        settings |= {"base": cifar10_trial(profile, PLAIN, seed, precision).key, "head": "new"}
    if training.noise:
        settings["noise"] = training.noise
    recipe = "gaussian" if training.noise else "cross_entropy"
    return Trial(STUDY, CIFAR10, training.name, recipe, seed, precision, settings)


def dataset_of(trial: Trial) -> Dataset:
    """Which data set a trial's network is for."""
    return CIFAR10 if trial.study == STUDY else MNIST


@dataclass(frozen=True)
class Job:
    """One network with all that is asked of it.

    Attributes:
        profile: how much is asked.
        trial: the network's: this study's on CIFAR-10, or the first study's on MNIST.
    """

    profile: Profile
    trial: Trial

    @property
    def dataset(self) -> Dataset:
        return dataset_of(self.trial)

    @property
    def training(self) -> Training:
        """How a network on CIFAR-10 is trained; those on MNIST count as plain."""
        return next((one for one in TRAININGS if self.dataset == CIFAR10 and one.name == self.trial.variant), PLAIN)

    @property
    def saw_noise(self) -> bool:
        """Whether it was trained on noisy images."""
        return bool(self.trial.training.get("train_noise", 0.0) or self.training.noise)

    @property
    def side(self) -> int:
        """Of its images, in pixels."""
        return int(self.trial.training["side"])

    @property
    def label(self) -> str:
        """Which network it is, for people."""
        return f"{self.trial.variant}, seed {self.trial.seed}"

    @property
    def work(self) -> dict[BlurCondition, int]:
        """Of how many test images the records must hold each condition."""
        asked = [BlurCondition(), *map(BlurCondition, blurs(self.dataset, self.side))]
        needed = dict.fromkeys(asked, self.profile.test_images)
        smoothing = Smoothing(NOISE[self.dataset], self.profile.votes)
        for blur in (None, *self.smoothed_blurs.values()):
            needed[BlurCondition(blur, smoothing)] = self.profile.smoothed_images
        return needed

    @property
    def smoothed_blurs(self) -> dict[float, GaussianBlur]:
        """The blurs under which it is smoothed too, by their standard deviation in the picture's own pixels."""
        return same_picture(self.dataset, self.side, SMOOTHED_SIGMAS)

    @property
    def layer_blurs(self) -> tuple[GaussianBlur, ...]:
        """The blurs whose way through the layers is measured."""
        return tuple(map(GaussianBlur, LAYER_SIGMAS))

    def records(self, places: Places) -> Records:
        """The network's answers."""
        return self._file(places, "records", COLUMNS, KEY)

    def layers(self, places: Places) -> Records:
        """What blur does at its stages."""
        return self._file(places, "layers", LAYER_COLUMNS, LAYER_KEY)

    def constants(self, places: Places) -> Records:
        """The constants of its stages."""
        return self._file(places, "constants", CONSTANT_COLUMNS, CONSTANT_KEY)

    def _file(self, places: Places, kind: str, columns: dict[str, str], key: tuple[str, ...]) -> Records:
        return Records(places.profile(self.profile) / kind / f"{self.trial.key}.csv.gz", columns, key)

    def example(self, places: Places) -> Path:
        """A test image sharp and blurred, for a figure; of all networks with the same images."""
        method = self.trial.training.get("resized_by", "original")
        return places.profile(self.profile) / "examples" / f"{self.dataset}-{method}-{self.side}.npz"

    def made(self, places: Places) -> list[Path]:
        """The files that hold what the network said; some may not exist."""
        found = (self.records(places), self.layers(places), self.constants(places))
        return [path for records in found for path in (records.path, records.partial)]

    @property
    def layer_indices(self) -> np.ndarray:
        """The test images whose way through the layers is measured."""
        count = self.profile.explained_images if self.training == PLAIN else self.profile.layer_images
        return evaluation_order(TEST_IMAGES)[:count]

    def missing(self, places: Places, smoothed: bool) -> int:
        """(image, condition) pairs without a record, of the smoothed classifier or of the network.

        Raises:
            InputError: a records file is damaged.
        """
        records, order = self.records(places).load(), evaluation_order(TEST_IMAGES)
        return sum(
            len(missing_images(records, condition, order[:count]))
            for condition, count in self.work.items()
            if bool(condition.smoothing) == smoothed
        )

    def missing_layers(self, places: Places) -> np.ndarray:
        """Test images whose way through the layers is not known, (images,) int64.

        Raises:
            InputError: a records file is damaged.
        """
        known = self.layers(places).load()
        # All stages of an image are written at once.
        of_size = known[known["blur"] == "gaussian"].groupby("size")["image"].unique()
        complete = [of_size.get(round9(blur.sigma), np.empty(0, np.int64)) for blur in self.layer_blurs]
        there = functools.reduce(np.intersect1d, complete)
        return self.layer_indices[~np.isin(self.layer_indices, there)]

    def is_evaluated(self, places: Places) -> bool:
        """Whether all records are complete.

        Raises:
            InputError: a records file is damaged.
        """
        files = (self.records(places), self.layers(places), self.constants(places))
        finished = all(records.path.exists() and not records.partial.exists() for records in files)
        there = finished and self.example(places).exists()
        answered = there and not any(self.missing(places, smoothed) for smoothed in (False, True))
        return answered and not len(self.missing_layers(places))

    def is_done(self, places: Places, listed: Collection[str]) -> bool:
        """Whether nothing is missing; `listed` are the keys in the profile's table of trials.

        Raises:
            InputError: a records file is damaged.
        """
        return self.trial.key in listed and self.is_evaluated(places)


def jobs(profile: Profile, mnist: Sequence[Trial], seeds: Sequence[int], precision: Precision) -> list[Job]:
    """The networks of a run: the first study's, then this study's on CIFAR-10, plain ones before those that need them.

    Args:
        profile: how much is asked of each.
        mnist: the first study's trials that are looked at.
        seeds: of the CIFAR-10 networks.
        precision: likewise.
    """
    own = [cifar10_trial(profile, training, seed, precision) for seed in seeds for training in TRAININGS]
    return [Job(profile, trial) for trial in (*mnist, *own)]
