"""Attacks climb the right gradient however confident the network is, and in half precision."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import foolbox
import keras
import numpy as np
import pytest
import tensorflow as tf

from src.attacks.deepfool import DeepFool
from src.attacks.diagnostics import diagnose
from src.attacks.fgsm import FGSM
from src.attacks.gradients import in_float32
from src.attacks.losses import log_odds
from src.attacks.pgd import PGD
from src.attacks.smoothed_pgd import SmoothedPGD
from src.datasets.mnist import load_mnist
from src.datasets.resolution import Resolution, at_resolution
from src.studies.resolution.plan import test_order as order_of_test_images
from src.training.networks import build
from src.training.recipes import SmoothAdv
from src.training.smoothadv import ascend
from src.training.trial import Trial, TrialFolder

ROOT = Path(__file__).parents[2]
SHAPE = (7, 7, 1)
EPSILONS = (25 / 255, 51 / 255, 76 / 255)
IMAGES = 1_000


def convolutional(classes: int, scale: float = 1.0, dtype: str = "float32") -> keras.Model:
    """Always with the same weights; logits times `scale`."""
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(6, 3, activation="relu", dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(classes, dtype=dtype),
            layers.Rescaling(scale, dtype=dtype),
        ]
    )
    random = np.random.default_rng(5)
    network.set_weights([random.normal(0, 0.3, values.shape) for values in network.get_weights()])
    return network


def data(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with the labels that the network gives them."""
    images = np.random.default_rng(0).random((count, *SHAPE), np.float32)
    return images, convolutional(classes)(images).numpy().argmax(axis=1)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 30.0, 1e3, 1e6])
class TestTwoClasses:
    """Logits times a constant leave the direction of every gradient as it is."""

    def test_fgsm(self, scale: float) -> None:
        images, labels = data(60, 2)
        expected = FGSM(convolutional(2))(images, labels, 0.1)
        differing = FGSM(convolutional(2, scale))(images, labels, 0.1) != expected
        assert differing.mean() < 1e-3  # where a gradient is lost in rounding, its sign is anyone's

    @pytest.mark.parametrize("norm", ["linf", "l2"])
    def test_pgd_and_pgd_on_the_smoothed_classifier(self, scale: float, norm: str) -> None:
        images, labels = data(20, 2)
        epsilon = {"linf": 0.05, "l2": 0.5}[norm]
        for attack in (
            lambda network: PGD(network, norm, steps=5),
            lambda network: SmoothedPGD(network, 0.0, norm, steps=5, m=1),
        ):
            found, expected = (attack(convolutional(2, c))(images, labels, epsilon) for c in (scale, 1.0))
            moved = np.abs(expected - images).max()
            assert (np.abs(found - expected) > 1e-3 * moved).mean() < 5e-3

    def test_smoothadv(self, scale: float) -> None:
        images, labels = data(20, 2)
        noise = tf.constant(np.random.default_rng(1).normal(0, 0.05, (40, *SHAPE)), tf.float32)
        recipe = SmoothAdv(0.05, epsilon=0.3, steps=3, m=2)
        found = ascend(convolutional(2, scale), tf.constant(images), tf.constant(labels), noise, recipe)
        moved = found.numpy() - images
        assert np.linalg.norm(moved.reshape(20, -1), axis=1) == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize("scale", [30.0, 300.0])
