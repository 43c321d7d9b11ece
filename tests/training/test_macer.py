"""The hinge of MACER, up to probabilities that float32 can't tell from 0 and 1."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, softmax

from src.training.macer import macer, margin_hinge
from src.training.recipes import MACER

BETA, GAMMA = 16.0, 8.0


def hinge_and_gradient(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(values)
        hinge = margin_hinge(values, tf.constant(labels, tf.int64), BETA, GAMMA)
    return hinge.numpy(), tape.gradient(hinge, values).numpy()


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("k", [1, 4, 16])
def test_the_hinge_is_the_papers_without_a_guard(scale: float, k: int) -> None:
    # The guard only drops margins above gamma: Phi^-1(1 - 1e-6) - Phi^-1(1e-6) is 9.5.
    generator = np.random.default_rng(0)
    logits = scale * (generator.normal(size=(64, 5)) + generator.normal(size=(k, 64, 5)) / 2)
    labels = generator.integers(0, 5, 64)
    labels[:32] = logits.mean(0).argmax(-1)[:32]
    mean = softmax(BETA * logits, axis=-1).mean(0)
    ordered = np.sort(mean, axis=-1)
    with np.errstate(invalid="ignore"):
        margin = ndtri(np.minimum(ordered[:, -1], 1.0)) - ndtri(ordered[:, -2])
    expected = np.where((mean.argmax(-1) == labels) & (margin < GAMMA), GAMMA - margin, 0.0)
    hinge, gradient = hinge_and_gradient(logits, labels)
    # Of two equal classes either may count as the first.
    clear = ordered[:, -1] - ordered[:, -2] > 1e-6
    assert clear.mean() > 0.7
    # Near 1, float32 knows 1 - p to 6e-8 only, which Phi^-1 magnifies.
    np.testing.assert_allclose(hinge[clear], expected[clear], atol=0.02)
    assert np.isfinite(gradient).all()
    if scale < 10:
        assert (hinge > 0).sum() > 10
    wrong = clear & (mean.argmax(-1) != labels)
    assert wrong.any() and (hinge[wrong] == 0).all()


@pytest.mark.parametrize("margin", [0.1, 1.0, 4.0, 7.5])
def test_two_classes_have_twice_the_quantile_as_their_margin(margin: float) -> None:
    probability = ndtr(margin / 2)
    logit = np.log(probability / (1 - probability)) / BETA
    hinge, gradient = hinge_and_gradient(np.array([[[logit, 0.0]]]), np.array([0]))
    assert hinge[0] == pytest.approx(GAMMA - margin, abs=2e-3)
    assert gradient[0, 0, 0] < 0 < gradient[0, 0, 1], "to descend is to widen the margin"


@pytest.mark.parametrize("margin", [8.05, 9.0, 12.0])
def test_beyond_gamma_and_for_a_wrong_class_there_is_nothing_to_gain(margin: float) -> None:
    logit = np.log(ndtr(margin / 2) / ndtr(-margin / 2)) / BETA
    for label, logits in ((0, [logit, 0.0]), (1, [0.05, 0.0])):
        hinge, gradient = hinge_and_gradient(np.array([[logits]]), np.array([label]))
        assert hinge[0] == 0 and (gradient == 0).all()


@given(st.integers(0, 2**32), st.floats(-2, 5), st.integers(1, 4), st.integers(2, 6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_hinge_and_gradient_are_finite_at_any_logits(
    seed: int, magnitude: float, k: int, classes: int, tied: bool
) -> None:
    generator = np.random.default_rng(seed)
    logits = 10**magnitude * generator.normal(size=(k, 8, classes))
    logits = np.sign(logits) * 10**magnitude if tied else logits
    hinge, gradient = hinge_and_gradient(logits, generator.integers(0, classes, 8))
    assert np.isfinite(hinge).all() and np.isfinite(gradient).all()
    assert (hinge >= 0).all() and (hinge <= GAMMA).all()


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e3, 1e6])
def test_loss_and_gradient_are_finite_when_the_network_saturates(scale: float) -> None:
    generator = np.random.default_rng(1)
    dense = keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), dense])
    dense.set_weights([scale * generator.normal(size=(16, 3)).astype(np.float32), np.zeros(3, np.float32)])
    images, labels = tf.constant(generator.random((32, 4, 4, 1)), tf.float32), tf.range(32, dtype=tf.int64) % 3
    with tf.GradientTape() as tape:
        value, _ = macer(MACER(0.5, k=4))(model, images, labels, tf.constant([1, 2], tf.int64))
    assert np.isfinite(float(value))
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(value, model.trainable_variables))
