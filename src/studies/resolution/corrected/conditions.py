"""Which classifier sees which images in protocol `corrected`, and how a record says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from src.experiments.conditions import round9
from src.studies.resolution.corrected.config import ALPHA, FGSM_EPSILONS, L2_SHARES, Attacks

COLUMNS = {
    "trial": "str",
    "classifier": "str",
    "n": "int64",
    "alpha": "float64",
    "attack": "str",
    "norm": "str",
    "epsilon": "float64",
    "steps": "int64",
    "restarts": "int64",
    "m": "int64",
    "image": "int64",
    "label": "int64",
    "prediction": "int64",
    "distance": "float64",
}
"""Of a record, with pandas types. epsilon and distance (l2 of the perturbation; inf where DeepFool found none) are in
[0, 1] units; prediction is -1 where the smoothed classifier abstains; what does not apply is 0 or "none"."""

CONDITION = ("classifier", "n", "alpha", "attack", "norm", "epsilon", "steps", "restarts", "m")
KEY = ("trial", *CONDITION, "image")

FGSM: Literal["fgsm-log-odds"] = "fgsm-log-odds"

CROSS_ENTROPY_FGSM = "fgsm"
"""FGSM of rows made before it climbed the log-odds; see `src.experiments.conditions.CROSS_ENTROPY`."""

PGD_STEPS = 20


@dataclass(frozen=True)
class Attack:
    """An attack and its budget.

    Attributes:
        name: "smoothed-pgd" is PGD on the smoothed classifier; the others are Foolbox's, on the network, FGSM with the
            gradient of the log-odds against the label.
        norm: of the budget.
        epsilon: the budget, in [0, 1] units; 0 for DeepFool, which looks for the smallest.
        steps, restarts: of PGD.
        m: noise draws of PGD on the smoothed classifier.
    """

    name: Literal["fgsm-log-odds", "pgd", "deepfool", "smoothed-pgd"]
    norm: Literal["l2", "linf"]
    epsilon: float = 0.0
    steps: int = 0
    restarts: int = 0
    m: int = 0


@dataclass(frozen=True)
class Condition:
    """Which classifier sees which images.

    Attributes:
        attack: None for clean images.
        n: draws of the smoothed classifier's prediction (with abstention); 0 for the network itself.
    """

    attack: Attack | None
    n: int

    @property
    def perturbation(self) -> Attack | None:
        """What is done to the images."""
        return self.attack

    def columns(self) -> dict[str, str | float | int]:
        """What a record says of the condition."""
        attack = self.attack
        return {
            "classifier": "smoothed" if self.n else "network",
            "n": self.n,
            "alpha": ALPHA if self.n else 0.0,
            "attack": attack.name if attack else "none",
            "norm": attack.norm if attack else "none",
            "epsilon": round9(attack.epsilon) if attack else 0.0,
            "steps": attack.steps if attack else 0,
            "restarts": attack.restarts if attack else 0,
            "m": attack.m if attack else 0,
        }


def conditions(attacks: Attacks, sigma: float) -> tuple[Condition, ...]:
    """All that `attacks` asks of a network trained for `sigma`; those with one attack stand together."""
    attacked: list[Attack | None] = [None, *(Attack(FGSM, "linf", epsilon) for epsilon in FGSM_EPSILONS)]
    if attacks.thorough:
        attacked += _pgd(sigma)
    found = [Condition(attack, n) for attack in attacked for n in (0, attacks.n)]
    if attacks.thorough:
        found.append(Condition(Attack("deepfool", "l2"), 0))
        found += [Condition(attack, attacks.n) for attack in _on_smoothed(sigma)]
    if attacks.sweep:
        found += [Condition(attack, attacks.n) for attack in swept(sigma)]
    return tuple(dict.fromkeys(found))


def current(records: pd.DataFrame) -> pd.DataFrame:
    """The records without those of CROSS_ENTROPY_FGSM."""
    return records[records["attack"] != CROSS_ENTROPY_FGSM]


def _pgd(sigma: float) -> Iterator[Attack]:
    for epsilon in FGSM_EPSILONS[1::2]:
        yield Attack("pgd", "linf", epsilon, PGD_STEPS, 1)
    for share in L2_SHARES:
        yield Attack("pgd", "l2", share * sigma, PGD_STEPS, 1)


def _on_smoothed(sigma: float) -> Iterator[Attack]:
    for share in L2_SHARES:
        yield Attack("smoothed-pgd", "l2", share * sigma, PGD_STEPS, 1, 16)


def swept(sigma: float) -> tuple[Attack, ...]:
    """PGD on the smoothed classifier at the largest budget, with draws, steps and restarts varied one at a time."""
    middle = Attack("smoothed-pgd", "l2", L2_SHARES[-1] * sigma, PGD_STEPS, 1, 16)
    draws = [replace(middle, m=m) for m in (1, 4, 16, 64)]
    steps = [replace(middle, steps=steps) for steps in (5, 10, 20, 40)]
    restarts = [replace(middle, restarts=restarts) for restarts in (1, 2, 4)]
    return tuple(dict.fromkeys([*draws, *steps, *restarts]))
