"""Each recipe's loss, its derivative and its logits against the papers' formulas in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, ndtri, softmax

from src.studies.resolution.corrected.config import recipes
from src.training.losses import loss_of
from src.training.noise import noise_like
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv, Stability
from src.training.smoothadv import ascend

BATCH, CLASSES = 24, 4
KEY = tf.constant([77, 12], tf.int64)
GENERATOR = np.random.default_rng(5)
IMAGES = tf.constant(GENERATOR.random((BATCH, 3, 3, 1)), tf.float32)
LABELS = GENERATOR.integers(0, CLASSES, BATCH)
Weights = list[np.ndarray]


def network(dropout: float = 0.0) -> keras.Model:
    """Smooth, so that its derivatives can be compared with differences."""
    start = [keras.initializers.RandomNormal(stddev=deviation, seed=seed) for seed, deviation in ((1, 1.0), (2, 0.8))]
    return keras.Sequential(
        [
            keras.Input((3, 3, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(6, "tanh", kernel_initializer=start[0]),
            keras.layers.Dropout(dropout, seed=3),
            keras.layers.Dense(CLASSES, kernel_initializer=start[1]),
        ]
    )


def logits_of(weights: Weights, images: np.ndarray) -> np.ndarray:
    """`network` in float64, for images with any leading axes."""
    hidden = np.tanh(images.reshape(*images.shape[:-3], 9) @ weights[0] + weights[1])
    return hidden @ weights[2] + weights[3]


# Half of them right, which a network before training seldom is.
LABELS[::2] = logits_of(network().get_weights(), IMAGES.numpy()).argmax(-1)[::2]


def draws(m: int, sigma: float) -> np.ndarray:
    """(m, batch, height, width, channels): the noise that the loss adds."""
    return noise_like(IMAGES, m, sigma, KEY).numpy().astype(np.float64).reshape(m, *IMAGES.shape)


def errors(logits: np.ndarray) -> np.ndarray:
    """Cross-entropy of logits (..., batch, classes)."""
    return -log_softmax(logits, axis=-1)[..., np.arange(BATCH), LABELS]


def gaussian_oracle(recipe: Gaussian, weights: Weights) -> tuple[float, np.ndarray]:
    logits = logits_of(weights, IMAGES.numpy() + draws(1, recipe.sigma)[0])
    return errors(logits).mean(), logits


def stability_oracle(recipe: Stability, weights: Weights) -> tuple[float, np.ndarray]:
    clean = logits_of(weights, IMAGES.numpy())
    noisy = logits_of(weights, IMAGES.numpy() + draws(1, recipe.sigma)[0])
    distance = -(softmax(clean, axis=-1) * log_softmax(noisy, axis=-1)).sum(-1)
    return (errors(clean) + recipe.weight * distance).mean(), noisy


def consistency_oracle(recipe: Consistency, weights: Weights) -> tuple[float, np.ndarray]:
    logits = logits_of(weights, IMAGES.numpy() + draws(recipe.m, recipe.sigma))
    likelihoods = softmax(logits, axis=-1)
    mean = likelihoods.mean(0)
    divergence = sum((mean * np.log(mean / each)).sum(-1) for each in likelihoods) / recipe.m
    entropy = -(mean * np.log(mean)).sum(-1)
    return errors(logits).mean() + (recipe.weight * divergence + recipe.entropy * entropy).mean(), logits[0]


def hinges(recipe: MACER, logits: np.ndarray) -> np.ndarray:
    """(batch,): gamma less the margin where the class is right and the margin below gamma."""
    ordered = softmax(recipe.beta * logits, axis=-1).mean(0)
    first, second = np.sort(ordered, axis=-1)[:, -1], np.sort(ordered, axis=-1)[:, -2]
    margin = ndtri(first) - ndtri(second)
    return np.where((ordered.argmax(-1) == LABELS) & (margin < recipe.gamma), recipe.gamma - margin, 0.0)


def macer_oracle(recipe: MACER, weights: Weights) -> tuple[float, np.ndarray]:
    logits = logits_of(weights, IMAGES.numpy() + draws(recipe.k, recipe.sigma))
    likelihood = softmax(logits, axis=-1).mean(0)[np.arange(BATCH), LABELS]
    hinge = recipe.sigma / 2 * hinges(recipe, logits)
    return (-np.log(likelihood) + recipe.weight * hinge).mean(), logits[0]


@cache
def attacked_images(recipe: SmoothAdv) -> np.ndarray:
    noise = noise_like(IMAGES, recipe.m, recipe.sigma, KEY)
    return ascend(network(), IMAGES, tf.constant(LABELS), noise, recipe).numpy()


def smoothadv_oracle(recipe: SmoothAdv, weights: Weights) -> tuple[float, np.ndarray]:
    """The attacked images are those of the network's own weights, whatever `weights` are: no derivative of them."""
    logits = logits_of(weights, attacked_images(recipe) + draws(recipe.m, recipe.sigma))
    return errors(logits).mean(), logits[0]


