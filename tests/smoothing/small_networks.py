"""Small networks with fixed weights, and images for them, that the tests of smoothing share."""

from __future__ import annotations

import keras
import numpy as np

SHAPE, SIZE, CLASSES = (4, 4, 1), 16, 3
layers = keras.layers


def dense(classes: int = CLASSES, seed: int = 1, before: tuple[keras.layers.Layer, ...] = ()) -> keras.Model:
    """A small network of two layers with fixed random weights, large enough that noise changes the class."""
    network = keras.Sequential(
        [
            keras.Input(SHAPE),
            *before,
            layers.Flatten(),
            layers.Dense(12, "relu", kernel_initializer=keras.initializers.RandomNormal(0, 1, seed)),
            layers.Dense(classes, kernel_initializer=keras.initializers.RandomNormal(0, 1, seed + 100)),
        ]
    )
    return network


def linear(weights: np.ndarray, bias: float, shape: tuple[int, int, int] = SHAPE) -> keras.Model:
    """logits (w.x + b, 0)."""
    network = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(2)])
    network.layers[-1].set_weights([np.stack([weights, np.zeros_like(weights)], axis=1), np.array([bias, 0.0])])
    return network


def images_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *SHAPE), np.float32)
