"""Balls: nearest points, steepest directions of any magnitude, uniform random points."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from src.attacks.balls import Norm, lengths, project, random_points, steepest, sums_of_draws

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
@pytest.mark.parametrize("size", [50, 64, 196])
def test_no_bit_depends_on_a_row_s_place(norm: Norm, size: int) -> None:
    """71 rows are no whole number of a processor's vectors, nor are 66 = 64 + 2 normal numbers a point."""
    order = np.random.default_rng(0).permutation(71)
    values = np.random.default_rng(1).normal(size=(71, 33, size)).astype(np.float32)
    rows = values[:, 0]
    functions = [
        (lambda indices: random_points(3, indices, tf.zeros([71], tf.int64), size, norm), np.arange(71)),
        (lambda deltas: project(deltas, tf.constant(0.5), norm), rows),
        (lambda gradients: steepest(gradients, norm), rows),
        (sums_of_draws, values),
    ]
    for function, given in functions:
        compiled = tf.function(function)
        together = compiled(tf.constant(given)).numpy()
        np.testing.assert_array_equal(compiled(tf.constant(given[order])).numpy(), together[order])
