"""Which loss carries out which recipe."""

from __future__ import annotations

from typing import assert_never

from src.training.consistency import consistency
from src.training.macer import macer
from src.training.noise import gaussian
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv, Stability
from src.training.smoothadv import smoothadv
from src.training.stability import stability
from src.training.trainer import Loss


def loss_of(recipe: Recipe) -> Loss:
    """The loss that trains by `recipe`."""
    match recipe:
        case Gaussian():
            return gaussian(recipe)
        case Stability():
            return stability(recipe)
        case Consistency():
            return consistency(recipe)
        case SmoothAdv():
            return smoothadv(recipe)
        case MACER():
            return macer(recipe)
    assert_never(recipe)
