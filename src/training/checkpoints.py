"""The state of a training after an epoch: weights, optimizer and history in one file, renamed into place."""

from __future__ import annotations

import keras
import numpy as np

from src.base import InputError
from src.storage.arrays import load_arrays, save_arrays
from src.training.trial import TrialFolder

COLUMNS = ("epoch", "loss", "accuracy", "seconds")


def save_checkpoint(
    folder: TrialFolder, network: keras.Model, optimizer: keras.optimizers.Optimizer, history: list[dict[str, float]]
) -> None:
    """Replace the folder's checkpoint by the present state; only the last is kept.

    Raises:
        StorageError: the folder can't be written; the previous checkpoint is as it was.
    """
    arrays = {f"weight{place:03d}": value.numpy() for place, value in enumerate(network.weights)}
    arrays |= {f"optimizer{place:03d}": value.numpy() for place, value in enumerate(optimizer.variables)}
    arrays["history"] = np.array([[row[column] for column in COLUMNS] for row in history])
    save_arrays(folder.checkpoint, arrays)


def load_checkpoint(
    folder: TrialFolder, network: keras.Model, optimizer: keras.optimizers.Optimizer
) -> list[dict[str, float]]:
    """Put the folder's checkpoint into `network` and `optimizer`, and return the history up to it.

    Raises:
        InputError: the file is damaged or is another network's.
    """
    remedy = f"Delete {folder.checkpoint} and run again: only this network is trained anew."
    arrays = load_arrays(folder.checkpoint, remedy)
    state = {f"weight{place:03d}": value for place, value in enumerate(network.weights)}
    state |= {f"optimizer{place:03d}": value for place, value in enumerate(optimizer.variables)}
    fits = state.keys() | {"history"} == arrays.keys() and all(
        tuple(value.shape) == arrays[name].shape for name, value in state.items()
    )
    if not fits:
        raise InputError(
            f"{folder.checkpoint} is not a checkpoint of this network. Name another folder for this one, or move "
            f"{folder.path} away."
        )
    for name, value in state.items():
        value.assign(arrays[name])
    history = [dict(zip(COLUMNS, row.tolist(), strict=True)) for row in arrays["history"]]
    return [{**row, "epoch": int(row["epoch"])} for row in history]
