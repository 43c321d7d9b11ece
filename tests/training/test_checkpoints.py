from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from src.base import InputError, StorageError
from src.storage import files
from src.storage.arrays import load_arrays, save_arrays
from src.training.checkpoints import load_checkpoint, save_checkpoint
from src.training.trial import TrialFolder

HISTORY = [
    {"epoch": 1, "loss": 1 / 3, "accuracy": 0.1 + 0.2, "seconds": 0.01},
    {"epoch": 2, "loss": 1e-17, "accuracy": 1.0, "seconds": 12345.67},
]


def network(units: int = 3, layers: int = 1, seed: int = 0) -> keras.Model:
    start = keras.initializers.RandomNormal(seed=seed)
    dense = [keras.layers.Dense(units, kernel_initializer=start) for _ in range(layers)]
    return keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.BatchNormalization(), *dense])


def optimizer_of(built: keras.Model) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.Adam()
    optimizer.build(built.trainable_variables)
    return optimizer


def state(built: keras.Model, optimizer: keras.optimizers.Optimizer) -> list[bytes]:
    return [value.numpy().tobytes() for value in [*built.weights, *optimizer.variables]]


def stir(built: keras.Model, optimizer: keras.optimizers.Optimizer, seed: int) -> None:
    """Give every variable, the optimizer's too, values of its own."""
    generator = np.random.default_rng(seed)
    for value in [*built.weights, *optimizer.variables]:
        value.assign((100 * generator.random(value.shape)).astype(keras.backend.standardize_dtype(value.dtype)))


@pytest.fixture
def folder(tmp_path: Path) -> TrialFolder:
    """With a checkpoint of `network()`."""
    folder = TrialFolder(tmp_path)
    built = network()
    optimizer = optimizer_of(built)
    stir(built, optimizer, 1)
    save_checkpoint(folder, built, optimizer, HISTORY)
    return folder


def test_everything_comes_back_bit_for_bit(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path)
    built = network()
    optimizer = optimizer_of(built)
    stir(built, optimizer, 1)
    save_checkpoint(folder, built, optimizer, HISTORY)
    other = network(seed=5)
    other_optimizer = optimizer_of(other)
    before = state(other, other_optimizer)
    assert load_checkpoint(folder, other, other_optimizer) == HISTORY
    after = state(other, other_optimizer)
    assert after == state(built, optimizer)
    # Each of them: weights, moving statistics, iterations, learning rate, both moments.
    assert len(after) == 6 + 2 + 2 * 4
    assert all(new != old for new, old in zip(after, before, strict=True))


def test_epochs_are_whole_numbers(folder: TrialFolder) -> None:
    built = network()
    assert [type(row["epoch"]) for row in load_checkpoint(folder, built, optimizer_of(built))] == [int, int]


def test_only_the_last_is_kept(folder: TrialFolder) -> None:
    built = network(seed=3)
    optimizer = optimizer_of(built)
    save_checkpoint(folder, built, optimizer, HISTORY[:1])
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint.npz"]
    other = network()
    other_optimizer = optimizer_of(other)
    assert load_checkpoint(folder, other, other_optimizer) == HISTORY[:1]
    assert state(other, other_optimizer) == state(built, optimizer)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_keeps_the_former_one(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = folder.checkpoint.read_bytes()
    built = network(seed=3)
    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(StorageError, match="free some space") as caught:
        save_checkpoint(folder, built, optimizer_of(built), HISTORY)
    monkeypatch.undo()
    assert str(folder.checkpoint) in str(caught.value)
    assert folder.checkpoint.read_bytes() == before
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint.npz"]
    assert load_checkpoint(folder, built, optimizer_of(built)) == HISTORY


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip_a_bit_of_a_weight(path: Path) -> None:
    weight = load_arrays(path, "")["weight004"].tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(weight) + 2] ^= 1
    path.write_bytes(content)


def another_architecture(path: Path) -> None:
    built = network(layers=2)
    save_checkpoint(TrialFolder(path.parent), built, optimizer_of(built), HISTORY)


def another_width(path: Path) -> None:
    built = network(units=4)
    save_checkpoint(TrialFolder(path.parent), built, optimizer_of(built), HISTORY)


def without(name: str) -> Callable[[Path], None]:
    def drop(path: Path) -> None:
        arrays = load_arrays(path, "")
        del arrays[name]
        save_arrays(path, arrays)

    return drop


def pickled(path: Path) -> None:
    arrays = {**load_arrays(path, ""), "history": np.array([{}], dtype=object)}
    np.savez(path, allow_pickle=True, **arrays)


@pytest.mark.parametrize(
    "damage",
    [
        truncate, halve, lambda path: path.write_bytes(b""), flip_a_bit_of_a_weight, pickled, another_architecture,
        another_width, without("history"), without("optimizer003"), without("weight000"),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_one_is_refused_and_nothing_loaded(
    folder: TrialFolder, damage: Callable[[Path], None]
) -> None:
    damage(folder.checkpoint)
    built = network(seed=9)
    optimizer = optimizer_of(built)
    before = state(built, optimizer)
    with pytest.raises(InputError) as caught:
        load_checkpoint(folder, built, optimizer)
    assert str(folder.checkpoint) in str(caught.value)
    way_out = f"Delete {folder.checkpoint} and run again: only this network is trained anew."
    if "is not a checkpoint of this network" in str(caught.value):  # but whole, so it may be worth keeping
        way_out = f"Name another folder for this one, or move {folder.path} away."
    assert str(caught.value).endswith(way_out)
    assert state(built, optimizer) == before