def test_smoothadv_goes_where_float64_goes_though_every_softmax_is_1(scale: float) -> None:
    """With one step and two draws: the direction of the mean softmax's gradient, which float64 still holds."""
    images, labels = data(12, 4)
    noise = np.random.default_rng(1).normal(0, 0.02, (24, *SHAPE))
    recipe = SmoothAdv(0.02, epsilon=1e-3, steps=1, m=2)
    found = ascend(
        convolutional(4, scale), tf.constant(images), tf.constant(labels), tf.constant(noise, tf.float32), recipe
    )
    moved = (found.numpy() - images).reshape(12, -1)
    wide = convolutional(4, scale, "float64")
    inputs = tf.constant(images, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = tf.reshape(wide(tf.tile(inputs, [2, 1, 1, 1]) + noise), [2, 12, 4])
        odds = tf.stack([log_odds(logits[draw], tf.constant(labels)) for draw in (0, 1)])
        # log of the mean of sigmoid(odds), which is 1 minus the mean softmax of the label
        loss = tf.reduce_logsumexp(-tf.math.softplus(-odds), axis=0)
    gradient = tape.gradient(loss, inputs).numpy().reshape(12, -1)
    cosines = (moved * gradient).sum(axis=1) / np.linalg.norm(moved, axis=1) / np.linalg.norm(gradient, axis=1)
    assert (cosines > 0.97).all()  # the box cuts a little off


class TestHalfPrecision:
    @pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
    @pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
    def test_gradients_point_where_float32_ones_do(self, dtype: str, scale: float) -> None:
        images, labels = data(60, 3)
        expected = FGSM(convolutional(3, scale)).gradients(images, labels).reshape(60, -1)
        found = FGSM(convolutional(3, scale, dtype)).gradients(images, labels).reshape(60, -1)
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
        assert (lengths > 0).all()
        cosines = (found * expected).sum(axis=1) / lengths
        # Of a confident network with three classes rounding can change which of the two others is nearer.
        assert np.quantile(cosines, 0.1) > 0.98

    def test_float16_neither_loses_nor_overflows(self) -> None:
        """Unscaled, gradients of the first network would round to 0, and those of the second overflow."""
        images, labels = data(20, 2)
        for scale, weight in ((2.0**-12, 2.0**-13), (256.0, 512.0)):
            network = keras.Sequential(
                [keras.Input(SHAPE), keras.layers.Rescaling(scale, dtype="mixed_float16"), keras.layers.Flatten(),
                 keras.layers.Dense(2, dtype="mixed_float16")]
            )  # fmt: skip
            weights = weight * np.random.default_rng(0).uniform(0.5, 1, (49, 2)) * [1, -1]
            network.set_weights([weights, np.zeros(2)])
            gradients = FGSM(network).gradients(images / 256, labels).reshape(20, 49)
            expected = np.where(labels == 0, scale, -scale)[:, None] * (weights[:, 1] - weights[:, 0])
            np.testing.assert_allclose(gradients, expected, rtol=0.01)

    def test_a_network_without_float16_is_left_alone(self) -> None:
        network = convolutional(3, dtype="mixed_bfloat16")
        images = tf.constant(data(4, 3)[0])
        np.testing.assert_array_equal(in_float32(network)(images), tf.cast(network(images), tf.float32))

    @pytest.mark.parametrize("dtype", ["mixed_float16", "bfloat16", "float64"])
    def test_every_attack_works(self, dtype: str) -> None:
        images, labels = data(10, 3)
        network = convolutional(3, 30.0, dtype)
        assert np.isfinite(DeepFool(network, "l2")(images, labels).distances).all()
        for attack in (FGSM(network), PGD(network, "l2", 3), SmoothedPGD(network, 0.1, "linf", 2, 4)):
            assert (np.abs(attack(images, labels, 0.2) - images).reshape(10, -1).max(axis=1) > 0.01).all()
        assert diagnose(PGD(network, "l2", 10), images, labels, 0.2) == []


class TestSoftmax:
    def test_released_is_foolbox_s_own_attack_bit_for_bit(self) -> None:
        """`output="softmax"` is what the paper's author did; nothing of it is mended."""
        images, labels = data(100, 4)
        network = convolutional(4, 3.0)
        given = foolbox.TensorFlowModel(lambda values: tf.nn.softmax(network(values)), (0, 1), device="/CPU:0")
        attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
        _, expected, _ = attack(given, tf.constant(images), tf.constant(labels, tf.int64), epsilons=0.05)
        found = FGSM(network, "softmax")(images, labels, 0.05)
        assert (found != expected.numpy()).mean() < 1e-4  # an eager convolution may round otherwise

    def test_a_network_that_ends_in_a_softmax_is_attacked_as_such_where_that_is_asked_for(self) -> None:
        images, labels = data(50, 4)
        logits = convolutional(4, 3.0)
        softmax = keras.Sequential([logits, keras.layers.Softmax()])
        for attack in (FGSM, partial(PGD, norm="l2", steps=4)):
            found, expected = (attack(network, output="softmax")(images, labels, 0.1) for network in (softmax, logits))
            np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.isfinite(DeepFool(softmax, "l2", output="softmax")(images, labels).distances).any()


def committed(key: str, precision: str) -> tuple[Trial, keras.Model]:
    folder = TrialFolder(ROOT / "models" / "resolution" / key)
    trial = replace(Trial(**json.loads(folder.configuration.read_text())), precision=precision)
    network = build(trial)
    network.set_weights(folder.load_weights())
    return trial, network


def in_float64(network: keras.Model) -> keras.Model:
    wide = keras.models.clone_model(
        network, clone_function=lambda layer: type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    )
    wide.set_weights(network.get_weights())
    return wide


@pytest.mark.parametrize("key", ["released-downscaled-seed0-0ff6916f6d", "written-downscaled-seed0-b131c7b903"])
@pytest.mark.parametrize(("precision", "slack"), [("float32", 1), ("bfloat16", 10)])
def test_accuracy_under_fgsm_is_that_of_the_float64_gradient(
    key: str, precision: str, slack: int, tmp_path: Path
) -> None:
    """On the repository's trained networks at any scale of their logits; never above the float32 cross-entropy's."""
    trial, network = committed(key, precision)
    wide = in_float64(committed(key, "float32")[1])
    test = load_mnist(ROOT / "data" / "mnist.npz").test.take(order_of_test_images()[:IMAGES])
    test = at_resolution(test, "test", Resolution(14, trial.training["resized_by"]), tmp_path)
    images, labels = test.as_float(), tf.constant(test.labels)

    def correct(adversarial: np.ndarray) -> int:
        return int((network(adversarial, training=False).numpy().argmax(axis=1) == test.labels).sum())

    for scale in (1.0, 10.0, 100.0):
        scaled = keras.Sequential([network, keras.layers.Rescaling(scale, dtype=precision)])
        attack = FGSM(scaled)
        exact, rounded = tf.constant(images, tf.float64), tf.constant(images)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([exact, rounded])
            right = log_odds(scale * wide(exact, training=False), labels)
            logits = tf.cast(scaled(rounded, training=False), tf.float32)
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        signs = [np.sign(tape.gradient(*pair).numpy()) for pair in ((right, exact), (entropy, rounded))]
        for epsilon in EPSILONS:
            ours = correct(attack(images, test.labels, epsilon))
            of_float64, of_entropy = (correct(np.clip(images + epsilon * sign, 0, 1).astype("f4")) for sign in signs)
            assert abs(ours - of_float64) <= slack, (scale, epsilon)
            assert ours <= of_entropy + slack, (scale, epsilon)
