"""PGD on the smoothed classifier: right where the answer is known, stronger with more draws, keyed, never scoring."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.architectures.cnn import CNNConfig, build_cnn
from src.attacks import balls, smoothed_pgd
from src.attacks.balls import Norm, lengths
from src.attacks.losses import log_odds, smoothed_ascent
from src.attacks.pgd import PGD
from src.attacks.smoothed_pgd import SmoothedPGD
from src.base import Bounds, InputError
from src.smoothing import monte_carlo
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.noise import DRAW_BLOCK, Stream

SHAPE = (7, 7, 1)  # 49 values are no whole number of a processor's vectors
NORMS: tuple[Norm, ...] = ("linf", "l2")
EPSILON = {"linf": 0.05, "l2": 0.5}


def small_cnn() -> keras.Model:
    """With logits spread enough that the softmax is not flat."""
    network = build_cnn(CNNConfig((4, 8), 16), SHAPE, 5, seed=1)
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([8 * kernel, bias])
    return network


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return small_cnn()


def data(count: int, network: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).random((count, *SHAPE), np.float32)
    return images, network(images).numpy().argmax(axis=1)


def test_on_a_linear_network_it_goes_straight_to_the_far_side_of_the_ball() -> None:
    weights = np.random.default_rng(3).normal(size=36)
    network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    network.layers[-1].set_weights([np.stack([np.zeros(36), weights], axis=1), np.zeros(2)])
    images = np.random.default_rng(4).uniform(0.3, 0.7, (5, 6, 6, 1)).astype(np.float32)
    labels = np.array([0, 1, 1, 0, 1])
    side = np.where(labels == 1, -1.0, 1.0)[:, None]
    for restarts in (1, 2):
        l2 = SmoothedPGD(network, 0.5, "l2", steps=4, m=3, restarts=restarts)(images, labels, 0.2) - images
        if restarts == 1:
            expected = 0.2 * side * weights / np.linalg.norm(weights)
            np.testing.assert_allclose(l2.reshape(5, 36), expected, rtol=0, atol=3e-7)
        assert (side[:, 0] * (l2.reshape(5, 36) @ weights) > 0.199 * np.linalg.norm(weights)).all()
    linf = SmoothedPGD(network, 0.5, "linf", steps=4, m=3)(images, labels, 0.2) - images
    np.testing.assert_allclose(linf.reshape(5, 36), 0.2 * side * np.sign(weights), rtol=0, atol=3e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_without_noise_it_is_foolbox_s_pgd(network: keras.Model, norm: Norm) -> None:
    images, labels = data(40, network)
    own = SmoothedPGD(network, 0.0, norm, steps=7, m=1)(images, labels, EPSILON[norm])
    close = np.isclose(own, PGD(network, norm, steps=7)(images, labels, EPSILON[norm]), rtol=0, atol=2e-6)
    assert close.mean() > 0.999  # where a gradient is lost in rounding, its sign is anyone's


class TestLoss:
    """Its gradient is that of -log of the mean softmax, but for a positive factor."""

    @staticmethod
    def gradient(logits: np.ndarray, labels: list[int], loss: Callable) -> np.ndarray:
        """(batch, m * classes)."""
        values = tf.constant(logits)
        with tf.GradientTape() as tape:
            tape.watch(values)
            found = loss(values, tf.constant(labels, tf.int64))
        return tape.gradient(found, values).numpy().reshape(len(logits), -1)

    @staticmethod
    def plain(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return -tf.math.log(tf.gather(tf.reduce_mean(tf.nn.softmax(logits), axis=1), labels, batch_dims=1))

    @pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
    def test_where_float64_holds_both(self, spread: float) -> None:
        logits, labels = np.random.default_rng(1).normal(0, spread, (12, 6, 4)), list(np.arange(12) % 4)
        expected, found = (self.gradient(logits, labels, loss) for loss in (self.plain, smoothed_ascent))
        unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (expected, found)]
        np.testing.assert_allclose(unit[1], unit[0], atol=1e-9)

    @pytest.mark.parametrize("height", [-6000.0, -60.0, 60.0, 6000.0])
    def test_where_the_softmax_saturates(self, height: float) -> None:
        """At +60 the label's softmax is 1 in float32, at +6000 what is left of 1 is 0: the others' share stays."""
        logits = np.array([[[height, 1.0, 0.0], [height, 0.0, 1.0]]], np.float32)
        (gradient,) = self.gradient(logits, [0], smoothed_ascent)
        first = 0.5 * np.array([-1, np.e / (1 + np.e), 1 / (1 + np.e)])
        np.testing.assert_allclose(gradient, np.concatenate([first, first[[0, 2, 1]]]), rtol=1e-5)

    def test_of_draws_that_all_are_certain_the_least_certain_counts(self) -> None:
        """Of one draw that is right and one that is wrong, each without doubt, the mean softmax is 1/2 in any float."""
        logits = np.array([[[900.0, 0.0], [0.0, 1000.0]], [[1000.0, 0.0], [0.0, 900.0]]], np.float32)
        np.testing.assert_allclose(
            self.gradient(logits, [0, 0], smoothed_ascent), [[-1, 1, 0, 0], [0, 0, -1, 1]], atol=1e-6
        )

    def test_of_one_draw_it_is_its_log_odds(self) -> None:
        logits = tf.constant(np.random.default_rng(0).normal(0, 30, (40, 1, 4)), tf.float32)
        labels = tf.constant(np.arange(40) % 4)
        np.testing.assert_array_equal(smoothed_ascent(logits, labels), log_odds(logits[:, 0], labels))


@pytest.mark.parametrize("norm", NORMS)
def test_more_draws_and_more_steps_do_not_weaken_it(network: keras.Model, norm: Norm) -> None:
    """Scored by 200 draws that no attack saw; the slack is three standard errors of the mean difference."""
    images, labels = data(40, network)
    scorer = SmoothedClassifier(network, 0.5)

    def likelihoods(steps: int, m: int) -> np.ndarray:
        adversarial = SmoothedPGD(network, 0.5, norm, steps, m)(images, labels, EPSILON[norm])
        return scorer.vote(adversarial, 200, stream=Stream.SCORING).probabilities[np.arange(40), labels]

    weak, strong = likelihoods(8, 1), likelihoods(8, 24)
    clean = scorer.vote(images, 200, stream=Stream.SCORING).probabilities[np.arange(40), labels]
    assert (clean - weak).mean() > 0
    for weaker, stronger in ((weak, strong), (likelihoods(1, 24), strong)):
        difference = weaker - stronger
        assert difference.mean() > -3 * difference.std() / np.sqrt(40)
    # One draw sees little of the smoothed classifier; that m is used at all shows here.
    assert (weak - strong).mean() > 3 * (weak - strong).std() / np.sqrt(40)


@pytest.mark.parametrize("norm", NORMS)
def test_budget_and_bounds(network: keras.Model, norm: Norm) -> None:
    images, labels = data(7, network)
    attack = SmoothedPGD(network, 0.25, norm, steps=3, m=4, restarts=2, bounds=Bounds(-0.7, 0.9))
    images = (1.6 * images - 0.7).round(1).clip(-0.7, 0.9).astype(np.float32)
    before = images.copy()
    for epsilon in (0.0, 1e-3, 0.3, 8.0):
        adversarial = attack(images, labels, epsilon)
        assert adversarial.dtype == np.float32
        assert adversarial.min() >= np.float32(-0.7)
        assert adversarial.max() <= np.float32(0.9)
        reached = lengths(adversarial - images, norm)
        assert reached.max() <= epsilon * (1 + 1e-6) + 1e-6
        assert epsilon > 1 or (reached > 0.8 * epsilon - 1e-7).all()
    np.testing.assert_array_equal(images, before)


class TestKeys:
    @pytest.mark.parametrize(("norm", "m"), [("l2", 16), ("l2", 7), ("linf", 33), ("l2", 501)])
    def test_a_result_depends_on_neither_batch_nor_order(self, network: keras.Model, norm: Norm, m: int) -> None:
        """m = 501 is a chunk of one image on a CPU, 7 a chunk of 71."""
        count = 80 if m < 500 else 4
        images, labels = data(count, network)
        indices = np.random.default_rng(2).permutation(1000)[:count]
        attack = SmoothedPGD(network, 0.25, norm, steps=2, m=m, restarts=2, seed=4)
        together = attack(images, labels, EPSILON[norm], indices)
        order = np.random.default_rng(1).permutation(count)
        shuffled = attack(images[order], labels[order], EPSILON[norm], indices[order])
        np.testing.assert_array_equal(shuffled, together[order])
        alone = attack(images[2:3], labels[2:3], EPSILON[norm], indices[2:3])
        np.testing.assert_array_equal(alone[0], together[2])

    def test_seed_and_index_change_it(self, network: keras.Model) -> None:
        images, labels = data(20, network)
        first = SmoothedPGD(network, 0.25, "l2", steps=2, m=4)(images, labels, 0.5)
        other = SmoothedPGD(network, 0.25, "l2", steps=2, m=4, seed=1)(images, labels, 0.5)
        shifted = SmoothedPGD(network, 0.25, "l2", steps=2, m=4)(images, labels, 0.5, np.arange(1, 21))
        for different in (other, shifted):
            assert (np.abs(different - first).max(axis=(1, 2, 3)) > 1e-3).all()

    def test_no_draw_block_is_used_twice_and_all_are_the_attack_s(
        self, network: keras.Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Over starts, steps and the choice; the choice alone uses its blocks again for each restart, on purpose."""
        used: dict[str, list[tuple[int, int, int]]] = {"steps": [], "starts": [], "choice": []}
        genuine = monte_carlo.noise_blocks

        def spy(kind: str):
            def noise_blocks(seed, stream, indices, blocks, size):
                def note(*values: np.ndarray) -> np.ndarray:
                    stream, indices, blocks = values
                    used[kind] += [(int(stream), int(i), int(b)) for i, b in zip(indices, blocks, strict=True)]
                    return blocks

                blocks = tf.ensure_shape(tf.numpy_function(note, [stream, indices, blocks], tf.int64), blocks.shape)
                return genuine(seed, stream, indices, blocks, size)

            return noise_blocks

        for kind, module in (("steps", smoothed_pgd), ("starts", balls), ("choice", monte_carlo)):
            monkeypatch.setattr(module, "noise_blocks", spy(kind))
        attack = SmoothedPGD(network, 0.25, "l2", steps=3, m=12, restarts=3)
        chunk = attack._chunk
        images, labels = data(chunk, network)
        attack(images, labels, 0.5)
        of_image = {kind: [block for _, i, block in keys if i == 1] for kind, keys in used.items()}
        assert {stream for keys in used.values() for stream, _, _ in keys} == {int(Stream.ATTACK)}
        assert len(of_image["steps"]) == 3 * 3 * 2  # restarts x steps x blocks of 12 draws
        assert len(of_image["starts"]) == 2
        both = of_image["steps"] + of_image["starts"]
        assert len(set(both)) == len(both)
        assert set(of_image["choice"]) == set(range(100 // DRAW_BLOCK))
        assert not set(both) & set(of_image["choice"])


def test_the_best_restart_is_kept(network: keras.Model) -> None:
    """By the draws that choose: never worse than one restart alone."""
    images, labels = data(40, network)
    one, many = (SmoothedPGD(network, 0.25, "l2", 2, 4, restarts) for restarts in (1, 3))
    first, best = one(images, labels, 0.5), many(images, labels, 0.5)
    indices = np.arange(40)
    before, after = (many._log_odds(found, labels, indices) for found in (first, best))
    assert (after >= before).all()
    changed = (first != best).any(axis=(1, 2, 3))
    assert (after[changed] > before[changed]).all()
    assert 0 < changed.sum() < 40


def test_one_trace_serves_all_batches_and_budgets(network: keras.Model) -> None:
    attack = SmoothedPGD(network, 0.25, "linf", steps=2, m=100, restarts=2)
    for count, epsilon in ((0, 0.1), (1, 0.1), (11, 0.2), (3, 0)):
        images, labels = data(11, network)
        assert attack(images[:count], labels[:count], epsilon).shape == (count, *SHAPE)
    assert isinstance(attack._ascend, tf.types.experimental.ConcreteFunction), "it could be traced again"


def test_bad_input(network: keras.Model) -> None:
    for arguments, saying in [
        ((-0.1, "l2"), "sigma: .*got -0.1"),
        ((0.1, "l1"), "norm: .*got 'l1'"),
        ((0.1, "l2", 0), "steps: .*got 0"),
        ((0.1, "l2", 1, 0), "m: .*got 0"),
        ((0.1, "l2", 1, 1, 0), "restarts: .*got 0"),
        ((0.1, "l2", 1, 1, 1, -1), "seed: .*got -1"),
    ]:
        with pytest.raises(InputError, match=saying):
            SmoothedPGD(network, *arguments)
    images, labels = data(2, network)
    attack = SmoothedPGD(network, 0.1, "l2", 1, 100)
    for arguments, saying in [
        ((images, labels, np.nan), "epsilon: .*got nan"),
        ((images * 2 + 1, labels, 0.1), "give SmoothedPGD other bounds"),
        ((images, labels + 9, 0.1), "labels: "),
        ((images, labels, 0.1, np.arange(3)), "indices: "),
    ]:
        with pytest.raises(InputError, match=saying):
            attack(*arguments)
    probabilities = keras.Sequential([network, keras.layers.Softmax()])
    with pytest.raises(InputError, match="emits probabilities"):
        SmoothedPGD(probabilities, 0.1, "l2")
    broken = small_cnn()
    broken.set_weights([np.full_like(values, np.nan) for values in broken.get_weights()])
    with pytest.raises(InputError, match=r"weights of layer \'conv2d.*' are not finite"):
        SmoothedPGD(broken, 0.1, "l2", 1, 100)
    # As after a training that goes on between the two.
    attack = SmoothedPGD(finite := small_cnn(), 0.1, "l2", 1, 100)
    finite.set_weights(broken.get_weights())
    with pytest.raises(InputError, match=r"layer \'conv2d.*' of the network gives NaN for image 7"):
        attack(images, labels, 0.1, np.array([7, 8]))
