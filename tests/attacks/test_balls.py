"""Balls: nearest points, steepest directions of any magnitude, uniform random points."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from src.attacks.balls import Norm, lengths, project, random_points, steepest

NORMS: tuple[Norm, ...] = ("linf", "l2")


def points(norm: Norm, count: int, size: int) -> np.ndarray:
    compiled = tf.function(random_points)  # eagerly it takes a second
    return compiled(3, tf.range(count, dtype=tf.int64), tf.zeros([count], tf.int64), size, norm).numpy()


def test_lengths() -> None:
    deltas = np.array([[[3.0], [-4.0]], [[0.0], [0.0]]])
    np.testing.assert_array_equal(lengths(deltas, "l2"), [5, 0])
    np.testing.assert_array_equal(lengths(deltas, "linf"), [4, 0])
    assert lengths(np.zeros((0, 2, 2, 1)), "linf").shape == (0,)


def test_projection() -> None:
    deltas = tf.constant([[3.0, -4.0], [0.3, 0.4], [0.0, 0.0]])
    np.testing.assert_allclose(project(deltas, tf.constant(1.0), "l2"), [[0.6, -0.8], [0.3, 0.4], [0, 0]], atol=1e-7)
    np.testing.assert_allclose(project(deltas, tf.constant(1.0), "linf"), [[1, -1], [0.3, 0.4], [0, 0]], atol=1e-7)


@pytest.mark.parametrize("magnitude", [1e-37, 1e-20, 1.0, 1e20, 1e37])
def test_the_steepest_direction_has_length_one_whatever_the_gradient(magnitude: float) -> None:
    gradients = tf.constant([[3 * magnitude, -4 * magnitude], [0.0, 0.0]], tf.float32)
    np.testing.assert_allclose(steepest(gradients, "l2"), [[0.6, -0.8], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(steepest(gradients, "linf"), [[1, -1], [0, 0]])


@pytest.mark.parametrize("size", [1, 3, 20])
def test_random_points_of_the_l2_ball_are_uniform(size: int) -> None:
    # Length^size is uniform, and so is each coordinate's sign. Rates 1e-6 each.
    found = points("l2", 3000, size)
    assert stats.kstest(lengths(found, "l2") ** size, "uniform").pvalue > 1e-6
    for coordinate in found.T[:3]:
        assert stats.binomtest(int((coordinate > 0).sum()), 3000).pvalue > 1e-6


def test_random_points_of_the_linf_ball_are_uniform() -> None:
    # Each coordinate: rate 4 x 1e-6.
    for coordinate in points("linf", 3000, 4).T:
        assert stats.kstest(coordinate, stats.uniform(-1, 2).cdf).pvalue > 1e-6


@pytest.mark.parametrize("norm", NORMS)
def test_a_random_point_does_not_depend_on_its_company(norm: Norm) -> None:
    together = points(norm, 37, 7)
    alone = tf.function(random_points)(3, tf.constant([36], tf.int64), tf.constant([0], tf.int64), 7, norm).numpy()
    np.testing.assert_array_equal(alone[0], together[36])
