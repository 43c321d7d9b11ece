"""What a run has to do: its trials, their conditions and the images, without loading TensorFlow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.base import Precision
from src.datasets import splits
from src.datasets.esrgan import handle_identity
from src.experiments.conditions import (
    COLUMNS,
    CONDITION,
    CROSS_ENTROPY,
    KEY,
    Attack,
    Condition,
    Smoothing,
    missing_images,
)
from src.experiments.folders import Places
from src.storage.records import Records
from src.studies.resolution.config import (
    BATCH_SIZE,
    NOTEBOOK_EPSILONS,
    STUDY,
    SUBSET,
    SWEEP_EPSILONS,
    SWEEP_SIGMAS,
    TRAIN_SPLIT,
    Profile,
    Protocol,
    Variant,
)
from src.training.trial import Trial

VOTES_COLUMNS = {
    **{name: kind for name, kind in COLUMNS.items() if name != "loss"},
    "votes": "int64",
    "runner_up_votes": "int64",
}
"""Of a record of the smoothed classifier's votes: the predicted class's, and those of the class that follows."""

VOTES_KEY = ("trial", *CONDITION, "image")


def resolution_trial(
    profile: Profile, protocol: Protocol, variant: Variant, seed: int, precision: Precision, esrgan: str | None
) -> Trial:
    """The trial that trains `variant` under `protocol` in `profile`, from `seed`."""
    network = variant.network(profile.width_scale)
    resolution = protocol.resolution(variant)
    training = {
        "filters": list(network.filters),
        "units": network.units,
        "dropout": network.dropout,
        "side": resolution.side,
        "resized_by": resolution.method,
        "train_split": protocol.train_split,
        "train_images": number_of_training_images(profile, protocol),
        "train_noise": protocol.train_noise,
        "passes": protocol.passes,
        "epochs": profile.epochs_of(variant),
        "batch_size": BATCH_SIZE,
    }
    if resolution.method == "esrgan":
        training["esrgan"] = handle_identity(esrgan)
        if protocol.noise_before_halving:
            training["noise_side"] = 2 * resolution.side
    return Trial(STUDY, protocol.name, variant.name, "cross_entropy", seed, precision, training)


def number_of_training_images(profile: Profile, protocol: Protocol) -> int:
    """How many distinct images train a network."""
    available = TRAIN_SPLIT if protocol.train_split == "larger" else SUBSET
    return min(profile.train_images, available)


def train_order() -> np.ndarray:
    """The fixed order whose head and tail are the two parts of the split: indices, (60000,) int64."""
    return splits.train_order(60_000)


def training_indices(profile: Profile, protocol: Protocol) -> np.ndarray:
    """The training images of a network, (images,) int64."""
    order = train_order()
    part = order[:TRAIN_SPLIT] if protocol.train_split == "larger" else order[TRAIN_SPLIT:]
    return part[: number_of_training_images(profile, protocol)]


def test_order() -> np.ndarray:
    """The fixed order in which test images are taken: indices, (10000,) int64."""
    return splits.evaluation_order(10_000)


@dataclass(frozen=True)
class Job:
    """One trial with all that is asked of it."""

    profile: Profile
    protocol: Protocol
    variant: Variant
    trial: Trial

    @property
    def label(self) -> str:
        """Which training it is, for people."""
        precision = "" if self.trial.precision == "float32" else f", {self.trial.precision}"
        return f"{self.variant.name}, seed {self.trial.seed}{precision}"

    @property
    def paper_conditions(self) -> tuple[Condition, ...]:
        """Those of the paper's two tables: clean and attacked, network and smoothed classifier."""
        attack = Attack(self.protocol.attack_epsilon(self.variant), self.protocol.attacked_output)
        smoothing = Smoothing(self.protocol.sigma, self.protocol.votes)
        return tuple(Condition(a, s) for a in (None, attack) for s in (None, smoothing))

    @property
    def sigma_conditions(self) -> tuple[Condition, ...]:
        """Clean images: the network, then the smoothed classifier at each sigma, ascending."""
        return (Condition(), *(Condition(None, Smoothing(sigma, self.protocol.votes)) for sigma in SWEEP_SIGMAS))

    @property
    def epsilon_conditions(self) -> tuple[Condition, ...]:
        """The network and its smoothed classifier at each epsilon, ascending."""
        smoothing = Smoothing(self.protocol.sigma, self.protocol.votes)
        attacks = [Attack(epsilon, self.protocol.attacked_output) if epsilon else None for epsilon in SWEEP_EPSILONS]
        return tuple(Condition(attack, s) for attack in attacks for s in (None, smoothing))

    @property
    def budget_conditions(self) -> tuple[Condition, ...]:
        """The network under each of the notebook's two budgets, whichever it used itself."""
        return tuple(Condition(Attack(epsilon, self.protocol.attacked_output)) for epsilon in NOTEBOOK_EPSILONS)

    @property
    def work(self) -> dict[Condition, int]:
        """Of how many test images the records must hold each condition."""
        needed = dict.fromkeys(self.paper_conditions + self.budget_conditions, self.profile.test_images[-1])
        for condition in self.sigma_conditions + self.epsilon_conditions:
            needed.setdefault(condition, self.profile.sweep_images)
        return needed

    def asked(self, places: Places) -> dict[Condition, int]:
        """Of `work`, what is asked for with the files that are here.

        A network that was attacked through CROSS_ENTROPY and whose weights are not here is not trained anew for the
        attack that has taken its place: what that would say of it is not measured.

        Raises:
            InputError: a records file is damaged.
        """
        attacked = self._can_be_attacked(places)
        return {condition: count for condition, count in self.work.items() if attacked or condition.attack is None}

    def _can_be_attacked(self, places: Places) -> bool:
        if self.protocol.attacked_output == "softmax" or places.trial(self.trial).is_complete:
            return True
        return not (self.records(places).load()["attacked_output"] == CROSS_ENTROPY).any()

    def records(self, places: Places) -> Records:
        """The trial's records in this profile."""
        return Records(places.profile(self.profile) / "records" / f"{self.trial.key}.csv.gz", COLUMNS, KEY)

    def votes(self, places: Places) -> Records:
        """How the votes of the smoothed classifier fell, for what abstention would have said."""
        path = places.profile(self.profile) / "votes" / f"{self.trial.key}.csv.gz"
        return Records(path, VOTES_COLUMNS, VOTES_KEY)

    def fit(self, places: Places) -> Records:
        """What the network says of its training images, as it was given them."""
        return Records(places.profile(self.profile) / "fit" / f"{self.trial.key}.csv.gz", COLUMNS, KEY)

    def _all_records(self, places: Places) -> tuple[Records, ...]:
        return self.records(places), self.votes(places), self.fit(places)

    def made(self, places: Places) -> list[Path]:
        """The files that hold what the trial's network said; some may not exist."""
        files = [path for records in self._all_records(places) for path in (records.path, records.partial)]
        return [*files, self.examples(places)]

    @property
    def fit_indices(self) -> np.ndarray:
        """Training images that tell how well it fits: as many as the largest test set, or all."""
        return training_indices(self.profile, self.protocol)[: self.profile.test_images[-1]]

    @property
    def vote_conditions(self) -> tuple[Condition, ...]:
        """Those of the paper's tables with the smoothed classifier."""
        return tuple(condition for condition in self.paper_conditions if condition.smoothing)

    def examples(self, places: Places) -> Path:
        """The few images, clean and attacked, that figures show."""
        return examples_path(places.profile(self.profile), self.trial, self.protocol)

    def missing(self, places: Places) -> int:
        """(image, condition) pairs without a record, of predictions on test images.

        Raises:
            InputError: a records file is damaged.
        """
        records, order = self.records(places).load(), test_order()
        asked = self.asked(places).items()
        return sum(len(missing_images(records, condition, order[:count])) for condition, count in asked)

    def missing_votes(self, places: Places) -> int:
        """(image, condition) pairs of which the votes are not known.

        Raises:
            InputError: a records file is damaged.
        """
        votes, order = self.votes(places).load(), test_order()[: self.profile.sweep_images]
        asked = self.asked(places)
        wanted = (condition for condition in self.vote_conditions if condition in asked)
        return sum(len(missing_images(votes, condition, order)) for condition in wanted)

    def missing_fit(self, places: Places) -> int:
        """Training images of which it is not known what the network says.

        Raises:
            InputError: a records file is damaged.
        """
        return len(missing_images(self.fit(places).load(), Condition(), self.fit_indices))

    def is_evaluated(self, places: Places) -> bool:
        """Whether all records and the examples for the figures are complete.

        Raises:
            InputError: a records file is damaged.
        """
        finished = all(records.path.exists() and not records.partial.exists() for records in self._all_records(places))
        missing = (self.missing, self.missing_votes, self.missing_fit)
        shown = self.examples(places).exists() or not self._can_be_attacked(places)
        return finished and shown and not any(count(places) for count in missing)

    def is_done(self, places: Places, listed: Collection[str]) -> bool:
        """Whether nothing is missing; `listed` are the keys in the profile's table of trials.

        Raises:
            InputError: a records file is damaged.
        """
        return self.trial.key in listed and self.is_evaluated(places)


def examples_path(folder: Path, trial: Trial, protocol: Protocol) -> Path:
    """Where a trial's examples are; those of FGSM through CROSS_ENTROPY had the name that the softmax's have."""
    attack = "" if protocol.attacked_output == "softmax" else f"-{protocol.attacked_output}"
    return folder / "examples" / f"{trial.key}{attack}.npz"


def jobs(
    profile: Profile,
    wanted: tuple[tuple[Protocol, tuple[Variant, ...]], ...],
    seeds: tuple[int, ...],
    precision: Precision,
    esrgan: str | None,
) -> list[Job]:
    """The trials of a run, the cheapest networks first within each protocol."""
    return [
        Job(profile, protocol, variant, resolution_trial(profile, protocol, variant, seed, precision, esrgan))
        for protocol, variants in wanted
        for seed in seeds
        for variant in sorted(variants, key=lambda variant: variant.side * variant.width_factor)
    ]
