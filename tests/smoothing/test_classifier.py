"""Votes: what they count, what they must not depend on, and that they follow the law where it is known.

Seeds are fixed and hypothesis is derandomized; the statistical tests state how often they would fail by chance were
their seeds drawn anew.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.noise import DRAW_BLOCK, Stream, noise_blocks
from tests.smoothing.small_networks import CLASSES, SHAPE, SIZE, dense, images_of, linear

layers = keras.layers


@pytest.fixture(scope="module")
def smoothed() -> SmoothedClassifier:
    return SmoothedClassifier(dense(), sigma=0.5, seed=3)


def assert_same(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> None:
    """Bit for bit."""
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


class TestCounts:
    @given(n=st.integers(1, 60), batch=st.integers(1, 7), seed=st.integers(0, 5))
    @settings(max_examples=40, derandomize=True, deadline=None)
    def test_sum_to_n_and_are_the_votes_of_the_keyed_draws(
        self, smoothed: SmoothedClassifier, n: int, batch: int, seed: int
    ) -> None:
        images, indices = images_of(batch, seed), 5 + 3 * np.arange(batch)
        votes = smoothed.vote(images, n, indices)
        assert votes.counts.shape == votes.probabilities.shape == (batch, CLASSES)
        assert votes.counts.dtype == np.int64
        assert (votes.counts >= 0).all()
        assert (votes.counts.sum(axis=1) == n).all()
        blocks = -(-n // DRAW_BLOCK)
        for image, index, counts, probabilities in zip(images, indices, *votes, strict=True):
            key = [
                tf.constant(v, tf.int64) for v in (3, int(Stream.ESTIMATION), np.full(blocks, index), np.arange(blocks))
            ]
            noise = noise_blocks(*key, SIZE).numpy().reshape(-1, *SHAPE)[:n]
            logits = forward(dense(), image + np.float32(0.5) * noise)
            np.testing.assert_array_equal(counts, np.bincount(logits.argmax(axis=1), minlength=CLASSES))
            np.testing.assert_allclose(probabilities, softmax(logits).mean(axis=0), atol=2e-6)

    @given(first=st.integers(1, 40), more=st.integers(1, 40))
    @settings(max_examples=25, derandomize=True, deadline=None)
    def test_more_votes_only_add_to_fewer(self, smoothed: SmoothedClassifier, first: int, more: int) -> None:
        images = images_of(3)
        added = smoothed.vote(images, first + more).counts - smoothed.vote(images, first).counts
        assert (added >= 0).all()
        assert (added.sum(axis=1) == more).all()

    @given(parts=st.lists(st.integers(1, 4), min_size=1, max_size=4), rest=st.integers(1, 25))
    @settings(max_examples=25, derandomize=True, deadline=None)
    def test_votes_of_consecutive_draws_add_up(self, smoothed: SmoothedClassifier, parts: list[int], rest: int) -> None:
        images, indices = images_of(4), np.array([9, 2, 70, 4])
        first, counts = 0, np.zeros((4, CLASSES), np.int64)
        for n in [DRAW_BLOCK * part for part in parts] + [rest]:
            counts += smoothed.vote(images, n, indices, first=first).counts
            first += n
        np.testing.assert_array_equal(counts, smoothed.vote(images, first, indices).counts)

    def test_a_network_that_ends_in_a_softmax_casts_the_same_votes(self, smoothed: SmoothedClassifier) -> None:
        ending = keras.Sequential([dense(), layers.Softmax()])
        votes = SmoothedClassifier(ending, 0.5, 3, outputs="probabilities").vote(images_of(5), 200)
        expected = smoothed.vote(images_of(5), 200)
        np.testing.assert_array_equal(votes.counts, expected.counts)
        np.testing.assert_allclose(votes.probabilities, expected.probabilities, atol=2e-6)

    def test_from_the_tenth_on_they_are_those_of_the_second_block(self, smoothed: SmoothedClassifier) -> None:
        images = images_of(4)
        added = smoothed.vote(images, 20).counts - smoothed.vote(images, 10).counts
        for index, image in enumerate(images):
            key = [tf.constant(v, tf.int64) for v in (3, int(Stream.ESTIMATION), [index], [1])]
            logits = forward(dense(), image + np.float32(0.5) * noise_blocks(*key, SIZE).numpy().reshape(-1, *SHAPE))
            np.testing.assert_array_equal(added[index], np.bincount(logits.argmax(axis=1), minlength=CLASSES))

    def test_the_prediction_is_the_lowest_class_with_most_votes(self) -> None:
        network = linear(np.zeros(SIZE), 0.0)  # logits (0, 0): a tie in each draw goes to the lowest class
        votes = SmoothedClassifier(network, 0.5).vote(images_of(2), 10)
        assert votes.counts.tolist() == [[10, 0], [10, 0]]
        assert votes._replace(counts=np.array([[1, 4, 4], [0, 2, 7], [3, 3, 3]])).prediction.tolist() == [1, 2, 0]


def forward(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """`dense()` in NumPy and float64."""
    hidden, last = network.layers[-2:]
    (w1, b1), (w2, b2) = hidden.get_weights(), last.get_weights()
    flat = images.reshape(len(images), -1).astype(np.float64)
    return np.maximum(flat @ w1 + b1, 0) @ w2 + b2


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module", params=["dense", "convolutional"])
def either(request: pytest.FixtureRequest) -> SmoothedClassifier:
    """Of dense layers alone, or with a convolution before them."""
    random = keras.initializers.RandomNormal(0, 1, 4)
    convolution = layers.Conv2D(5, 3, padding="same", activation="relu", kernel_initializer=random)
    return SmoothedClassifier(dense(before=(convolution,) if request.param == "convolutional" else ()), 0.5, 8)


class TestCleanPrediction:
    @pytest.mark.parametrize("batch", [1, 3, 60])
    def test_is_the_networks_own_answer(self, smoothed: SmoothedClassifier, batch: int) -> None:
        images = images_of(batch, seed=batch)
        expected = forward(dense(), images).argmax(axis=1)
        for classifier in (smoothed, smoothed.with_sigma(100.0)):
            found = classifier.clean_prediction(images, 7 + np.arange(batch))
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, expected)

    def test_compiles_nothing_and_leaves_sigma_as_it_is(self) -> None:
        classifier = SmoothedClassifier(dense(), sigma=0.5)
        images = images_of(4)
        before = classifier.vote(images, 20)
        classifier.clean_prediction(images)
        assert classifier.sigma == 0.5
        assert_same(classifier.vote(images, 20), before)
        assert classifier._sums._sums.experimental_get_tracing_count() == 1


class TestInvariance:
    N = 37

    @given(data=st.data())
    @settings(max_examples=25, derandomize=True, deadline=None)
    def test_neither_order_nor_company_changes_a_bit(self, either: SmoothedClassifier, data: st.DataObject) -> None:
        count = 9
        images, indices = images_of(count), 100 * np.arange(count) + 7
        together = either.vote(images, self.N, indices)
        order = np.array(data.draw(st.permutations(range(count))))
        cuts = sorted(data.draw(st.sets(st.integers(1, count - 1))))
        for part in np.split(order, cuts):
            votes = either.vote(images[part], self.N, indices[part])
            assert_same(votes, (together.counts[part], together.probabilities[part]))

    def test_nor_does_a_second_run_or_a_second_compilation(self, smoothed: SmoothedClassifier) -> None:
        votes = smoothed.vote(images_of(5), self.N)
        assert_same(smoothed.vote(images_of(5), self.N), votes)
        assert_same(SmoothedClassifier(dense(), 0.5, 3).vote(images_of(5), self.N), votes)

    def test_indices_are_the_positions_by_default(self, smoothed: SmoothedClassifier) -> None:
        assert_same(smoothed.vote(images_of(5), 20), smoothed.vote(images_of(5), 20, np.arange(5)))

    @pytest.mark.parametrize("change", ["index", "stream", "seed"])
    def test_another_key_gives_other_votes(self, smoothed: SmoothedClassifier, change: str) -> None:
        images = images_of(4)
        indices, stream, classifier = np.arange(4), Stream.ESTIMATION, smoothed
        before = smoothed.vote(images, 50, indices, stream)
        if change == "index":
            indices = indices + 1
        elif change == "stream":
            stream = Stream.SELECTION
        else:
            classifier = SmoothedClassifier(dense(), 0.5, 4)
        after = classifier.vote(images, 50, indices, stream)
        assert (before.probabilities != after.probabilities).all()
        assert (before.counts != after.counts).any()

    def test_all_streams_differ(self, smoothed: SmoothedClassifier) -> None:
        results = [smoothed.vote(images_of(1), 20, stream=stream).probabilities.tobytes() for stream in Stream]
        assert len(set(results)) == 4

    def test_equal_images_of_different_indices_get_noise_of_their_own(self, smoothed: SmoothedClassifier) -> None:
        votes = smoothed.vote(np.repeat(images_of(1), 6, axis=0), 30)
        assert len({row.tobytes() for row in votes.probabilities}) == 6

    def test_one_graph_serves_every_batch_n_first_sigma_and_stream(self, smoothed: SmoothedClassifier) -> None:
        for batch in (1, 3, 30):
            for n in (1, 10, 26):
                other = smoothed.with_sigma(batch / n)
                other.vote(images_of(batch), n, stream=Stream.SCORING, first=10 * batch)
                other.certify(images_of(batch), n, 0.01, n0=batch)
                other.certify_sequentially(images_of(batch), [0.0], 10 * n, 0.01, n0=batch)
                assert other._sums._sums.experimental_get_tracing_count() == 1


class TestSigma:
    def test_none_is_the_network_itself(self) -> None:
        network = dense()
        images = images_of(20)
        votes = SmoothedClassifier(network, 0.0).vote(images, 13)
        logits = forward(network, images)
        assert len(set(logits.argmax(axis=1))) > 1
        np.testing.assert_array_equal(votes.counts, 13 * np.eye(CLASSES, dtype=int)[logits.argmax(axis=1)])
        np.testing.assert_allclose(votes.probabilities, softmax(logits), atol=2e-6)

    def test_with_sigma_equals_building_anew_and_leaves_the_first_alone(self, smoothed: SmoothedClassifier) -> None:
        images = images_of(5)
        before = smoothed.vote(images, 25)
        assert_same(smoothed.with_sigma(1.25).vote(images, 25), SmoothedClassifier(dense(), 1.25, 3).vote(images, 25))
        assert smoothed.sigma == 0.5
        assert_same(smoothed.vote(images, 25), before)

    def test_noise_scales_with_the_unit_of_the_images(self) -> None:
        """A network that doubles its input, at sigma, is the plain one on doubled images at 2 sigma: powers of two."""
        images = images_of(6)
        doubling = SmoothedClassifier(dense(before=(layers.Rescaling(2.0),)), 0.25, 5)
        assert_same(doubling.vote(images, 40), SmoothedClassifier(dense(), 0.5, 5).vote(2 * images, 40))

    @pytest.mark.parametrize(("pixel", "sign"), [(1.0, 1), (0.0, -1)])
    def test_noise_is_not_clipped(self, pixel: float, sign: int) -> None:
        """Class 0 is a pixel more than sigma beyond the range: clipped, it would get no vote."""
        weights = np.eye(SIZE)[0] * sign
        smoothed = SmoothedClassifier(linear(weights, -sign * pixel - 0.5), 0.5, 1)
        counts = smoothed.vote(np.full((1, *SHAPE), pixel, np.float32), 4000).counts[0]
        # P(beyond one sigma) = 0.1587; rate 2e-7.
        low, high = stats.binom.ppf([1e-7, 1 - 1e-7], 4000, stats.norm.sf(1))
        assert low <= counts[0] <= high

    def test_dropout_is_off(self) -> None:
        """Equal to the same network without: a dropped activation would change every draw."""
        with_dropout = SmoothedClassifier(dense(before=(layers.Dropout(0.5), layers.GaussianNoise(1.0))), 0.5, 3)
        assert_same(with_dropout.vote(images_of(4), 30), SmoothedClassifier(dense(), 0.5, 3).vote(images_of(4), 30))


LINEAR_N = 50_000

LINEAR_CASES = (
    (0, 0.25, 0.1),
    (1, 0.5, -1.0),
    (2, 1.0, 2.0),
    (3, 0.15, 0.0),  # on the boundary: half the votes
    (4, 0.12, 0.5),
    (5, 2.0, -6.0),
)
"""(seed of w and x, sigma, margin w.x + b)."""


@pytest.fixture(scope="module", params=LINEAR_CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[float, float, np.ndarray, np.ndarray]:
    """(margin, sigma |w|, counts, probabilities) of a linear network."""
    seed, sigma, margin = request.param
    weights = np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)
    image = images_of(1, seed)
    network = linear(weights, margin - float(weights @ image.ravel()))
    votes = SmoothedClassifier(network, sigma, seed).vote(image, LINEAR_N)
    return margin, float(sigma * np.linalg.norm(weights)), votes.counts[0], votes.probabilities[0]


class TestLinearNetwork:
    """logits (w.x + b, 0): P(class 0) = Phi((w.x + b) / (sigma |w|)), and the softmax is a sigmoid of a normal."""

    def test_votes_follow_the_binomial_law(self, case: tuple[float, float, np.ndarray, np.ndarray]) -> None:
        # Rate 6 x 2e-7; at n = 50,000 it sees an error of 0.012 in the probability, or of 2% in sigma.
        margin, spread, counts, _ = case
        low, high = stats.binom.ppf([1e-7, 1 - 1e-7], LINEAR_N, stats.norm.cdf(margin / spread))
        assert low <= counts[0] <= high

    def test_mean_probability_is_the_integral(self, case: tuple[float, float, np.ndarray, np.ndarray]) -> None:
        # At 5.3 standard errors, from quadrature too: rate 6 x 1.2e-7.
        margin, spread, _, probabilities = case

        def moment(power: int) -> float:
            def integrand(z: float) -> float:
                return stats.norm.pdf(z) / (1 + np.exp(-(margin + spread * z))) ** power

            return integrate.quad(integrand, -10, 10, epsabs=1e-12)[0]

        error = np.sqrt((moment(2) - moment(1) ** 2) / LINEAR_N)
        assert abs(probabilities[0] - moment(1)) < 5.3 * error + 1e-6
        assert probabilities.sum() == pytest.approx(1, abs=1e-6)

    def test_the_counts_of_many_images_spread_as_binomially_as_independent_draws(self) -> None:
        """Draws that were shared between images, or repeated from block to block, would spread wider or less."""
        # 400 images x 200 draws of probability Phi(0.5): chi-square with 400 degrees, rate 2e-7.
        weights = np.full(SIZE, 0.25)  # |w| = 1
        smoothed = SmoothedClassifier(linear(weights, 0.25), 0.5, 9)
        counts = smoothed.vote(np.zeros((400, *SHAPE), np.float32), 200).counts[:, 0]
        p = stats.norm.cdf(0.5)
        statistic = ((counts - 200 * p) ** 2).sum() / (200 * p * (1 - p))
        assert stats.chi2.ppf(1e-7, 400) < statistic < stats.chi2.ppf(1 - 1e-7, 400)
