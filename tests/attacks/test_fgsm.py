"""The fast gradient sign method: equal to its formula, within its budget, and blind where the paper's was."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from src.architectures.cnn import CNNConfig, build_cnn
from src.attacks.fgsm import BLOCK, FGSM, check_epsilon
from src.base import Bounds, InputError

SHAPE = (8, 8, 1)


def small_cnn() -> keras.Model:
    return build_cnn(CNNConfig((4, 8), 16), SHAPE, 5, seed=1)


def data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.random((count, *SHAPE), np.float32), random.integers(0, 5, count)


@pytest.fixture(scope="module", params=["logits", "softmax"])
def attack(request: pytest.FixtureRequest) -> tuple[str, FGSM]:
    return request.param, FGSM(small_cnn(), request.param)


def gradients(network: keras.Model, images: np.ndarray, labels: np.ndarray, output: str) -> np.ndarray:
    """Of the cross-entropy, by the tape; with "softmax" the cross-entropy takes probabilities for logits."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = network(images, training=False)
        if output == "softmax":
            outputs = tf.exp(outputs) / tf.reduce_sum(tf.exp(outputs), axis=1, keepdims=True)
        chosen = tf.gather(outputs, labels, axis=1, batch_dims=1)
        loss = tf.reduce_sum(tf.reduce_logsumexp(outputs, axis=1) - chosen)
    return tape.gradient(loss, images).numpy()


class TestFormula:
    @pytest.mark.parametrize("epsilon", [2 / 255, 10 / 255, 0.7])
    def test_is_a_step_along_the_sign_of_the_gradient_clipped(self, attack: tuple[str, FGSM], epsilon: float) -> None:
        output, fgsm = attack
        images, labels = data(60)
        adversarial = fgsm(images, labels, epsilon)
        gradient = gradients(small_cnn(), images, labels, output)
        expected = np.clip(images + np.float32(epsilon) * np.sign(gradient), 0, 1)
        # Where the gradient is lost in rounding its sign is anyone's.
        clear = np.abs(gradient) > 1e-5 * np.abs(gradient).max(axis=(1, 2, 3), keepdims=True)
        assert clear.mean() > 0.99
        np.testing.assert_allclose(adversarial[clear], expected[clear], rtol=0, atol=1e-7)
        assert (np.sign(gradient) < 0).any()
        assert (np.sign(gradient) > 0).any()

    def test_raises_the_loss(self, attack: tuple[str, FGSM]) -> None:
        images, labels = data(60)
        network = small_cnn()

        def losses(of: np.ndarray) -> np.ndarray:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network(of)).numpy()

        assert (losses(attack[1](images, labels, 1 / 255)) > losses(images)).all()

    def test_dropout_is_off(self, attack: tuple[str, FGSM]) -> None:
        """Twice the same images give the same result; the network's dropout of 0.5 would not."""
        images, labels = data(30)
        once = attack[1](images, labels, 0.1)
        np.testing.assert_array_equal(attack[1](images, labels, 0.1), once)


class TestBudget:
    @given(epsilon=st.floats(0, 2), seed=st.integers(0, 3))
    @settings(max_examples=25, derandomize=True, deadline=None)
    def test_stays_within_epsilon_and_bounds(self, attack: tuple[str, FGSM], epsilon: float, seed: int) -> None:
        images, labels = data(7, seed)
        before = images.copy()
        adversarial = attack[1](images, labels, epsilon)
        assert adversarial.dtype == np.float32
        assert adversarial.shape == images.shape
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1
        assert np.abs(adversarial - images).max() <= epsilon + 1e-7
        np.testing.assert_array_equal(images, before)

    def test_an_epsilon_of_zero_returns_the_images(self, attack: tuple[str, FGSM]) -> None:
        images, labels = data(BLOCK + 1)
        np.testing.assert_array_equal(attack[1](images, labels, 0.0), images)

    def test_other_bounds(self) -> None:
        images, labels = data(9)
        adversarial = FGSM(small_cnn(), bounds=Bounds(-1.0, 2.0))(3 * images - 1, labels, 0.5)
        assert adversarial.min() == -1
        assert adversarial.max() == 2
        assert np.abs(adversarial - (3 * images - 1)).max() == pytest.approx(0.5, abs=1e-6)
        # Unlike those for [0, 1], they are used in full.
        assert ((adversarial < 0) & (adversarial > -1)).any()
        assert ((adversarial > 1) & (adversarial < 2)).any()

    @pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf"), -float("inf")])
    def test_an_epsilon_out_of_range_is_refused(self, attack: tuple[str, FGSM], epsilon: float) -> None:
        for refuse in (lambda: check_epsilon(epsilon), lambda: attack[1](*data(1), epsilon)):
            with pytest.raises(InputError, match=rf"epsilon: .*got {epsilon}\."):
                refuse()


