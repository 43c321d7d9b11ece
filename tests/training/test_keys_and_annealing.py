"""Keys of the training noise, the annealed learning rate, and both across an interruption."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism

from src.architectures.cnn import CNNConfig, build_cnn
from src.base import InputError, LabeledImages
from src.training import trainer
from src.training.losses import loss_of
from src.training.recipes import Gaussian, Recipe, SmoothAdv
from src.training.trainer import Loss, TrainingConfig, train
from src.training.trial import TrialFolder

CLASSES, EPOCHS, STEPS = 3, 3, 5
CONFIG = TrainingConfig(EPOCHS, batch_size=8, annealed=True)
IMAGES = np.random.default_rng(0).integers(0, 256, (36, 4, 4, 1), np.uint8)
DATA = LabeledImages(IMAGES, np.arange(36) % CLASSES, np.arange(36))
"""The last batch of an epoch is smaller."""


@pytest.fixture(scope="module", autouse=True)
def deterministic() -> Iterator[None]:
    tf.config.experimental.enable_op_determinism()
    yield
    disable_op_determinism()


def epoch_keys(seed: int, epoch: int) -> list[tuple[int, ...]]:
    """The keys that the steps of an epoch are given."""
    seen = []

    def step(images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        assert key.shape == (2,) and key.dtype == tf.int64
        seen.append(tuple(key.numpy().tolist()))
        return tf.constant(1.0), tf.constant(0)

    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    trainer._train_epoch(model, DATA, 8, step, seed, epoch, lambda count: None)
    return seen


def test_no_two_steps_epochs_or_seeds_share_a_key() -> None:
    keys = [key for seed in (0, 1, 2, 2**40) for epoch in (1, 2, 3) for key in epoch_keys(seed, epoch)]
    assert len(keys) == 4 * 3 * STEPS
    # Were a word constant, the pair could still differ.
    assert len(set(keys)) == len({first for first, _ in keys}) == len({second for _, second in keys}) == len(keys)


def test_one_seed_gives_one_sequence_of_keys() -> None:
    assert epoch_keys(7, 2) == epoch_keys(7, 2)


def test_noise_order_and_dropout_derive_from_different_seeds() -> None:
    assert len({trainer.NOISE, trainer.SHUFFLING, trainer.DROPOUT}) == 3


def test_a_compiled_step_draws_its_noise_from_the_key_that_it_is_given() -> None:
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    step = trainer._compiled_step(model, keras.optimizers.SGD(0.0), loss_of(Gaussian(0.5)))
    images, labels = tf.constant(IMAGES), tf.constant(DATA.labels)
    keys = [[1, 2], [1, 3], [2, 2], [1, 2]]
    values = [float(step(images, labels, tf.constant(key, tf.int64))[0]) for key in keys]
    assert len(set(values)) == 3 and values[0] == values[3]


def network() -> keras.Model:
    """With dropout."""
    return build_cnn(CNNConfig((2, 3), 8), (4, 4, 1), CLASSES)


@contextmanager
def watched(after: Callable[[list[tuple[int, ...]]], None]) -> Iterator[list[tuple[int, ...]]]:
    """The keys of all steps; `after` is called after each with those so far."""
    compiled, seen = trainer._compiled_step, []

    def wrap(*arguments: Any) -> Callable[..., Any]:
        step = compiled(*arguments)

        def counted(images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> Any:
            seen.append(tuple(key.numpy().tolist()))
            done = step(images, labels, key)
            after(seen)
            return done

        return counted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "_compiled_step", wrap)
        yield seen


def trained(path: Path, recipe: Recipe, stop_after: int = 0) -> tuple[list[bytes], list[tuple[int, ...]]]:
    """Weights and keys of a training, going on from its checkpoint; interrupted after so many steps."""

    def after(seen: list[tuple[int, ...]]) -> None:
        if len(seen) == stop_after:
            raise KeyboardInterrupt

    folder = TrialFolder(path)
    with watched(after) as seen:
        try:
            train(network(), DATA, loss_of(recipe), CONFIG, 3, folder, "Training")
        except KeyboardInterrupt:
            assert not folder.is_complete
            return [], seen
    return [array.tobytes() for array in folder.load_weights()], seen


@pytest.mark.parametrize("recipe", [Gaussian(0.25), SmoothAdv(0.25, steps=1)], ids=lambda x: type(x).__name__)
def test_an_interrupted_noisy_and_annealed_training_ends_as_an_unbroken_one(tmp_path: Path, recipe: Recipe) -> None:
    weights, keys = trained(tmp_path / "unbroken", recipe)
    assert len(keys) == EPOCHS * STEPS
    _, begun = trained(tmp_path / "broken", recipe, stop_after=2 * STEPS - 2)
    assert begun == keys[: 2 * STEPS - 2]
    resumed_weights, resumed = trained(tmp_path / "broken", recipe)
    assert resumed == keys[STEPS:], "an epoch goes on with its own keys"
    assert resumed_weights == weights


def cosine(step: int, steps: int) -> float:
    return 0.001 * (1 + math.cos(math.pi * step / steps)) / 2


def test_the_annealed_rate_falls_from_the_default_to_zero_along_half_a_cosine() -> None:
    optimizer = TrainingConfig(epochs=4, batch_size=10, annealed=True).optimizer(95)
    assert float(optimizer.learning_rate) == pytest.approx(0.001, rel=1e-6)
    assert float(optimizer.learning_rate) == pytest.approx(float(keras.optimizers.Adam().learning_rate), rel=1e-6)
    for step in (1, 20, 39):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(cosine(step, 40), rel=1e-4)
    assert cosine(20, 40) == pytest.approx(0.0005)
    optimizer.iterations.assign(40)
    assert float(optimizer.learning_rate) == pytest.approx(0.0, abs=1e-10)


def test_through_the_warm_up_the_rate_rises_in_a_straight_line_then_falls_as_the_cosine() -> None:
    optimizer = TrainingConfig(epochs=5, batch_size=10, annealed=True, warmup_epochs=1).optimizer(95)
    for step in (0, 1, 5, 9):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(0.001 * step / 10, rel=1e-5)
    for step in (10, 11, 30, 49):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(cosine(step - 10, 40), rel=1e-4)
    optimizer.iterations.assign(50)
    assert float(optimizer.learning_rate) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize(("epochs", "annealed", "warmup"), [(3, True, 3), (3, True, -1), (3, False, 1), (1, True, 1)])
def test_a_warm_up_needs_annealing_and_epochs_to_fall_in(epochs: int, annealed: bool, warmup: int) -> None:
    with pytest.raises(InputError, match=f"warmup_epochs: .* got {warmup}"):
        TrainingConfig(epochs, annealed=annealed, warmup_epochs=warmup)


@pytest.mark.parametrize(("images", "steps"), [(1, 1), (7, 1), (8, 1), (9, 2), (36, STEPS), (40, 5)])
def test_a_last_smaller_batch_is_a_step(images: int, steps: int) -> None:
    assert CONFIG.steps(images) == steps


def slope(model: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All derivatives are 1, so that each of Adam's steps is as long as the learning rate."""
    return tf.add_n([tf.reduce_sum(value) for value in model.trainable_variables]), model(images)


