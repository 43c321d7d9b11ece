"""The attack inside SmoothAdv, on networks whose gradient is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from src.training.noise import noise_like
from src.training.recipes import SmoothAdv
from src.training.smoothadv import ascend, smoothadv

KEY = tf.constant([4, 9], tf.int64)
SHAPE = (3, 3, 1)


def linear(weights: np.ndarray) -> keras.Model:
    """Logits are images times (9, classes) weights."""
    dense = keras.layers.Dense(weights.shape[1], use_bias=False)
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), dense])
    dense.set_weights([weights.astype(np.float32)])
    return model


def attack(model: keras.Model, images: np.ndarray, labels: np.ndarray, recipe: SmoothAdv) -> np.ndarray:
    """(batch, 9) attacked images."""
    values = tf.constant(images.reshape(-1, *SHAPE), tf.float32)
    noise = noise_like(values, recipe.m, recipe.sigma, KEY)
    return ascend(model, values, tf.constant(labels), noise, recipe).numpy().reshape(-1, 9)


def noise_of(batch: int, recipe: SmoothAdv) -> np.ndarray:
    """(m, batch, 9) float64: what `attack` adds."""
    noise = noise_like(tf.zeros([batch, *SHAPE]), recipe.m, recipe.sigma, KEY).numpy()
    return noise.astype(np.float64).reshape(recipe.m, batch, 9)


def smoothed_error(weights: np.ndarray, images: np.ndarray, labels: np.ndarray, recipe: SmoothAdv) -> np.ndarray:
    """(batch,): -log of the softmax averaged over the noise that `attack` adds."""
    likelihoods = softmax((images + noise_of(len(images), recipe)) @ weights, axis=-1).mean(0)
    return -np.log(likelihoods[np.arange(len(images)), labels])


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.01, 1.0, 8.0])
def test_two_classes_of_a_linear_network_are_attacked_along_their_normal_to_the_full_budget(
    steps: int, scale: float
) -> None:
    generator = np.random.default_rng(1)
    normal = generator.normal(size=9)
    images, labels = generator.uniform(0.4, 0.6, (6, 9)), np.array([0, 1, 1, 0, 0, 1])
    recipe = SmoothAdv(0.1, epsilon=0.3, steps=steps, m=3)
    attacked = attack(linear(scale * np.stack([normal, -normal], axis=1)), images, labels, recipe)
    away = np.where(labels == 0, -1, 1)[:, None] * normal / np.linalg.norm(normal)
    np.testing.assert_allclose(attacked, images + recipe.epsilon * away, atol=2e-5)


def pgd(weights: np.ndarray, images: np.ndarray, labels: np.ndarray, recipe: SmoothAdv) -> np.ndarray:
    """Algorithm 1 of the paper where nothing is clipped to [0, 1]: the gradient of a linear network in closed form."""
    noise, moved = noise_of(len(images), recipe), np.zeros_like(images)
    for _ in range(recipe.steps):
        likelihoods = softmax((images + moved + noise) @ weights, axis=-1)
        own = likelihoods[:, np.arange(len(images)), labels]
        pulls = weights.T[labels] - likelihoods @ weights.T
        gradient = -(own[..., None] * pulls).mean(0) / own.mean(0)[:, None]
        moved += 2 * recipe.epsilon / recipe.steps * gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        moved *= np.minimum(1, recipe.epsilon / np.linalg.norm(moved, axis=1, keepdims=True))
    return images + moved


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("m", [1, 4])
def test_the_path_is_projected_ascent_on_the_mean_softmax_with_steps_of_twice_the_budget_over_their_number(
    steps: int, m: int
) -> None:
    # With four classes and strong noise the direction turns, so the path depends on the length of each step.
    generator = np.random.default_rng(2)
    weights = 2 * generator.normal(size=(9, 4))
    images, labels = generator.uniform(0.45, 0.55, (8, 9)), np.arange(8) % 4
    # So small that no step leaves [0, 1], not even before it is drawn back to the ball.
    recipe = SmoothAdv(0.5, epsilon=0.2, steps=steps, m=m)
    expected = pgd(weights, images, labels, recipe)
    assert expected.min() > 0 and expected.max() < 1
    np.testing.assert_allclose(attack(linear(weights), images, labels, recipe), expected, atol=1e-4)


@given(
    seed=st.integers(0, 2**32), epsilon=st.floats(0.01, 5.0), steps=st.integers(1, 4), m=st.integers(1, 3),
    corners=st.booleans(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_the_attack_stays_in_the_ball_and_in_the_box_and_raises_the_error(
    seed: int, epsilon: float, steps: int, m: int, corners: bool
) -> None:
    generator = np.random.default_rng(seed)
    normal = generator.normal(size=9)
    weights = np.stack([normal, -normal], axis=1)
    images = generator.random((4, 9)).astype(np.float32)
    images = images.round() if corners else images
    labels, recipe = generator.integers(0, 2, 4), SmoothAdv(0.5, epsilon, steps, m)
    attacked = attack(linear(weights), images, labels, recipe)
    assert attacked.min() >= 0 and attacked.max() <= 1
    assert np.linalg.norm(attacked - images.astype(float), axis=1).max() <= epsilon * (1 + 1e-5) + 1e-6
    raised = smoothed_error(weights, attacked, labels, recipe) - smoothed_error(weights, images, labels, recipe)
    # For two classes of a linear network each pixel moves uphill or, at the box, not at all.
    assert (raised >= -1e-6).all()
    moves = np.linalg.norm(attacked - images, axis=1) > 1e-3
    assert (raised[moves] > 0).all() and (moves.all() or corners)


def test_a_network_without_gradient_leaves_the_images_as_they_are() -> None:
    images = np.random.default_rng(3).random((2, 9)).astype(np.float32)
    attacked = attack(linear(np.zeros((9, 3))), images, np.array([0, 2]), SmoothAdv(0.25))
    np.testing.assert_allclose(attacked, images, atol=1e-7)


def test_each_image_is_attacked_as_it_would_be_alone() -> None:
    generator = np.random.default_rng(4)
    model, images = linear(3 * generator.normal(size=(9, 3))), generator.random((5, 9))
    labels, recipe = np.array([0, 1, 2, 0, 1]), SmoothAdv(0.0, epsilon=0.5)
    together = attack(model, images, labels, recipe)
    alone = [attack(model, images[[i]], labels[[i]], recipe)[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_loss_is_above_that_of_the_same_noise_without_attack() -> None:
    generator = np.random.default_rng(5)
    model, images = linear(generator.normal(size=(9, 3))), tf.constant(generator.random((16, *SHAPE)), tf.float32)
    labels = tf.constant(np.arange(16) % 3)
    attacked, unmoved = (
        float(smoothadv(SmoothAdv(0.25, epsilon))(model, images, labels, KEY)[0]) for epsilon in (1.0, 0.0)
    )
    assert attacked > unmoved + 0.1


def test_no_derivative_goes_through_the_attack() -> None:
    model = linear(np.random.default_rng(6).normal(size=(9, 3)))
    images = tf.constant(np.random.default_rng(7).random((4, *SHAPE)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        value, _ = smoothadv(SmoothAdv(0.25))(model, images, tf.constant([0, 1, 2, 0], tf.int64), KEY)
    assert tape.gradient(value, images) is None


def test_dropout_does_not_disturb_the_attack() -> None:
    generator = np.random.default_rng(8)
    weights, images = generator.normal(size=(9, 3)), generator.random((4, 9))
    labels, recipe = np.array([0, 1, 2, 0]), SmoothAdv(0.25)
    plain = linear(weights)
    dropping = keras.Sequential([keras.Input(SHAPE), keras.layers.Dropout(0.5, seed=1), plain])
    np.testing.assert_array_equal(attack(dropping, images, labels, recipe), attack(plain, images, labels, recipe))
