"""The network of the paper: its size at each resolution, its logits and its reproducible weights."""

from __future__ import annotations

import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.architectures.cnn import CNNConfig, build_cnn, layers, parameters
from src.base import InputError

TINY = CNNConfig((3, 5), 7)
SHAPE = (6, 6, 1)


def weights(network: keras.Model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in network.get_weights()]


class TestSizes:
    @pytest.mark.parametrize(
        ("side", "factor", "expected"),
        [(14, 0.5, 406_326), (28, 1, 6_440_418), (56, 1, 25_708_002), (56, 2, 102_828_474)],
    )
    def test_parameters_are_the_paper_s(self, side: int, factor: float, expected: int) -> None:
        network = build_cnn(CNNConfig().scaled(factor), (side, side, 1), 10)  # 411 MB, the largest
        assert network.count_params() == expected
        assert parameters(CNNConfig().scaled(factor), side, 10) == expected
        assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == expected

    @pytest.mark.parametrize(
        ("factor", "filters", "units"),
        [(0.25, (7, 16), 32), (0.5, (14, 32), 64), (1, (28, 64), 128), (2, (56, 128), 256)],
    )
    def test_widths_scale_with_the_side(self, factor: float, filters: tuple[int, int], units: int) -> None:
        assert CNNConfig(dropout=0.3).scaled(factor) == CNNConfig(filters, units, 0.3)

    @pytest.mark.parametrize("factor", [0, 0.01, -1])
    def test_a_factor_that_leaves_a_layer_empty_is_refused(self, factor: float) -> None:
        with pytest.raises(InputError, match=f"width factor {factor}"):
            CNNConfig().scaled(factor)

    def test_layers_are_the_paper_s(self) -> None:
        network = build_cnn(CNNConfig(), (28, 28, 1), 10)
        assert [type(layer).__name__ for layer in network.layers] == [
            "Conv2D", "Conv2D", "Dropout", "Flatten", "Dense", "Dense",
        ]  # fmt: skip
        first, second, dropout, _, hidden, last = network.layers
        for layer in (first, second):
            assert (layer.kernel_size, layer.strides, layer.padding) == ((3, 3), (1, 1), "same")
        assert [layer.activation.__name__ for layer in (first, second, hidden, last)] == ["relu"] * 3 + ["linear"]
        assert dropout.rate == 0.5

    @pytest.mark.parametrize("config", [CNNConfig(), CNNConfig((3, 5), 7, 0.25)])
    def test_the_list_of_layers_is_the_network_s(self, config: CNNConfig) -> None:
        image, *listed = layers(config, 12, 6)
        assert (image.shape, image.parameters) == ((12, 12, 1), 0)
        network = build_cnn(config, (12, 12, 1), 6)
        for layer, built in zip(listed, network.layers, strict=True):
            assert layer.shape == built.output.shape[1:]
            assert layer.parameters == built.count_params()
            assert layer.name.split()[0] in type(built).__name__
        assert f"{config.dropout:g}" in listed[2].name


class TestLogits:
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_are_float32_and_no_softmax(self, precision: str) -> None:
        network = build_cnn(TINY, SHAPE, 10, precision=precision)
        logits = network(50 * np.random.default_rng(0).random((20, *SHAPE), np.float32)).numpy()
        assert logits.dtype == np.float32
        assert logits.shape == (20, 10)
        assert (logits < 0).any()
        assert (logits > 1).any()

    def test_equal_the_network_written_out(self) -> None:
        network = build_cnn(TINY, SHAPE, 4, seed=2)
        images = np.random.default_rng(0).random((3, *SHAPE), np.float32)
        k1, b1, k2, b2, w3, b3, w4, b4 = weights(network)
        x = tf.nn.relu(tf.nn.conv2d(images, k1, 1, "SAME") + b1)
        x = tf.nn.relu(tf.nn.conv2d(x, k2, 1, "SAME") + b2)
        x = tf.nn.relu(tf.reshape(x, [3, -1]) @ w3 + b3)
        np.testing.assert_allclose(network(images, training=False), x @ w4 + b4, atol=1e-5)

    def test_dropout_works_in_training_only(self) -> None:
        network = build_cnn(TINY, SHAPE, 4)
        images = np.ones((2, *SHAPE), np.float32)
        outputs = [network(images, training=mode).numpy() for mode in (False, False, True, True)]
        np.testing.assert_array_equal(outputs[0], outputs[1])
        assert (outputs[0] != outputs[2]).any()
        assert (outputs[2] != outputs[3]).any()

    def test_bfloat16_is_of_activations_alone(self) -> None:
        full, half = (build_cnn(TINY, SHAPE, 4, seed=3, precision=p) for p in ("float32", "bfloat16"))
        for one, other in zip(weights(full), weights(half), strict=True):
            assert other.dtype == np.float32
            np.testing.assert_array_equal(one, other)
        assert [layer.compute_dtype for layer in half.layers] == ["bfloat16"] * 5 + ["float32"]
        assert [layer.compute_dtype for layer in full.layers] == ["float32"] * 6
        images = np.random.default_rng(0).random((8, *SHAPE), np.float32)
        one, other = full(images).numpy(), half(images).numpy()
        assert (one != other).any()
        np.testing.assert_allclose(one, other, atol=0.05 * np.abs(one).max())


class TestSeeds:
    def test_the_same_seed_gives_the_same_weights(self) -> None:
        keras.utils.set_random_seed(1)
        one = weights(build_cnn(TINY, SHAPE, 4, seed=5))
        keras.utils.set_random_seed(2)
        for weight, other in zip(one, weights(build_cnn(TINY, SHAPE, 4, seed=5)), strict=True):
            np.testing.assert_array_equal(weight, other)

    def test_another_seed_gives_others_in_every_layer(self) -> None:
        networks = [weights(build_cnn(TINY, SHAPE, 4, seed=seed))[::2] for seed in range(4)]
        for one, other in itertools.combinations(networks, 2):
            for kernel, changed in zip(one, other, strict=True):
                assert (kernel != changed).mean() > 0.99

    def test_layers_of_one_shape_differ(self) -> None:
        """One channel and one filter: both convolutions are 3x3x1x1. 9 units after 3x3 images: both dense 9x9."""
        first, second, hidden, last = weights(build_cnn(CNNConfig((1, 1), 9), (3, 3, 1), 9, seed=0))[::2]
        assert first.shape == second.shape
        assert hidden.shape == last.shape
        assert (first != second).all()
        assert (hidden != last).all()

    def test_weights_are_glorot_uniform_and_biases_zero(self) -> None:
        kernels_and_biases = weights(build_cnn(CNNConfig(), (14, 14, 1), 10))
        fans = [(9, 9 * 28), (9 * 28, 9 * 64), (14 * 14 * 64, 128), (128, 10)]
        for kernel, bias, (into, out) in zip(kernels_and_biases[::2], kernels_and_biases[1::2], fans, strict=True):
            limit = np.sqrt(6 / (into + out))
            assert np.abs(kernel).max() <= limit
            assert np.abs(kernel).max() > 0.97 * limit
            # 252 values at the fewest; 6 standard errors of a uniform's deviation: rate 4 x 2e-9.
            assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=6 * np.sqrt(0.2 / kernel.size))
            assert (bias == 0).all()


def test_widths_can_be_read_without_tensorflow() -> None:
    code = "import sys, src.architectures.cnn as c; c.CNNConfig().scaled(2); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