def steps_taken(path: Path, config: TrainingConfig, stop_after: int = 0) -> list[float]:
    """How far the weights moved in each step, until one is interrupted; from the checkpoint where there is one."""
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES, kernel_initializer="zeros")]
    )
    places: list[float] = []

    def after(seen: list[tuple[int, ...]]) -> None:
        places.append(float(model.weights[0][0, 0]))
        if len(seen) == stop_after:
            raise KeyboardInterrupt

    loss: Loss = slope
    with watched(after):
        try:
            train(model, DATA, loss, config, 3, TrialFolder(path), "Training")
        except KeyboardInterrupt:
            assert stop_after
    return places


def test_each_step_is_as_long_as_the_schedule_says_also_after_an_interruption(tmp_path: Path) -> None:
    total = EPOCHS * STEPS
    places = steps_taken(tmp_path / "unbroken", CONFIG)
    expected = [cosine(step, total) for step in range(total)]
    np.testing.assert_allclose(-np.diff([0.0, *places]), expected, rtol=1e-3, atol=1e-8)
    steps_taken(tmp_path / "broken", CONFIG, stop_after=STEPS + 2)
    assert steps_taken(tmp_path / "broken", CONFIG) == places[STEPS:]


def test_the_rate_is_constant_unless_annealed(tmp_path: Path) -> None:
    places = steps_taken(tmp_path, TrainingConfig(EPOCHS, 8))
    np.testing.assert_allclose(-np.diff([0.0, *places]), [0.001] * (EPOCHS * STEPS), rtol=1e-3)
