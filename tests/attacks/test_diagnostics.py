"""Each sign of a broken attack is seen where it is, and not where it isn't."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

from src.architectures.cnn import CNNConfig, build_cnn
from src.attacks.diagnostics import (
    AttackWarning,
    diagnose,
    misses_budget,
    softmax_as_logits,
    weakens,
    zero_gradients,
)
from src.attacks.fgsm import FGSM
from src.attacks.pgd import PGD
from src.base import Bounds, InputError

SHAPE = (8, 8, 1)


def small_cnn(scale: float = 1.0) -> keras.Model:
    """`scale` multiplies the logits."""
    network = build_cnn(CNNConfig((4, 8), 16), SHAPE, 5, seed=1)
    network.layers[-1].set_weights([scale * values for values in network.layers[-1].get_weights()])
    return network


def data(count: int = 150) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).random((count, *SHAPE), np.float32)
    return images, small_cnn()(images).numpy().argmax(axis=1)


def test_softmax_as_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 5))
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert "expects logits" in (softmax_as_logits(softmax.astype(np.float16)) or "")
    for sound in (logits, np.abs(logits), np.log(softmax), logits[:0]):
        assert softmax_as_logits(sound) is None


def test_zero_gradients() -> None:
    gradients = np.full((100, 2, 2, 1), 1e-30)
    assert zero_gradients(gradients) is None
    gradients[:3] = 0
    gradients[3, 0] = 0  # one pixel alone is nothing
    assert zero_gradients(gradients, allowed=0.03) is None
    gradients[4, 0] = np.nan
    assert "4 of 100 images" in (zero_gradients(gradients, allowed=0.03) or "")
    assert zero_gradients(gradients[:0]) is None


class TestWeakens:
    def test_a_loss_of_ten_images_is_beyond_chance_and_of_nine_is_not(self) -> None:
        """2^-10 < 0.001 < 2^-9."""
        strong, weak = np.zeros(50, bool), np.arange(50) < 10
        assert "from 1 to 2: of 50 images it loses 10 and wins 0" in (weakens((1, 2), np.stack([weak, strong])) or "")
        weak[0] = False
        assert weakens((1, 2), np.stack([weak, strong])) is None

    def test_strengths_in_any_order_and_pairs_that_are_far_apart(self) -> None:
        images = np.arange(100)
        successes = np.stack([images < 60 - 6 * k for k in range(4)])  # 6 lost at each, 18 in all
        assert "steps grows from 1 to 8" in (weakens((8, 4, 2, 1), successes[::-1], what="steps") or "")
        assert weakens((1, 2, 4, 8), successes[::-1]) is None
        assert weakens((1, 2), successes[:2]) is None

    def test_images_that_both_break_count_for_neither(self) -> None:
        both = np.ones((2, 1000), bool)
        assert weakens((1, 2), both) is None
        both[1, :10] = False
        assert weakens((1, 2), both) is not None

    def test_false_alarms_are_rare(self) -> None:
        """Attacks of equal strength, 4 of them; 2000 times at alpha 0.05: beyond 150 alarms at a rate of 1e-6."""
        random = np.random.default_rng(0)
        alarms = sum(weakens((1, 2, 3, 4), random.random((4, 200)) < 0.4, alpha=0.05) is not None for _ in range(2000))
        assert 0 < alarms < 150

    def test_equal_strengths_and_bad_shapes(self) -> None:
        assert weakens((1, 1), np.array([np.ones(50), np.zeros(50)])) is None
        with pytest.raises(InputError, match=r"expected shape \(3, images\).*got \(2, 50\)"):
            weakens((1, 2, 3), np.ones((2, 50)))


class TestBudget:
    clean = np.random.default_rng(0).uniform(0.3, 0.7, (50, 4, 4, 1))
    sign = np.sign(np.random.default_rng(1).normal(size=(50, 4, 4, 1)))

    def test_a_full_budget_is_sound(self) -> None:
        assert misses_budget(self.clean, self.clean + 0.1 * self.sign, 0.1, "linf") == []
        assert misses_budget(self.clean, self.clean + 0.1 * self.sign, 0.4, "l2") == []
        assert misses_budget(self.clean, self.clean, 0.0, "l2") == []
        assert misses_budget(self.clean[:0], self.clean[:0], 0.1, "linf") == []

    def test_short_of_it(self) -> None:
        (message,) = misses_budget(self.clean, self.clean + 0.09 * self.sign, 0.1, "linf")
        assert "50 of 50 perturbations stay short of the linf budget 0.1 (median 0.09)" in message
        (message,) = misses_budget(self.clean, self.clean + 0.08 * self.sign, 0.4, "l2")
        assert "50 of 50 perturbations stay short of the l2" in message
        one = self.clean + 0.1 * self.sign
        one[0] = self.clean[0]
        assert misses_budget(self.clean, one, 0.1, "linf", allowed=0.02) == []
        assert len(misses_budget(self.clean, one, 0.1, "linf", allowed=0.01)) == 1

    def test_bounds_excuse(self) -> None:
        """Every pixel at a bound, or a budget that no image within the bounds could use up."""
        corners = (self.sign + 1) / 2
        assert misses_budget(self.clean, corners, 0.9, "linf") == []
        assert misses_budget(np.full((3, 2, 2, 1), 0.5), np.full((3, 2, 2, 1), 0.501), 9.0, "linf") != []
        half = np.full((3, 2, 2, 1), 0.5)
        half[:, 0, 0] = 1.0
        assert misses_budget(np.full((3, 2, 2, 1), 0.5), half, 9.0, "linf") == []
        # The same images within wider bounds had room.
        assert len(misses_budget(self.clean, corners, 0.9, "linf", Bounds(-1.0, 2.0))) == 1

    def test_beyond_it(self) -> None:
        (message,) = misses_budget(self.clean, self.clean + 0.11 * self.sign, 0.1, "linf")
        assert "50 of 50 perturbations exceed the linf budget 0.1, by up to a factor of 1.1." in message
        (message,) = misses_budget(self.clean, self.clean + 0.11 * self.sign, 0.4, "l2")
        assert "exceed the l2 budget" in message
        (message,) = misses_budget(self.clean, self.clean + 0.5 * self.sign, 0.5, "linf")
        assert "images leave the bounds 0.0 to 1.0" in message
        assert misses_budget(self.clean, np.full_like(self.clean, np.nan), 0.1, "linf") != []

    def test_bad_input(self) -> None:
        with pytest.raises(InputError, match="expected one shape"):
            misses_budget(self.clean, self.clean[:3], 0.1, "linf")
        with pytest.raises(InputError, match="epsilon: "):
            misses_budget(self.clean, self.clean, -0.1, "linf")


class TestDiagnose:
    def test_sound_attacks_show_nothing(self) -> None:
        images, labels = data()
        network = small_cnn()
        with warnings.catch_warnings():
            warnings.simplefilter("error", AttackWarning)
            assert diagnose(FGSM(network), images, labels, 0.05) == []
            assert diagnose(PGD(network, "linf", steps=6), images, labels, 0.05) == []
            assert diagnose(PGD(network, "l2", steps=6), images, labels, 0.5) == []
            # A network as confident as that: Foolbox's own l2-PGD would not move these images.
            assert diagnose(PGD(small_cnn(300.0), "l2", steps=6), images, labels, 0.5) == []

    def test_the_published_attack_is_given_probabilities(self) -> None:
        images, labels = data()
        with pytest.warns(AttackWarning, match="expects logits"):
            messages = diagnose(FGSM(small_cnn(), "softmax"), images, labels, 10 / 255)
        assert len(messages) == 1

    def test_and_where_they_saturate_it_moves_nothing(self) -> None:
        images, labels = data()
        with pytest.warns(AttackWarning):
            messages = diagnose(FGSM(small_cnn(1e4), "softmax"), images, labels, 10 / 255)
        for saying in ("expects logits", "exactly zero", "stay short of the linf budget"):
            assert any(saying in message for message in messages)

    def test_an_attack_that_turns_back_weakens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With more steps, or a larger budget, it returns the clean images."""
        images, labels = data()
        network = small_cnn()
        genuine = PGD.__call__

        def returning(self: PGD, images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
            return genuine(self, images, labels, epsilon) if self.steps == 1 or epsilon < 1 else images

        monkeypatch.setattr(PGD, "__call__", returning)
        with pytest.warns(AttackWarning):
            messages = diagnose(PGD(network, "l2", steps=4), images, labels, 1.5)
        for saying in ("its budget grows", "its number of steps grows from 1 to 4", "stay short"):
            assert any(saying in message for message in messages)
