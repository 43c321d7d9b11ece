"""PGD through Foolbox: right on linear networks, within budget and bounds, keyed, not stopped by confidence."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from src.architectures.cnn import CNNConfig, build_cnn
from src.attacks.balls import Norm, lengths
from src.attacks.fgsm import FGSM
from src.attacks.foolbox_attack import FoolboxAttack
from src.attacks.pgd import PGD
from src.base import Bounds, InputError

SHAPE = (7, 7, 1)  # 49 values are no whole number of a processor's vectors
NORMS: tuple[Norm, ...] = ("linf", "l2")
EPSILON = {"linf": 0.05, "l2": 0.5}


def small_cnn() -> keras.Model:
    return build_cnn(CNNConfig((4, 8), 16), SHAPE, 5, seed=1)


def linear(weights: np.ndarray) -> keras.Model:
    """Logits (0, <weights, image>) of a 6x6 image."""
    network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    network.layers[-1].set_weights([np.stack([np.zeros(36), weights], axis=1), np.zeros(2)])
    return network


def data(count: int, network: keras.Model | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Random images; labels as the network says, or random."""
    random = np.random.default_rng(0)
    images = random.random((count, *SHAPE), np.float32)
    return images, network(images).numpy().argmax(axis=1) if network else random.integers(0, 5, count)


@pytest.fixture(scope="module", params=NORMS)
def attack(request: pytest.FixtureRequest) -> PGD:
    return PGD(small_cnn(), request.param, steps=6, restarts=3, seed=5)


class TestLinear:
    @pytest.mark.parametrize("scale", [1.0, 100.0])
    def test_goes_straight_to_the_far_side_of_the_ball(self, scale: float) -> None:
        """However confident the network: at scale 100 the softmax is 0 and 1 in float32, and a gradient of it zero."""
        weights = np.random.default_rng(3).normal(size=36)
        images = np.random.default_rng(4).uniform(0.3, 0.7, (5, 6, 6, 1)).astype(np.float32)
        labels = (images.reshape(5, 36) @ weights > 0).astype(int)
        side = np.where(labels == 1, -1.0, 1.0)[:, None]
        l2 = PGD(linear(scale * weights), "l2", steps=3)(images, labels, 0.2) - images
        np.testing.assert_allclose(
            l2.reshape(5, 36), 0.2 * side * weights / np.linalg.norm(weights), rtol=0, atol=3e-7
        )
        linf = PGD(linear(scale * weights), "linf", steps=3)(images, labels, 0.2) - images
        np.testing.assert_allclose(linf.reshape(5, 36), 0.2 * side * np.sign(weights), rtol=0, atol=3e-7)

    def test_stays_at_the_bounds_and_spends_the_rest_elsewhere(self) -> None:
        weights = np.ones(36)
        images = np.full((1, 6, 6, 1), 0.5, np.float32)
        images[0, :3] = 0.01
        adversarial = PGD(linear(weights), "l2", steps=40)(images, np.ones(1, int), 1.0)
        assert (adversarial[0, :3] == 0).all()
        assert lengths(adversarial - images, "l2")[0] == pytest.approx(1.0, abs=0.01)


def test_one_linf_step_is_the_fast_gradient_sign_method() -> None:
    network = small_cnn()
    images, labels = data(60)
    expected = FGSM(network)(images, labels, 0.1)
    close = np.isclose(PGD(network, "linf", steps=1)(images, labels, 0.1), expected, rtol=0, atol=1e-6)
    assert close.mean() > 0.999  # where a gradient is lost in rounding, its sign is anyone's


@pytest.mark.parametrize("norm", NORMS)
def test_reaches_the_budget_with_any_number_of_steps(norm: Norm) -> None:
    """Foolbox's own steps would reach a twentieth of it with two."""
    images, labels = data(40)
    attack = PGD(small_cnn(), norm, steps=2)
    for steps in (2, 5, 20):
        reached = lengths(attack.with_steps(steps)(images, labels, 0.02) - images, norm)
        np.testing.assert_allclose(reached, 0.02, rtol=0.05)  # l2 loses what the bounds cut off