class TestBlocks:
    def test_an_image_s_adversarial_does_not_depend_on_its_company(self, attack: tuple[str, FGSM]) -> None:
        """Alone, or with 229 others, in another order or another block: the same bits."""
        images, labels = data(230)
        together = attack[1](images, labels, 0.05)
        for k in (0, 1, 99, 100, 229):
            alone = attack[1](images[k : k + 1], labels[k : k + 1], 0.05)
            np.testing.assert_array_equal(alone[0], together[k])
        order = np.random.default_rng(1).permutation(230)
        np.testing.assert_array_equal(attack[1](images[order], labels[order], 0.05), together[order])

    @pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1])
    def test_any_number_of_images(self, attack: tuple[str, FGSM], count: int) -> None:
        images, labels = data(count)
        adversarial = attack[1](images, labels, 0.05)
        assert adversarial.shape == images.shape
        assert (np.abs(adversarial - images).max(axis=(1, 2, 3)) > 0.04).all()

    def test_integer_labels_of_any_width(self, attack: tuple[str, FGSM]) -> None:
        images, labels = data(3)
        expected = attack[1](images, labels, 0.05)
        for kind in (np.uint8, np.int32, np.int64):
            np.testing.assert_array_equal(attack[1](images, labels.astype(kind), 0.05), expected)


def test_a_saturated_softmax_hides_the_gradient_and_logits_do_not() -> None:
    """The trap in the published study: Foolbox given probabilities that are 0 and 1 in float32 moves no pixel."""
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    images, _ = data(20)
    weights = np.random.default_rng(0).normal(0, 3000, (64, 3)).astype(np.float32)
    network.layers[-1].set_weights([weights, np.zeros(3, np.float32)])
    logits = network(images).numpy()
    ordered = np.sort(logits, axis=1)
    assert (ordered[:, -1] - ordered[:, -2] > 150).all()  # exp(-104) is zero in float32
    labels = logits.argmax(axis=1)

    np.testing.assert_array_equal(FGSM(network, "softmax")(images, labels, 10 / 255), images)
    # Of correct labels, logits saturate the cross-entropy too; a wrong label is where the two outputs part.
    wrong = (labels + 1) % 3
    np.testing.assert_array_equal(FGSM(network, "softmax")(images, wrong, 10 / 255), images)
    adversarial = FGSM(network, "logits")(images, wrong, 10 / 255)
    assert (np.abs(adversarial - images) > 0).mean() > 0.95


@pytest.mark.parametrize(
    ("images", "labels", "saying"),
    [
        (np.full((2, 6, 6, 1), 2.0), np.zeros(2, int), "from 0.0 to 1.0, got 0.0 to 2.0"),
        (np.full((2, 6, 6, 1), np.nan), np.zeros(2, int), "image 0 has a value that is not finite"),
        (np.zeros((2, 5, 5, 1)), np.zeros(2, int), r"\(batch, 6, 6, 1\)"),
        (np.zeros((2, 6, 6, 1)), np.zeros(1, int), r"got \(2, 6, 6, 1\) and \(1,\)"),
    ],
)
def test_images_and_labels_that_do_not_fit(images: np.ndarray, labels: np.ndarray, saying: str) -> None:
    network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(InputError, match=saying):
        FGSM(network)(images, labels, 0.1)
