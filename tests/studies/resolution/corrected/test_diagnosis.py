"""Attacks that weaken as they get stronger are told; sound ones are not."""

from __future__ import annotations

import pandas as pd

from src.studies.resolution.corrected.conditions import Attack, Condition
from src.studies.resolution.corrected.diagnosis import signs_of_weakening


def records(attack: Attack, n: int, fooled: range) -> pd.DataFrame:
    """40 images, those in `fooled` misclassified."""
    predictions = [1 if image in fooled else 0 for image in range(40)]
    row = {"trial": "t", **Condition(attack, n).columns(), "image": range(40), "label": 0}
    return pd.DataFrame({**row, "prediction": predictions, "distance": 0.0})


def pgd(epsilon: float, steps: int = 20, m: int = 16) -> Attack:
    return Attack("smoothed-pgd", "l2", epsilon, steps, 1, m)


def test_a_larger_budget_that_loses_images_is_told() -> None:
    rows = pd.concat([records(pgd(0.5), 100, range(30)), records(pgd(1.0), 100, range(5))])
    (message,) = signs_of_weakening(rows)
    assert "smoothed-pgd (l2) on smoothed" in message and "epsilon grows from 0.5 to 1" in message


def test_more_draws_that_lose_images_are_told() -> None:
    rows = pd.concat([records(pgd(1.0, m=1), 100, range(30)), records(pgd(1.0, m=64), 100, range(5))])
    (message,) = signs_of_weakening(rows)
    assert "m grows from 1 to 64" in message


def test_sound_attacks_and_chance_are_not() -> None:
    stronger = [records(pgd(0.5), 100, range(10)), records(pgd(1.0), 100, range(30))]
    # Three images lost by chance.
    steps = [records(pgd(1.0, steps=40), 100, range(3, 30))]
    clean = records(pgd(0.5), 0, range(40)).assign(attack="none")
    assert list(signs_of_weakening(pd.concat([*stronger, *steps, clean]))) == []


def test_classifiers_are_not_compared_with_each_other() -> None:
    rows = pd.concat([records(pgd(0.5), 0, range(40)), records(pgd(1.0), 100, range(0))])
    assert list(signs_of_weakening(rows)) == []