@given(epsilon=st.floats(0, 3), seed=st.integers(0, 3))
@settings(max_examples=6, derandomize=True, deadline=None)
def test_stays_within_epsilon_and_bounds(attack: PGD, epsilon: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    images, labels = random.random((7, *SHAPE), np.float32).round(1), random.integers(0, 5, 7)
    before = images.copy()
    adversarial = attack(images, labels, epsilon)
    assert adversarial.dtype == np.float32
    assert adversarial.shape == images.shape
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert lengths(adversarial - images, attack.norm).max() <= epsilon * (1 + 1e-6) + 1e-6
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("norm", NORMS)
def test_other_bounds_are_used_in_full(norm: Norm) -> None:
    network = small_cnn()
    images, labels = data(9)
    adversarial = PGD(network, norm, steps=4, bounds=Bounds(-0.7, 0.9))(1.6 * images - 0.7, labels, 5.0)
    assert adversarial.min() == np.float32(-0.7)
    assert adversarial.max() == np.float32(0.9)


class TestKeys:
    def test_a_result_depends_on_neither_batch_nor_order(self, attack: PGD) -> None:
        network = small_cnn()
        images, labels = data(130, network)
        indices = np.random.default_rng(2).permutation(1000)[:130]
        together = attack(images, labels, EPSILON[attack.norm], indices)
        order = np.random.default_rng(1).permutation(130)
        np.testing.assert_array_equal(
            attack(images[order], labels[order], EPSILON[attack.norm], indices[order]), together[order]
        )
        for k in (0, 111, 112, 129):
            alone = attack(images[k : k + 1], labels[k : k + 1], EPSILON[attack.norm], indices[k : k + 1])
            np.testing.assert_array_equal(alone[0], together[k])

    @pytest.mark.parametrize("norm", NORMS)
    def test_starts_follow_seed_index_and_restart(self, norm: Norm) -> None:
        """With the label that the network does not give, every restart but the first is dropped: so look at starts."""
        attacks = [PGD(small_cnn(), norm, seed=seed) for seed in (0, 0, 1)]
        indices = tf.range(attacks[0].block, dtype=tf.int64)
        first, again, other = (attack._starts(indices, 1).numpy() for attack in attacks)
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(attacks[0]._starts(indices[::-1], 1).numpy(), first[::-1])
        for different in (other, attacks[0]._starts(indices, 2).numpy(), attacks[0]._starts(indices + 1, 1).numpy()):
            assert (np.abs(different - first).max(axis=(1, 2, 3)) > 0.01).all()

    def test_restarts_help_and_the_first_is_without_a_random_start(self) -> None:
        network = small_cnn()
        images, labels = data(60, network)

        def losses(restarts: int, seed: int) -> np.ndarray:
            adversarial = PGD(network, "linf", 3, restarts, seed)(images, labels, 0.02)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network(adversarial)).numpy()

        np.testing.assert_array_equal(losses(1, 0), losses(1, 9))
        # At this budget hardly an image is misclassified, so the restart with the largest loss is kept.
        assert (losses(4, 0) >= losses(1, 0) - 1e-6).all()
        assert (losses(4, 0) > losses(1, 0) + 1e-6).any()

    def test_the_first_misclassified_restart_is_kept(self) -> None:
        """Not the one with the largest loss among them, so that more restarts leave what was found."""
        network = small_cnn()
        images, labels = data(60)
        few = PGD(network, "l2", 3, 1)(images, labels, 0.3)
        fooled = network(few).numpy().argmax(axis=1) != labels
        assert fooled.sum() > 5
        np.testing.assert_array_equal(PGD(network, "l2", 3, 4)(images, labels, 0.3)[fooled], few[fooled])


@pytest.mark.parametrize("count", [0, 1, FoolboxAttack.block + 1])
def test_any_number_of_images(attack: PGD, count: int) -> None:
    images, labels = data(count)
    assert attack(images, labels, 0.1).shape == images.shape


def test_bad_input(attack: PGD) -> None:
    images, labels = data(3)
    network = small_cnn()
    for arguments, saying in [
        ((images, labels, -1.0), "epsilon: .*got -1.0"),
        ((images + 1, labels, 0.1), "give PGD other bounds"),
        ((images, labels[:2], 0.1), r"got \(3, 7, 7, 1\) and \(2,\)"),
        ((images, labels + 5, 0.1), "labels: expected class indices from 0 to 4, got . at position 0"),
        ((images, labels - 9, 0.1), "labels: expected class indices from 0 to 4, got -. at position 0"),
        ((images, labels / 2, 0.1), "labels: expected integers, got"),
        ((images, labels[:, None], 0.1), r"use labels\[:, 0\]"),
        ((images, np.eye(5)[labels], 0.1), r"labels\.argmax\(axis=1\)"),
        ((images, labels, 0.1, np.arange(2)), "indices: expected 3 whole numbers"),
        ((images, labels, 0.1, np.array([0, 1, -1])), "indices: .*got -1"),
    ]:
        with pytest.raises(InputError, match=saying):
            attack(*arguments)
    for build, saying in [
        (lambda: PGD(network, "l1"), "norm: expected 'linf' or 'l2', got 'l1'"),
        (lambda: PGD(network, "l2", steps=0), "steps: .*got 0"),
        (lambda: PGD(network, "l2", steps=2.5), "steps: .*got 2.5"),
        (lambda: PGD(network, "l2", restarts=0), "restarts: .*got 0"),
        (lambda: PGD(network, "l2", seed=-1), "seed: .*got -1"),
        (lambda: PGD(network, "l2").with_steps(0), "steps: .*got 0"),
    ]:
        with pytest.raises(InputError, match=saying):
            build()


def test_outputs_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match=r"weights of layer \'dense.*' are not finite"):
        PGD(linear(np.full(36, np.nan)), "linf", steps=1)
    network = linear(np.ones(36))
    attack = PGD(network, "linf", steps=1)
    network.set_weights([values * np.nan for values in network.get_weights()])
    with pytest.raises(InputError, match="outputs for image 0 of the batch are not finite"):
        attack.outputs(np.zeros((2, 6, 6, 1), np.float32))
    with pytest.raises(InputError, match=r"layer \'dense.*' of the network gives NaN for image 0"):
        attack(np.zeros((2, 6, 6, 1)), np.zeros(2, int), 0.1)
