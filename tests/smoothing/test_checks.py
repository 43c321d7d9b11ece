"""Which input a smoothed classifier refuses, what it says of it, and what it takes."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.base import InputError
from src.smoothing.checks import check_emits_logits, check_sigma
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.noise import MAX_SEED
from src.smoothing.radius import LARGEST_DRAW, LARGEST_SIGMA
from tests.smoothing.small_networks import SHAPE, dense, images_of

layers = keras.layers


@pytest.fixture(scope="module")
def smoothed() -> SmoothedClassifier:
    return SmoothedClassifier(dense(), sigma=0.5, seed=3)


class TestBadInput:
    @pytest.mark.parametrize("sigma", [-0.1, -1, float("nan"), float("inf"), -float("inf")])
    def test_sigma(self, smoothed: SmoothedClassifier, sigma: float) -> None:
        for refuse in (lambda: SmoothedClassifier(dense(), sigma), lambda: smoothed.with_sigma(sigma)):
            with pytest.raises(InputError, match=rf"sigma: .*got {sigma}\."):
                refuse()

    @pytest.mark.parametrize("sigma", [1e-300, 1e-39, 5.1e37, 1e39, 1e308])
    def test_sigma_that_float32_noise_cannot_have(self, smoothed: SmoothedClassifier, sigma: float) -> None:
        for refuse in (lambda: SmoothedClassifier(dense(), sigma), lambda: smoothed.with_sigma(sigma)):
            with pytest.raises(InputError, match=r"sigma: noise is computed in float32.*Give images and"):
                refuse()

    def test_the_largest_sigma_is_the_largest_whose_draws_are_finite(self) -> None:
        assert np.isfinite(np.float32(LARGEST_SIGMA) * np.float32(LARGEST_DRAW) * np.float32(1 - 1e-6))
        with np.errstate(over="ignore"):
            assert np.isinf(np.float32(LARGEST_SIGMA * 1.001) * np.float32(LARGEST_DRAW))
        # The longest draw of `standard_normal`: the smallest 32-bit uniform number.
        assert np.sqrt(-2 * np.log(2.0**-33)) < LARGEST_DRAW

    @pytest.mark.parametrize("sigma", [0, 0.0, 1e-30, 1e-9, 255, 1e30, np.float32(0.5)])
    def test_sigma_in_range(self, sigma: float) -> None:
        check_sigma(sigma)
        assert SmoothedClassifier(dense(), sigma).vote(np.zeros((1, *SHAPE)), 10).counts.sum() == 10

    @pytest.mark.parametrize("n", [0, -1, 1.5])
    def test_n(self, smoothed: SmoothedClassifier, n: float) -> None:
        with pytest.raises(InputError, match=rf"n: .*got {n}\."):
            smoothed.vote(images_of(1), n)

    @pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 0.5])
    def test_seed(self, seed: float) -> None:
        with pytest.raises(InputError, match=rf"seed: .*got {seed}\."):
            SmoothedClassifier(dense(), 0.5, seed)

    @pytest.mark.parametrize("shape", [(2, 5, 4, 1), (2, 4, 4), (4, 4, 1), (2, 4, 4, 3), (2, 16)])
    def test_shape_of_images(self, smoothed: SmoothedClassifier, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError) as error:
            smoothed.vote(np.zeros(shape), 10)
        assert str(shape) in str(error.value)
        assert str(SHAPE) in str(error.value)

    @pytest.mark.parametrize("indices", [[0], [0, 1, 2], [[0, 1]], [-1, 0], [0, 2**31]])
    def test_indices(self, smoothed: SmoothedClassifier, indices: list) -> None:
        with pytest.raises(InputError, match="indices: expected 2 whole numbers"):
            smoothed.vote(images_of(2), 10, np.array(indices))

    def test_the_largest_index_is_taken(self, smoothed: SmoothedClassifier) -> None:
        assert smoothed.vote(images_of(1), 10, np.array([2**31 - 1])).counts.sum() == 10

    @pytest.mark.parametrize(
        "end",
        [
            lambda: [layers.Dense(3, "softmax", name="probabilities")],
            lambda: [layers.Dense(3), layers.Softmax(name="probabilities")],
            lambda: [layers.Dense(3), layers.Activation("softmax", name="probabilities")],
        ],
        ids=["activation of the last layer", "Softmax", "Activation"],
    )
    def test_a_network_that_ends_in_a_softmax(self, end: Callable[[], list]) -> None:
        network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), *end()])
        for refuse in (lambda: check_emits_logits(network), lambda: SmoothedClassifier(network, 0.5)):
            with pytest.raises(InputError, match=r"'probabilities'.*keras\.activations\.linear"):
                refuse()

    def test_a_softmax_inside_is_no_offence(self) -> None:
        network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Softmax(), layers.Dense(3)])
        check_emits_logits(network)
        assert SmoothedClassifier(network, 0.25).vote(np.zeros((1, *SHAPE)), 10).counts.sum() == 10


class TestNetworks:
    """Which networks can be smoothed, and what is said of the others."""

    @staticmethod
    def ending_in(*ends: keras.Layer) -> keras.Model:
        return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), *ends])

    @pytest.mark.parametrize("end", ["activation", "tf", "ops", "layer", "nested", "identity"])
    def test_probabilities_are_refused_however_they_come_about(self, end: str) -> None:
        dense = keras.layers.Dense
        ends = {
            "activation": [dense(3, activation="softmax")],
            "tf": [dense(3, activation=tf.nn.softmax)],
            "ops": [dense(3, activation=keras.ops.softmax)],
            "layer": [dense(3), keras.layers.Softmax()],
            "nested": [keras.Sequential([dense(3), keras.layers.Softmax()])],
            "identity": [dense(3, activation="softmax"), keras.layers.Identity()],
        }
        with pytest.raises(InputError, match=r"emits probabilities.*keras\.activations\.linear"):
            SmoothedClassifier(self.ending_in(*ends[end]), 0.25)

    def test_a_shape_that_is_not_fixed_is_refused(self) -> None:
        free = keras.Sequential(
            [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
        )
        unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
        for network in (free, unbuilt):
            with pytest.raises(InputError, match="fixed input shape"):
                SmoothedClassifier(network, 0.25)

    def test_float16_logits_vote(self) -> None:
        network = self.ending_in(keras.layers.Dense(3, dtype="float16"))
        votes = SmoothedClassifier(network, 0.25).vote(np.zeros((2, 4, 4, 1)), 20)
        assert (votes.counts.sum(axis=1) == 20).all() and votes.probabilities.dtype == np.float32

    def test_outputs_that_are_not_finite_do_not_vote(self) -> None:
        smoothed = SmoothedClassifier(self.ending_in(keras.layers.Dense(3)), 0.25)
        images = np.zeros((3, 4, 4, 1), np.float32)
        images[1, 0, 0, 0] = np.nan
        with pytest.raises(InputError, match="image 7 has a value that is not finite"):
            smoothed.vote(images, 10, np.array([5, 7, 9]))

    @pytest.mark.parametrize("n", [float("nan"), float("inf"), 0, -1, 1.5])
    def test_a_number_of_votes_that_is_none(self, n: float) -> None:
        with pytest.raises(InputError, match=f"got {n}"):
            SmoothedClassifier(self.ending_in(keras.layers.Dense(3)), 0.25).vote(np.zeros((1, 4, 4, 1)), n)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("indices", "saying"),
        [([0.5, 1.0], "float64"), ([0, -3], "got -3"), ([2**31, 0], "got 2147483648"), ([0, 1, 2], r"shape \(3,\)")],
    )
    def test_indices_that_are_none(self, indices: list[float], saying: str) -> None:
        with pytest.raises(InputError, match=saying):
            SmoothedClassifier(self.ending_in(keras.layers.Dense(3)), 0.25).vote(
                np.zeros((2, 4, 4, 1)), 10, np.array(indices)
            )

    def test_integer_images_are_refused(self) -> None:
        """0-255 with a sigma for [0, 1] is the error of the study's own subject."""
        smoothed = SmoothedClassifier(self.ending_in(keras.layers.Dense(3)), 0.25)
        with pytest.raises(InputError, match="unit of sigma, got uint8"):
            smoothed.vote(np.zeros((1, 4, 4, 1), np.uint8), 10)
