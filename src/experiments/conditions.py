"""Which classifier sees which images, and how a record says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd

COLUMNS = {
    "trial": "str",
    "classifier": "str",
    "sigma": "float64",
    "n": "int64",
    "attack": "str",
    "attacked_output": "str",
    "epsilon": "float64",
    "image": "int64",
    "label": "int64",
    "prediction": "int64",
    "loss": "float64",
}
"""Of a record, with pandas types. sigma and epsilon are in [0, 1], n is the number of votes; 0 where there is none."""

CONDITION = ("classifier", "sigma", "n", "attack", "attacked_output", "epsilon")
KEY = ("trial", *CONDITION, "image")

CROSS_ENTROPY = "logits"
"""The `attacked_output` of rows made before FGSM climbed the log-odds: it took the gradient of a float32 cross-entropy,
which rounds to nothing on a confident network. They stay in their files and are in no table."""


@dataclass(frozen=True)
class Attack:
    """Foolbox's FGSM on the network.

    Attributes:
        epsilon: its l-infinity budget, in [0, 1].
        output: "log-odds" for the attack that climbs those of the logits; "softmax" where Foolbox is given the softmax
            for logits, as by the paper's author.
    """

    epsilon: float
    output: Literal["softmax", "log-odds"]


@dataclass(frozen=True)
class Smoothing:
    """The smoothed classifier's sigma in [0, 1] and its number of votes."""

    sigma: float
    n: int


@dataclass(frozen=True)
class Condition:
    """Which classifier sees which images.

    Attributes:
        attack: on the network; None for clean images.
        smoothing: of the classifier that is scored; None for the network itself.
    """

    attack: Attack | None = None
    smoothing: Smoothing | None = None

    @property
    def perturbation(self) -> Attack | None:
        """What is done to the images."""
        return self.attack

    def columns(self) -> dict[str, str | float | int]:
        """What a record says of the condition."""
        return {
            "classifier": "rs" if self.smoothing else "cnn",
            "sigma": round9(self.smoothing.sigma) if self.smoothing else 0.0,
            "n": self.smoothing.n if self.smoothing else 0,
            "attack": "fgsm" if self.attack else "none",
            "attacked_output": self.attack.output if self.attack else "none",
            "epsilon": round9(self.attack.epsilon) if self.attack else 0.0,
        }


def round9(value: float) -> float:
    """A number as it comes back from a records file, so that keys compare exactly."""
    return float(f"{value:.9g}")


class HasColumns(Protocol):
    """A condition of any study."""

    def columns(self) -> dict[str, str | float | int]: ...


def current(records: pd.DataFrame) -> pd.DataFrame:
    """The records without those of CROSS_ENTROPY."""
    return records[records["attacked_output"] != CROSS_ENTROPY]


def select(records: pd.DataFrame, condition: HasColumns) -> pd.DataFrame:
    """The records of one condition."""
    chosen = np.ones(len(records), bool)
    for name, value in condition.columns().items():
        chosen &= (records[name] == value).to_numpy()
    return records[chosen]


def missing_images(records: pd.DataFrame, condition: HasColumns, indices: np.ndarray) -> np.ndarray:
    """Positions in `indices` of the images that have no record in this condition."""
    return np.flatnonzero(~np.isin(indices, select(records, condition)["image"].to_numpy()))
