"""What protocol `corrected` has to do: its trials, their certificates and attacks, without loading TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from src.base import N0, Precision
from src.certification.log import CertificationLog, Fixed, Sequential
from src.datasets.esrgan import handle_identity
from src.experiments.conditions import missing_images
from src.experiments.folders import Places
from src.storage.records import Records
from src.studies.resolution.config import STUDY, Variant
from src.studies.resolution.corrected.conditions import (
    COLUMNS,
    CROSS_ENTROPY_FGSM,
    FGSM,
    KEY,
    conditions,
)
from src.studies.resolution.corrected.config import (
    ALPHA,
    BATCH_SIZE,
    CORRECTED,
    PROFILES,
    CorrectedProfile,
    Training,
    Work,
)
from src.studies.resolution.plan import test_order
from src.training.trial import Trial


def corrected_trial(
    training: Training, width_scale: float, seed: int, precision: Precision, esrgan: str | None
) -> Trial:
    """The trial that carries out `training`, from `seed`."""
    network = training.variant.network(width_scale)
    resolution = training.variant.resolution("bilinear")
    settings = {
        "filters": list(network.filters),
        "units": network.units,
        "dropout": network.dropout,
        "side": resolution.side,
        "resized_by": resolution.method,
        "train_split": "larger",
        "train_images": training.schedule.train_images,
        "epochs": training.schedule.epochs,
        "batch_size": BATCH_SIZE,
        "annealed": True,
        "recipe": asdict(training.recipe),
    }
    if training.schedule.warmup_epochs:
        settings["warmup_epochs"] = training.schedule.warmup_epochs
    if resolution.method == "esrgan":
        settings["esrgan"] = handle_identity(esrgan)
    recipe = type(training.recipe).__name__.lower()
    return Trial(STUDY, CORRECTED, training.variant.name, recipe, seed, precision, settings)


def results(places: Places, profile: CorrectedProfile) -> Path:
    """Where the protocol's tables, figures, records and certificates go."""
    return places.profile(profile.profile) / CORRECTED


@dataclass(frozen=True)
class CorrectedJob:
    """One trial with all that is asked of it."""

    profile: CorrectedProfile
    work: Work
    trial: Trial

    @property
    def sigma(self) -> float:
        """Of the training noise and of the smoothed classifier, in [0, 1]."""
        return self.work.training.recipe.sigma

    @property
    def label(self) -> str:
        """For progress: "Normal, gaussian, sigma 0.25"."""
        return f"{self.trial.variant}, {self.trial.recipe}, sigma {self.sigma:g}"

    def records(self, places: Places) -> Records:
        """The predictions under attack."""
        return Records(results(places, self.profile) / "records" / f"{self.trial.key}.csv.gz", COLUMNS, KEY)

    def log(self, places: Places, method: Fixed | Sequential) -> CertificationLog:
        """The certificates made by `method`."""
        path = results(places, self.profile) / "certificates" / f"{self.trial.key}-{_label(method)}.tsv"
        noise = {"sigma": self.sigma, "seed": self.trial.seed}
        return CertificationLog(
            path, {"trial": self.trial.key, **noise, "alpha": ALPHA, "n0": N0, **method.settings()}
        )

    def missing_certificates(self, places: Places, method: Fixed | Sequential, count: int) -> np.ndarray:
        """Positions among the first `count` test images of those without a certificate.

        Raises:
            InputError: the log is damaged.
        """
        log = self.log(places, method)
        done = log.done() if log.path.exists() else np.empty(0, np.int64)
        return np.flatnonzero(~np.isin(test_order()[:count], done))

    def missing_predictions(self, places: Places) -> int:
        """(image, condition) pairs without a record.

        A network that was attacked through CROSS_ENTROPY_FGSM and whose weights are not here is not trained anew for
        the attack that has taken its place: what that would say of it is not measured.

        Raises:
            InputError: a records file is damaged.
        """
        attacks = self.work.attacks
        if attacks is None:
            return 0
        records, order = self.records(places).load(), test_order()[: attacks.images]
        wanted = conditions(attacks, self.sigma)
        if (records["attack"] == CROSS_ENTROPY_FGSM).any() and not places.trial(self.trial).is_complete:
            wanted = tuple(asked for asked in wanted if asked.attack is None or asked.attack.name != FGSM)
        return sum(len(missing_images(records, condition, order)) for condition in wanted)

    def is_evaluated(self, places: Places) -> bool:
        """Whether certificates and records are complete.

        Raises:
            InputError: a log or records file is damaged.
        """
        records = self.records(places)
        finished = self.work.attacks is None or (records.path.exists() and not records.partial.exists())
        certified = (self.missing_certificates(places, *one) for one in self.work.certifications)
        return finished and not any(map(len, certified)) and self.missing_predictions(places) == 0

    def is_done(self, places: Places, listed: Collection[str]) -> bool:
        """Whether nothing is missing; `listed` are the keys in the protocol's table of trials.

        Raises:
            InputError: a log or records file is damaged.
        """
        return self.trial.key in listed and self.is_evaluated(places)


def _label(method: Fixed | Sequential) -> str:
    """Part of a file's name."""
    if isinstance(method, Fixed):
        return f"fixed-{method.n}"
    return f"sequential-{'-'.join(f'{radius:g}' for radius in method.radii)}-{method.cap}"


def corrected_jobs(
    profile_name: str,
    seeds: Iterable[int],
    precision: Precision,
    esrgan: str | None,
    variants: Collection[Variant] | None = None,
    recipes: Collection[str] | None = None,
    sigmas: Collection[float] | None = None,
) -> list[CorrectedJob]:
    """The trials of a run in the order of the profile.

    Args:
        profile_name: whose.
        seeds, precision, esrgan: of the trials.
        variants, recipes, sigmas: only these; None for all that the profile has.
    """
    profile = next(profile for profile in PROFILES if profile.profile.name == profile_name)
    found = []
    for seed in seeds:
        for work in profile.work:
            trial = corrected_trial(work.training, profile.profile.width_scale, seed, precision, esrgan)
            wanted = (
                (variants is None or work.training.variant in variants)
                and (recipes is None or trial.recipe in recipes)
                and (sigmas is None or work.training.recipe.sigma in sigmas)
            )
            if wanted:
                found.append(CorrectedJob(profile, work, trial))
    return found
