"""Noise and copies of a batch: who gets which noise, how strong it is, and where it is added.

All keys are fixed, so a test that passes keeps passing; a false alarm could only strike when a key or the generator
changes. Each statistical assertion has a rate below 1e-6.
"""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from src.training.losses import loss_of
from src.training.noise import apart, copies, noise_like
from src.training.recipes import MACER, Consistency, Gaussian, Recipe, SmoothAdv, Stability

KEY = tf.constant([2**62 + 5, -3], tf.int64)
RATE = 1e-6


def images_of(batch: int, side: int = 5, channels: int = 1) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).random((batch, side, side, channels)), tf.float32)


@given(batch=st.integers(1, 5), m=st.integers(1, 4), side=st.integers(1, 3), channels=st.sampled_from([1, 3]))
@settings(max_examples=25, deadline=None)
def test_copies_without_noise_are_the_images_in_their_order(batch: int, m: int, side: int, channels: int) -> None:
    images = images_of(batch, side, channels)
    noisy = copies(images, m) + noise_like(images, m, 0.0, KEY)
    assert noisy.dtype == tf.float32
    np.testing.assert_array_equal(noisy, np.concatenate([images] * m))
    labels = tf.range(batch, dtype=tf.int64)
    np.testing.assert_array_equal(copies(labels, m), np.concatenate([labels] * m))
    # Of logits that tell the image, and of such that tell the copy.
    logits = tf.stack([copies(labels, m), tf.repeat(tf.range(m, dtype=tf.int64), batch)], axis=1)
    separated = apart(logits, m).numpy()
    assert separated.shape == (m, batch, 2)
    np.testing.assert_array_equal(separated[:, :, 0], np.tile(np.arange(batch), (m, 1)))
    np.testing.assert_array_equal(separated[:, :, 1], np.tile(np.arange(m)[:, None], (1, batch)))


def test_the_noise_is_gaussian_of_standard_deviation_sigma() -> None:
    sigma, images = 0.25, images_of(64, 28)
    noise = noise_like(images, 3, sigma, KEY).numpy().astype(np.float64)
    assert noise.shape == (3 * 64, 28, 28, 1)
    low, high = stats.chi2.ppf([RATE / 2, 1 - RATE / 2], noise.size)
    assert low <= (noise**2).sum() / sigma**2 <= high
    assert abs(noise.mean()) * np.sqrt(noise.size) / sigma < stats.norm.isf(RATE / 2)
    assert stats.kstest(noise.ravel() / sigma, "norm").pvalue > RATE


def test_noise_of_copies_of_images_and_of_keys_is_independent() -> None:
    images = images_of(3, 64)
    both = [noise_like(images, 4, 1.0, key).numpy().reshape(12, -1) for key in (KEY, KEY + 1)]
    draws = np.concatenate(both).astype(np.float64)
    # Of two independent normal samples, correlation * sqrt(n) is standard normal; so is that of their squares.
    pairs = list(itertools.combinations(range(len(draws)), 2))
    limit = stats.norm.isf(RATE / 4 / len(pairs))
    for transform in (lambda x: x, np.square):
        correlations = np.corrcoef(transform(draws)) * np.sqrt(draws.shape[1])
        assert max(abs(correlations[pair]) for pair in pairs) < limit


def test_the_noise_depends_on_the_key_alone_and_scales_with_sigma() -> None:
    images = images_of(7)
    first = noise_like(images, 2, 0.5, KEY).numpy()
    np.testing.assert_array_equal(noise_like(1 - images, 2, 0.5, KEY), first)
    np.testing.assert_allclose(noise_like(images, 2, 1.0, KEY), 2 * first, rtol=1e-6)
    compiled = tf.function(lambda x: noise_like(x, 2, 0.5, KEY), input_signature=[tf.TensorSpec([None, 5, 5, 1])])
    np.testing.assert_allclose(compiled(images), first, rtol=1e-5, atol=1e-6)


class Probe(keras.layers.Layer):
    """Keeps what passes through it, and whether in training."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []
        self.training: list[bool] = []

    def call(self, values: Any, training: bool = False) -> Any:
        if tf.executing_eagerly() and isinstance(values, tf.Tensor):
            self.seen.append(values.numpy())
            self.training.append(training)
        return values


def probed() -> tuple[keras.Model, Probe, Probe]:
    """A network that normalizes its images, with a probe before and one after."""
    before, after = Probe(), Probe()
    normalization = keras.layers.Normalization(mean=0.13, variance=0.31**2)
    rest = [keras.layers.Flatten(), keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(1))]
    model = keras.Sequential([keras.Input((8, 8, 1)), before, normalization, after, *rest])
    before.seen.clear()
    after.seen.clear()
    before.training.clear()
    return model, before, after


RECIPES = [Gaussian(0.5), Stability(0.5), Consistency(0.5, m=3), SmoothAdv(0.5, steps=3), MACER(0.5, k=4)]
COPIES = {Gaussian: 1, Stability: 1, Consistency: 3, SmoothAdv: 2, MACER: 4}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_noise_of_sigma_is_added_to_the_images_before_normalization_and_not_clipped(recipe: Recipe) -> None:
    model, before, after = probed()
    images, m = images_of(32, 8), COPIES[type(recipe)]
    loss_of(recipe)(model, images, tf.zeros([32], tf.int64), KEY)
    attacks = recipe.steps if isinstance(recipe, SmoothAdv) else 0
    assert before.training == [False] * attacks + [True], "dropout is off inside the attack alone"
    seen = before.seen[0]
    if isinstance(recipe, Stability):
        np.testing.assert_array_equal(seen[:32], images)
        seen = seen[32:]
    clean = np.tile(images, (m, 1, 1, 1))
    np.testing.assert_allclose(seen, clean + noise_like(images, m, recipe.sigma, KEY), atol=1e-6)
    assert (seen < 0).mean() > 0.1 and (seen > 1).mean() > 0.1
    normalized = after.seen[0][-len(seen) :]
    strength = (normalized - (clean - 0.13) / 0.31).std()
    # Twenty standard errors of the smallest sample here.
    assert strength == pytest.approx(recipe.sigma / 0.31, rel=20 / np.sqrt(2 * 32 * 64))


def test_the_attack_and_the_loss_see_the_same_noise() -> None:
    model, before, _ = probed()
    images = images_of(32, 8)
    recipe = SmoothAdv(0.5, epsilon=0.7, steps=3, m=2)
    loss_of(recipe)(model, images, tf.zeros([32], tf.int64), KEY)
    assert len(before.seen) == 4
    noise = noise_like(images, 2, 0.5, KEY).numpy()
    for place, seen in enumerate(before.seen):
        moved = (seen - noise).reshape(2, 32, 8, 8, 1)
        # What is left beside the noise is one image, the same for both copies.
        np.testing.assert_allclose(moved[0], moved[1], atol=1e-6)
        distance = np.sqrt(((moved[0] - images.numpy()) ** 2).sum((1, 2, 3)))
        assert (distance < 1e-5).all() if place == 0 else (distance > 0.3).all()
        assert (distance <= 0.7 + 1e-5).all()
