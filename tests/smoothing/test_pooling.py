"""What resolution does to certificates in the case that can be solved: a network that first averages 2x2 pixels.

Averaging four independent draws at 2 sigma gives one at sigma. So at twice the side and 2 sigma the votes follow the
same law, and the certified l2 radius is twice as large. About 6 seconds; statistical tests state their rate.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from src.base import ABSTAIN
from src.smoothing import monte_carlo
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.noise import DRAW_BLOCK, Stream, noise_blocks
from src.smoothing.radius import certified_radius
from tests.smoothing.small_networks import linear

layers = keras.layers
SIDE, SIGMA = 28, 0.25


def cnn() -> keras.Model:
    """28x28, fixed weights, scaled so that noise of SIGMA moves its votes."""

    def random(seed: int) -> keras.Initializer:
        return keras.initializers.RandomNormal(0, 1, seed)

    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(3, 3, strides=2, activation="relu", kernel_initializer=random(3)),
            layers.Flatten(),
            layers.Dense(3, kernel_initializer=random(4)),
        ]
    )


def pooled(network: keras.Model) -> keras.Model:
    """The network on images of twice the side."""
    side = 2 * network.input_shape[1]
    return keras.Sequential([keras.Input((side, side, 1)), layers.AveragePooling2D(2), network])


def enlarged(images: np.ndarray) -> np.ndarray:
    """Each pixel four times; averaging gives back the same float."""
    return images.repeat(2, axis=1).repeat(2, axis=2)


def averaged(noise: np.ndarray, side: int) -> np.ndarray:
    """(..., 4 side side) -> (..., side side), the means of 2x2."""
    squares = noise.reshape(*noise.shape[:-1], side, 2, side, 2)
    return squares.mean(axis=(-3, -1)).reshape(*noise.shape[:-1], side * side)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Of 4x4 patches, so different that the network has several classes for them."""
    return np.random.default_rng(7).random((8, 4, 4, 1), np.float32).repeat(7, axis=1).repeat(7, axis=2)


class TestLinearNetwork:
    """logits (w.x + b, 0) on 4x4; all is analytic."""

    WEIGHTS = np.random.default_rng(3).normal(size=16).astype(np.float32)

    def test_the_distance_to_the_boundary_doubles_and_the_probability_stays(self) -> None:
        small = linear(self.WEIGHTS, 0.4, (4, 4, 1))
        large = pooled(small)
        # The rows of the identity give the weights of the large network, less its bias.
        effective = large(np.eye(64, dtype=np.float32).reshape(64, 8, 8, 1)).numpy()[:, 0] - np.float32(0.4)
        assert np.linalg.norm(effective) == pytest.approx(np.linalg.norm(self.WEIGHTS) / 2, rel=1e-5)
        image = np.random.default_rng(1).random((1, 4, 4, 1), np.float32)
        margins = [float(net(x)[0, 0]) for net, x in ((small, image), (large, enlarged(image)))]
        assert margins[0] == pytest.approx(margins[1], rel=1e-5)
        distances = [margins[0] / np.linalg.norm(self.WEIGHTS), margins[1] / np.linalg.norm(effective)]
        assert distances[1] == pytest.approx(2 * distances[0], rel=1e-5)
        probabilities = stats.norm.cdf(np.array(distances) / [SIGMA, 2 * SIGMA])
        assert probabilities[1] == pytest.approx(probabilities[0], rel=1e-5)

    def test_the_votes_at_twice_the_side_and_sigma_follow_the_small_network_s_law(self) -> None:
        # Two-sided at 1e-6: rate 2e-6. At the same sigma instead of twice, p would be 0.977 and not 0.841.
        weights, sigma, n = np.full(16, 0.25), 0.5, 20_000
        smoothed = SmoothedClassifier(pooled(linear(weights, 0.5, (4, 4, 1))), 2 * sigma, seed=4)
        count = smoothed.vote(np.zeros((1, 8, 8, 1), np.float32), n).counts[0, 0]
        low, high = stats.binom.ppf([1e-6, 1 - 1e-6], n, stats.norm.cdf(1))
        assert low <= count <= high

    def test_no_smaller_change_crosses_the_boundary_at_twice_the_side(self) -> None:
        """The worst change of the large image is that of the small one with each pixel four times: twice as long."""
        small = linear(self.WEIGHTS, 0.4, (4, 4, 1))
        image = np.random.default_rng(1).random((1, 4, 4, 1), np.float32)
        margin, length = float(small(image)[0, 0]), float(np.linalg.norm(self.WEIGHTS))
        step = (-margin / length**2 * self.WEIGHTS).reshape(1, 4, 4, 1)
        assert np.linalg.norm(enlarged(step)) == pytest.approx(2 * abs(margin) / length, rel=1e-5)
        for share, crossed in ((0.999, False), (1.001, True)):
            logit = float(pooled(small)(enlarged(image + np.float32(share) * step))[0, 0])
            assert (np.sign(logit) != np.sign(margin)) == crossed


