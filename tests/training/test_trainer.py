from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism

from src.architectures.cnn import CNNConfig, build_cnn
from src.base import InputError, LabeledImages, StorageError
from src.storage import files
from src.training import trainer
from src.training.trainer import Loss, TrainingConfig, TrainingError, cross_entropy, train
from src.training.trial import TrialFolder
from tests.killed_at import assert_kills_change_nothing

EPOCHS, BATCHES = 3, 7
CONFIG = TrainingConfig(epochs=EPOCHS, batch_size=8)
"""The last batch of an epoch is smaller."""

CLASSES = 3

KEY = tf.constant([0, 0], tf.int64)


@pytest.fixture(scope="module", autouse=True)
def deterministic() -> Iterator[None]:
    tf.config.experimental.enable_op_determinism()
    yield
    disable_op_determinism()


def bands(count: int) -> LabeledImages:
    """Six by six pixels of noise; the class is which third of the rows is brighter."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % CLASSES
    images = generator.integers(0, 60, (count, 6, 6, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 150
    return LabeledImages(images, labels.astype(np.int64), np.arange(count))


DATA = bands(52)


def network(seed: int = 0) -> keras.Model:
    """With dropout."""
    return build_cnn(CNNConfig((2, 3), 8), (6, 6, 1), CLASSES, seed=seed)


class Outcome(NamedTuple):
    """What a training ends in."""

    weights: list[bytes]
    optimizer: list[bytes]
    history: pd.DataFrame


@contextmanager
def last_optimizer() -> Iterator[list[keras.optimizers.Optimizer]]:
    """The optimizers that were saved, the last one last."""
    seen: list[keras.optimizers.Optimizer] = []
    save = trainer.save_checkpoint

    def remember(folder: TrialFolder, model: keras.Model, optimizer: Any, history: Any) -> None:
        seen.append(optimizer)
        save(folder, model, optimizer, history)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "save_checkpoint", remember)
        yield seen


def run(path: Path, seed: int = 3, loss: Loss = cross_entropy, config: TrainingConfig = CONFIG) -> Outcome:
    """Train a fresh network in the folder, going on from its checkpoint where there is one."""
    folder = TrialFolder(path)
    with last_optimizer() as seen:
        train(network(), DATA, loss, config, seed, folder, "Training")
    assert folder.is_complete and not folder.checkpoint.exists()
    return Outcome(
        [array.tobytes() for array in folder.load_weights()],
        [value.numpy().tobytes() for value in seen[-1].variables] if seen else [],
        pd.read_csv(folder.history).drop(columns="seconds"),
    )


def same(actual: Outcome, expected: Outcome) -> None:
    assert actual.weights == expected.weights
    assert actual.optimizer == expected.optimizer
    pd.testing.assert_frame_equal(actual.history, expected.history, check_exact=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(tmp_path_factory.mktemp("unbroken"))


def test_one_seed_gives_one_network(unbroken: Outcome, tmp_path: Path) -> None:
    keras.utils.set_random_seed(99)  # of everything else, which must not matter
    same(run(tmp_path), unbroken)


def test_another_seed_gives_another_network(unbroken: Outcome, tmp_path: Path) -> None:
    # The initial weights are the same: the order of images and dropout make the difference.
    other = run(tmp_path, seed=4)
    assert all(new != old for new, old in zip(other.weights, unbroken.weights, strict=True))


def test_order_and_dropout_differ_from_epoch_to_epoch_and_seed_to_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    orders, states = {}, {}
    for seed in (3, 4):
        for epoch in (1, 2):
            model, seen = network(), []

            def step(
                images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor, seen: list[bytes] = seen
            ) -> tuple[tf.Tensor, tf.Tensor]:
                seen.extend(image.tobytes() for image in images.numpy())
                return tf.constant(1.0), tf.constant(0)

            trainer._train_epoch(model, DATA, 8, step, seed, epoch, lambda count: None)
            assert sorted(seen) == sorted(image.tobytes() for image in DATA.images), "every image once"
            orders[seed, epoch] = tuple(seen)
            states[seed, epoch] = model.layers[2].seed_generator.state.numpy().tobytes()
    assert len(set(orders.values())) == 4
    assert len(set(states.values())) == 4


def interrupt_step(patch: pytest.MonkeyPatch, number: int) -> None:
    compiled = trainer._compiled_step

    def wrap(*arguments: Any) -> Callable[..., Any]:
        step, count = compiled(*arguments), [0]

        def counted(images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> Any:
            count[0] += 1
            done = step(images, labels, key)
            if count[0] == number:
                raise KeyboardInterrupt
            return done

        return counted

    patch.setattr(trainer, "_compiled_step", wrap)


def interrupt_save(patch: pytest.MonkeyPatch, number: int) -> None:
    save, count = trainer.save_checkpoint, [0]

    def counted(*arguments: Any) -> None:
        count[0] += 1
        if count[0] == number:
            raise KeyboardInterrupt
        save(*arguments)

    patch.setattr(trainer, "save_checkpoint", counted)


def interrupt_renaming(patch: pytest.MonkeyPatch, number: int) -> None:
    replace, count = os.replace, [0]

    def counted(source: Path, target: Path) -> None:
        count[0] += target.name == "checkpoint.npz"
        if count[0] == number:
            raise KeyboardInterrupt
        replace(source, target)

    patch.setattr(files.os, "replace", counted)


MOMENTS = {
    "before the first checkpoint": (interrupt_step, 2, 0),
    "in a step of epoch 2": (interrupt_step, BATCHES + 3, 1),
    "in the last step of epoch 2": (interrupt_step, 2 * BATCHES, 1),
    "before saving epoch 2": (interrupt_save, 2, 1),
    "while saving epoch 3": (interrupt_renaming, 3, 2),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_training_ends_as_an_unbroken_one(
    unbroken: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    interrupt, number, kept = MOMENTS[moment]
    folder = TrialFolder(tmp_path)
    interrupt(monkeypatch, number)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    assert not folder.is_complete
    assert folder.checkpoint.exists() == (kept > 0)
    assert not list(tmp_path.glob(".*"))
    if kept:
        assert pd.read_csv(folder.history)["epoch"].tolist() == list(range(1, kept + 1))
    steps = count_steps(monkeypatch)
    same(run(tmp_path), unbroken)
    assert len(steps) == (EPOCHS - kept) * BATCHES, "only what is missing is done"


def count_steps(patch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every step."""
    steps: list[int] = []

    @contextmanager
    def stage(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        yield steps.append
        assert sum(steps) == total and unit == "steps"

    patch.setattr(trainer, "stage", stage)
    return steps


def test_an_interruption_before_the_marker_costs_no_epoch(
    unbroken: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialFolder, "complete", die)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    steps = count_steps(monkeypatch)
    again = run(tmp_path)
    assert steps == []
    assert again.weights == unbroken.weights
    pd.testing.assert_frame_equal(again.history, unbroken.history, check_exact=True)


def test_the_folder_tells_the_training(unbroken: Outcome, tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path)
    model = network()
    train(model, DATA, cross_entropy, CONFIG, 3, folder, "Training")
    assert [array.tobytes() for array in model.get_weights()] == unbroken.weights, "trained in place"
    history = pd.read_csv(folder.history)
    assert list(history.columns) == ["epoch", "loss", "accuracy", "seconds"]
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))
    facts = folder.facts()
    assert facts["parameters"] == sum(array.size for array in model.get_weights())
    assert facts["seconds"] == pytest.approx(history["seconds"].sum(), abs=0.06)
    assert facts["versions"] == {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["complete.json", "history.csv", "weights.npz"]


def test_the_history_is_of_the_loss_and_accuracy_over_all_images(tmp_path: Path) -> None:
    # Without learning and without dropout, an epoch's loss is that of the network as it is, small last batch included.
    model = network()
    logits = model(DATA.as_float(), training=False)
    expected = cross_entropy_of(logits)

    def frozen(
        trained: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        logits = model(images, training=False)
        value = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        return value + 0.0 * sum(tf.reduce_sum(variable) for variable in trained.trainable_variables), logits

    folder = TrialFolder(tmp_path)
    trained = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    train(trained, DATA, frozen, TrainingConfig(1, 8), 3, folder, "Training")
    row = pd.read_csv(folder.history).iloc[0]
    assert row["loss"] == pytest.approx(expected, rel=1e-5)
    assert row["accuracy"] == pytest.approx((np.argmax(logits, axis=1) == DATA.labels).mean(), rel=1e-5)


def cross_entropy_of(logits: tf.Tensor) -> float:
    shifted = np.asarray(logits, np.float64)
    likelihood = np.exp(shifted)[np.arange(len(DATA)), DATA.labels] / np.exp(shifted).sum(axis=1)
    return float(-np.log(likelihood).mean())


def test_cross_entropy_is_of_the_logits_in_training() -> None:
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    value, logits = cross_entropy(model, tf.constant(DATA.as_float()), tf.constant(DATA.labels), KEY)
    np.testing.assert_array_equal(logits, model(DATA.as_float()))
    assert float(value) == pytest.approx(cross_entropy_of(logits), rel=1e-5)
    dropping = network()
    images, labels = tf.constant(DATA.as_float()), tf.constant(DATA.labels)
    first, second = (float(cross_entropy(dropping, images, labels, KEY)[0]) for _ in range(2))
    assert first != second


def test_the_network_learns(tmp_path: Path) -> None:
    data = bands(300)
    model = build_cnn(CNNConfig((4, 8), 16), (6, 6, 1), CLASSES)
    before = model(data.as_float(), training=False)
    folder = TrialFolder(tmp_path)
    train(model, data, cross_entropy, TrainingConfig(12, 16), 0, folder, "Training")
    after = model(data.as_float(), training=False)
    assert (np.argmax(before, axis=1) == data.labels).mean() < 0.8
    assert (np.argmax(after, axis=1) == data.labels).mean() > 0.95
    losses = pd.read_csv(folder.history)["loss"].tolist()
    assert losses[-1] < 0.5 * losses[0]
    assert losses[-1] < 0.3


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_the_training(unbroken: Outcome, tmp_path: Path, value: float) -> None:
    steps = tf.Variable(0)

    def bad(
        model: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        steps.assign_add(1)
        loss, logits = cross_entropy(model, images, labels, key)
        return loss * tf.where(steps == BATCHES + 3, tf.constant(value, tf.float32), 1.0), logits

    folder = TrialFolder(tmp_path)
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, loss=bad)
    message = str(caught.value)
    assert f"the loss is {value} at epoch 2, image 16 of 52" in message
    assert "look at the training images, or train at --precision float32" in message
    assert not folder.is_complete
    # The last checkpoint is whole and from before: with a loss that is sound by now the training ends as if nothing
    # had been.
    assert pd.read_csv(folder.history)["epoch"].tolist() == [1]
    same(run(tmp_path, loss=bad), unbroken)


def test_weights_that_are_not_finite_stop_the_training(unbroken: Outcome, tmp_path: Path) -> None:
    """A gradient that is not a number, in the last step of an epoch whose losses all are."""
    steps = tf.Variable(0)

    @tf.custom_gradient
    def broken(value: tf.Tensor) -> tuple[tf.Tensor, Any]:
        return value, lambda upstream: upstream * tf.where(steps == 2 * BATCHES, np.float32(np.nan), 1.0)

    def bad(
        model: keras.Model, images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        steps.assign_add(1)
        loss, logits = cross_entropy(model, images, labels, key)
        return broken(loss), logits

    with pytest.raises(TrainingError, match="not finite after epoch 2"):
        run(tmp_path, loss=bad)
    assert not TrialFolder(tmp_path).is_complete
    same(run(tmp_path, loss=bad), unbroken)


def test_no_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are none"):
        train(network(), DATA.take(slice(0, 0)), cross_entropy, CONFIG, 0, TrialFolder(tmp_path), "Training")


def test_dropout_inside_an_inner_model_resumes_and_a_rate_of_zero_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nested() -> keras.Model:
        weights = keras.initializers.GlorotUniform(1)
        inner = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dropout(0.0)])
        return keras.Sequential(
            [keras.Input((6, 6, 1)), keras.layers.Flatten(), inner, keras.layers.Dense(CLASSES, None, True, weights)]
        )

    def trained(path: Path) -> list[bytes]:
        folder = TrialFolder(path)
        train(nested(), DATA, cross_entropy, CONFIG, 5, folder, "Training")
        return [array.tobytes() for array in folder.load_weights()]

    save = trainer.save_checkpoint

    def interrupted(folder: TrialFolder, model: keras.Model, optimizer: Any, history: Any) -> None:
        save(folder, model, optimizer, history)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "save_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "interrupted")
    monkeypatch.setattr(trainer, "save_checkpoint", save)
    assert trained(tmp_path / "interrupted") == trained(tmp_path / "unbroken")


def test_a_kill_between_the_last_checkpoint_and_its_history_loses_no_row(
    unbroken: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = trainer.write_text
    calls = []

    def interrupted(path: Path, text: str) -> None:
        calls.append(path)
        if len(calls) == CONFIG.epochs:
            raise KeyboardInterrupt
        write(path, text)

    monkeypatch.setattr(trainer, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.setattr(trainer, "write_text", write)
    pd.testing.assert_frame_equal(run(tmp_path).history, unbroken.history, check_exact=True)


def test_a_full_disk_keeps_the_former_checkpoint(
    unbroken: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = TrialFolder(tmp_path)
    fsync, before = os.fsync, []

    def full(number: int) -> None:
        if folder.checkpoint.exists() and any(path.name.startswith(".checkpoint") for path in tmp_path.iterdir()):
            before.append(folder.checkpoint.read_bytes())
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StorageError, match="free some space, and run the same command again") as caught:
        run(tmp_path)
    monkeypatch.undo()
    assert str(folder.checkpoint) in str(caught.value)
    assert [folder.checkpoint.read_bytes()] == before
    assert not list(tmp_path.glob(".*")) and not folder.is_complete
    steps = count_steps(monkeypatch)
    same(run(tmp_path), unbroken)
    assert len(steps) == (EPOCHS - 1) * BATCHES


@pytest.mark.parametrize("damage", ["truncated", "another network's"])
def test_a_damaged_checkpoint_is_told_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    folder = TrialFolder(tmp_path)
    interrupt_save(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    if damage == "truncated":
        folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:-1])
        other, way_out = network(), f"Delete {folder.checkpoint} and run again"
    else:
        folder.beginning.unlink()  # as in folders of before it was kept
        way_out = f"Name another folder for this one, or move {folder.path} away"
        other = build_cnn(CNNConfig((2, 4), 8), (6, 6, 1), CLASSES)
    content = folder.checkpoint.read_bytes()
    with pytest.raises(InputError) as caught:
        train(other, DATA, cross_entropy, CONFIG, 3, folder, "Training")
    assert way_out in str(caught.value)
    assert folder.checkpoint.read_bytes() == content and not folder.is_complete


def six_epochs(folder: Path) -> int:
    tf.config.experimental.enable_op_determinism()
    train(network(), DATA, cross_entropy, TrainingConfig(6, 8), 3, TrialFolder(folder), "Training")
    return 0


@pytest.mark.slow
def test_kills_at_every_kind_of_write_change_nothing(tmp_path: Path) -> None:
    assert_kills_change_nothing(six_epochs, tmp_path)