ORACLES: dict[type, Callable[[Any, Weights], tuple[float, np.ndarray]]] = {
    Gaussian: gaussian_oracle,
    Stability: stability_oracle,
    Consistency: consistency_oracle,
    SmoothAdv: smoothadv_oracle,
    MACER: macer_oracle,
}
UNUSUAL: list[Recipe] = [
    Gaussian(0.3),
    Stability(0.5, weight=3.0),
    Consistency(0.5, m=3, weight=4.0, entropy=0.7),
    SmoothAdv(0.3, epsilon=0.6, steps=3, m=3),
    MACER(0.4, k=5, weight=3.0, beta=2.0, gamma=1.1),
]
"""No two numbers are equal or one, so that none can be left out or taken for another."""

STUDIED = [recipe for sigma in (0.125, 1.0) for recipe in recipes(sigma)]


def name(recipe: Recipe) -> str:
    return f"{type(recipe).__name__} {recipe.sigma}"


@pytest.mark.parametrize("recipe", UNUSUAL + STUDIED, ids=name)
def test_the_loss_and_its_logits_are_the_papers(recipe: Recipe) -> None:
    model = network()
    value, logits = loss_of(recipe)(model, IMAGES, tf.constant(LABELS), KEY)
    expected, expected_logits = ORACLES[type(recipe)](recipe, [array.astype(float) for array in model.get_weights()])
    assert value.shape == () and value.dtype == tf.float32
    assert float(value) == pytest.approx(expected, rel=2e-4)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("recipe", UNUSUAL, ids=name)
def test_the_derivative_is_the_papers(recipe: Recipe) -> None:
    # Through the clean prediction of Stability and the mean of Consistency too, not through SmoothAdv's attack.
    model = network()
    with tf.GradientTape() as tape:
        value, _ = loss_of(recipe)(model, IMAGES, tf.constant(LABELS), KEY)
    gradients = tape.gradient(value, model.trainable_variables)
    weights = [array.astype(float) for array in model.get_weights()]
    generator = np.random.default_rng(8)
    for _ in range(3):
        direction = [generator.normal(size=array.shape) for array in weights]
        ends = [
            ORACLES[type(recipe)](recipe, [w + h * d for w, d in zip(weights, direction, strict=True)])[0]
            for h in (1e-5, -1e-5)
        ]
        derivative = sum(float((g.numpy() * d).sum()) for g, d in zip(gradients, direction, strict=True))
        assert derivative == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=2e-3, abs=1e-4)


def test_the_example_for_macer_has_right_and_wrong_classes_and_small_and_large_margins() -> None:
    recipe = UNUSUAL[-1]
    assert isinstance(recipe, MACER)
    weights = [array.astype(float) for array in network().get_weights()]
    logits = logits_of(weights, IMAGES.numpy() + draws(recipe.k, recipe.sigma))
    right = softmax(recipe.beta * logits, axis=-1).mean(0).argmax(-1) == LABELS
    hinge = hinges(recipe, logits)
    assert 3 <= right.sum() <= BATCH - 3
    assert (hinge > 0).sum() >= 3 and (right & (hinge == 0)).any()
    # Unlimited, a wrong class would be pushed further from the right one.
    assert (hinges(replace(recipe, gamma=100.0), logits) > 0).sum() == right.sum()


@pytest.mark.parametrize("recipe", UNUSUAL, ids=name)
def test_dropout_is_on_in_the_loss(recipe: Recipe) -> None:
    model = network(dropout=0.5)
    first, second = (float(loss_of(recipe)(model, IMAGES, tf.constant(LABELS), KEY)[0]) for _ in range(2))
    assert first != second


def test_the_study_uses_every_recipe_and_each_has_its_loss() -> None:
    for sigma in (0.125, 0.25, 0.5, 1.0):
        kinds = {type(recipe) for recipe in recipes(sigma)}
        assert kinds == set(get_args(Recipe)) == set(ORACLES)
        assert all(recipe.sigma == sigma and callable(loss_of(recipe)) for recipe in recipes(sigma))
