"""What a folder of protocol `corrected` holds, read back: its trials, each with its certificates and records."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from src.base import InputError
from src.certification.log import CertificationLog, Fixed, Sequential
from src.experiments.trial_table import load_trials
from src.smoothing.radius import round_down
from src.storage.records import Records
from src.studies.resolution.config import VARIANTS
from src.studies.resolution.corrected.conditions import COLUMNS, KEY, current
from src.studies.resolution.corrected.config import CORRECTED, PROFILES
from src.training.trial import Trial

IDENTITY = (
    "variant", "resized_by", "side", "recipe", "schedule", "train_images", "epochs", "seed", "precision", "sigma",
    "sigma_28",
)  # fmt: skip
"""Columns that say of which network a row is; the trial's key stands at the row's end."""

METHOD = ("method", "draws", "grid")
"""Columns that say how it was certified: draws are n or the cap, the grid is that of a sequential certification."""

MNIST_SIDE = 28
"""On the scale of 28x28 pixels an l2 distance in s x s is its 28/s: each pixel's width counts s/28 times there."""

SCHEDULES = {
    (schedule.train_images, schedule.epochs, schedule.warmup_epochs): schedule.name
    for profile in PROFILES
    for schedule in {work.training.schedule for work in profile.work}
}

RECIPES = ("gaussian", "stability", "consistency", "smoothadv", "macer")
"""In the order of tables and figures."""

DIGITS = 5
"""Of a radius in a table, rounded down."""


@dataclass(frozen=True)
class Log:
    """The certificates of one trial by one method.

    Attributes:
        settings: the log's sidecar (sigma, alpha, n0, method, ...).
        rows: as `CertificationLog.load` gives them, by ascending image.
    """

    settings: Mapping[str, Any]
    rows: pd.DataFrame

    @property
    def is_fixed(self) -> bool:
        return bool(self.settings["method"] == Fixed.name)

    @property
    def draws(self) -> int:
        """For each image: n, or the cap."""
        return int(self.settings["n" if self.is_fixed else "cap"])

    @property
    def grid(self) -> tuple[float, ...]:
        """The radii that were tested; none with a fixed number of draws."""
        return () if self.is_fixed else tuple(self.settings["radii"])

    @property
    def largest_radius(self) -> float:
        """The largest that a certificate can have, all draws being hits; 0 where there is none."""
        method = Fixed(self.draws) if self.is_fixed else Sequential(self.grid, self.draws)
        return max(0.0, method.largest_radius(self.settings["alpha"], self.settings["sigma"]))

    def columns(self) -> dict[str, str | int]:
        """What a table says of the method."""
        grid = " ".join(f"{radius:g}" for radius in self.grid)
        return {"method": self.settings["method"], "draws": self.draws, "grid": grid}

    def on(self, images: pd.Index | pd.Series) -> pd.DataFrame:
        """The rows of these images."""
        return self.rows[self.rows["idx"].isin(images)]


@dataclass(frozen=True)
class Measured:
    """A trial and what was measured of it.

    Attributes:
        trial: the network.
        logs: its certificates, of at least one image each; fixed numbers of draws first.
        records: its predictions, with the columns of `conditions.COLUMNS`.
    """

    trial: Trial
    logs: tuple[Log, ...]
    records: pd.DataFrame

    @property
    def side(self) -> int:
        return int(self.trial.training["side"])

    @property
    def sigma(self) -> float:
        """Of the training noise and of the smoothed classifier, in [0, 1]."""
        return float(self.trial.training["recipe"]["sigma"])

    @property
    def schedule(self) -> str:
        """The name of how long it was trained, or "other"."""
        settings = self.trial.training
        key = (settings["train_images"], settings["epochs"], settings.get("warmup_epochs", 0))
        return SCHEDULES.get(key, "other")

    @property
    def effort(self) -> int:
        """Images that the network saw in its training."""
        return int(self.trial.training["train_images"] * self.trial.training["epochs"])

    def to_28(self, distance: float) -> float:
        """An l2 distance between this trial's images, in the unit of 28x28 ones."""
        return distance * MNIST_SIDE / self.side

    def identity(self) -> dict[str, str | int | float]:
        """The columns of IDENTITY."""
        trial, training = self.trial, self.trial.training
        return {
            "variant": trial.variant,
            "resized_by": training["resized_by"],
            "side": self.side,
            "recipe": trial.recipe,
            "schedule": self.schedule,
            **{name: training[name] for name in ("train_images", "epochs")},
            "seed": trial.seed,
            "precision": trial.precision,
            "sigma": self.sigma,
            "sigma_28": self.to_28(self.sigma),
        }


def load_measurements(folder: Path) -> list[Measured]:
    """All trials of a folder, in the study's order; none where there is no trials.csv.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged, or a trial is not of this protocol.
    """
    trials = [trial for trial, _ in load_trials(folder / "trials.csv").values()]
    variants, found = [variant.name for variant in VARIANTS], []
    for trial in trials:
        if trial.protocol != CORRECTED or trial.variant not in variants or trial.recipe not in RECIPES:
            raise InputError(
                f"{folder / 'trials.csv'} lists {trial.key}, which this version does not know under protocol "
                f"{CORRECTED}. Name another --results, or take the version that wrote it."
            )
        records = current(Records(folder / "records" / f"{trial.key}.csv.gz", COLUMNS, KEY).load())
        found.append(Measured(trial, tuple(_logs(folder / "certificates", trial)), records))

    def place(one: Measured) -> tuple[Any, ...]:
        trial = one.trial
        recipe = RECIPES.index(trial.recipe)
        # The longest training first.
        return variants.index(trial.variant), -one.effort, one.sigma, recipe, trial.seed, trial.precision, trial.key

    return sorted(found, key=place)


def _logs(folder: Path, trial: Trial) -> list[Log]:
    logs = []
    for path in folder.glob(f"{trial.key}-*.tsv"):
        sidecar = path.with_name(path.name + ".json")
        way_out = f"Delete {path} and {sidecar} and run again: only these certificates are made anew."
        try:
            settings = json.loads(sidecar.read_text(encoding="utf-8"))
            if settings["trial"] != trial.key:
                raise ValueError(f"it is of trial {settings['trial']}")
            log = Log(settings, CertificationLog(path, settings).load().sort_values("idx", ignore_index=True))
            _ = log.draws, log.largest_radius
        except InputError:
            raise
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{sidecar} does not describe its log ({error}). {way_out}") from error
        if len(log.rows):
            logs.append(log)
    return sorted(logs, key=lambda log: (not log.is_fixed, log.draws, log.grid))


def shown(radius: float) -> float:
    """A radius as tables have it: never more than it is."""
    return radius if math.isnan(radius) else float(round_down(radius, DIGITS))