class TestConvolutionalNetwork:
    def test_draw_by_draw_the_votes_are_the_same_and_radii_double(
        self, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The small network is fed twice the averages of the large one's noise: then nothing is left to chance."""
        small, n = cnn(), 300
        large = SmoothedClassifier(pooled(small), 2 * SIGMA, seed=1).certify(enlarged(images), n, 0.001)

        def averages(seed: tf.Tensor, stream: tf.Tensor, indices: tf.Tensor, blocks: tf.Tensor, size: int) -> tf.Tensor:
            noise = noise_blocks(seed, stream, indices, blocks, 4 * size)
            squares = tf.reshape(noise, [-1, DRAW_BLOCK, SIDE, 2, SIDE, 2])
            return 2 * tf.reshape(tf.reduce_mean(squares, axis=[3, 5]), [-1, DRAW_BLOCK, size])

        monkeypatch.setattr(monte_carlo, "noise_blocks", averages)
        found = SmoothedClassifier(small, SIGMA, seed=1).certify(images, n, 0.001)
        np.testing.assert_array_equal(large.prediction, found.prediction)
        np.testing.assert_array_equal(large.count, found.count)
        np.testing.assert_array_equal(large.radius, 2 * found.radius)
        assert len(set(found.prediction) - {ABSTAIN}) > 1
        assert found.radius.max() > 0
        assert found.count.min() < n

    def test_twice_the_averages_of_the_noise_are_standard_normal(self) -> None:
        # 4e5 averages by Kolmogorov and Smirnov at 1e-6, and 6 pairs of neighbours at 5 standard errors: rate 5e-6.
        key = [tf.constant(v, tf.int64) for v in (2, int(Stream.ESTIMATION), np.arange(10_000), np.zeros(10_000))]
        values = 2 * averaged(tf.function(noise_blocks)(*key, 16).numpy().reshape(-1, 16), 2)
        assert stats.kstest(values.ravel(), "norm").pvalue > 1e-6
        assert np.abs(np.corrcoef(values.T) - np.eye(4)).max() < 5 / np.sqrt(len(values))

    def test_with_noise_of_its_own_the_votes_follow_the_same_law(self, images: np.ndarray) -> None:
        # Counts of 8 images in 2 samples of 1000: chi-square, summed over the images, rate 1e-6.
        small, n = cnn(), 1000
        one = SmoothedClassifier(small, SIGMA, seed=1).vote(images, n).counts
        large = SmoothedClassifier(pooled(small), 2 * SIGMA, seed=2)
        statistic, freedom = difference(one, large.vote(enlarged(images), n).counts)
        assert statistic < stats.chi2.isf(1e-6, freedom)
        # The same sigma at both sides is another law, and the test sees it.
        statistic, freedom = difference(one, large.with_sigma(SIGMA).vote(enlarged(images), n).counts)
        assert statistic > 2 * stats.chi2.isf(1e-6, freedom)


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, int]:
    """Chi-square of two samples' equality and its degrees of freedom, over rows with two classes at least in use."""
    statistic, freedom = 0.0, 0
    for row in np.stack([one, other], axis=1):
        used = row[:, row.sum(axis=0) >= 20]
        if used.shape[1] > 1:
            result = stats.chi2_contingency(used, correction=False)
            statistic, freedom = statistic + result.statistic, freedom + result.dof
    assert freedom > 4
    return statistic, freedom


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_at_equal_counts_the_certified_radius_doubles_with_sigma(alpha: float) -> None:
    k = np.arange(1001)
    one, two = (np.asarray(certified_radius(k, 1000, alpha, sigma)) for sigma in (SIGMA, 2 * SIGMA))
    np.testing.assert_array_equal(two, np.where(one == ABSTAIN, ABSTAIN, 2 * one))
