"""What a training is begun with, kept beside its state, so that another never goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from src.base import InputError, LabeledImages
from src.storage.files import write_text
from src.training.described import described
from src.training.trial import BEGUN_WITH, TrialFolder

MEANINGS = {
    "data_sha256": "other images or labels",
    "objective": "another objective",
    "seed": "another seed",
    "network": "another network",
}
"""What another value of each entry means."""


def begin(
    folder: TrialFolder, data: LabeledImages, loss: Callable[..., Any], seed: int, network: keras.Model
) -> dict[str, str | int]:
    """Write what a training is begun with, unless the folder says so already.

    Args:
        folder: of the trial.
        data: the training images.
        loss: what is minimised; two runs share it if its code and the settings that it closes over are the same.
        seed: of shuffling, dropout and noise.
        network: what is trained; of it, the shapes and types of its weights are compared, and which are trained.

    Returns:
        What it is begun with, as JSON values.

    Raises:
        InputError: the folder was begun with other data, or another objective, seed or network; or a file is damaged.
        StorageError: the folder can't be written.
    """
    now: dict[str, str | int] = {
        "data_sha256": _hash_of(data),
        "objective": described(loss),
        "seed": int(seed),
        "network": _layout(network),
    }
    there = _begun_with(folder)
    # What is not there is not compared: trainings of earlier versions do not say it.
    differing = [name for name in MEANINGS if name in there and there[name] != now[name]]
    if differing:
        changes = "; ".join(f"{MEANINGS[name]} ({there[name]} there, {now[name]} now)" for name in differing)
        raise InputError(
            f"the training in {folder.path} was begun with {changes}. Name another folder for this one, or move that "
            "one away."
        )
    if not folder.marker.exists():
        write_text(folder.beginning, json.dumps(now, indent=2, sort_keys=True) + "\n")
    return now


def _begun_with(folder: TrialFolder) -> dict[str, Any]:
    if folder.marker.exists():
        return dict(folder.facts().get(BEGUN_WITH, {}))
    if not folder.beginning.exists():
        return {}
    try:
        return dict(json.loads(folder.beginning.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{folder.beginning} is damaged ({error}). Move {folder.path} away and run again: the network is trained "
            "anew."
        ) from error


def _hash_of(data: LabeledImages) -> str:
    found = hashlib.sha256(repr(data.images.shape).encode())
    for values in (data.images, data.labels):
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def _layout(network: keras.Model) -> str:
    """Without the names of layers, which Keras counts on through a process."""
    weights = [(tuple(weight.shape), weight.dtype, weight.trainable) for weight in network.weights]
    digest = hashlib.sha256(repr(weights).encode()).hexdigest()[:10]
    return f"{network.count_params()} parameters in {len(weights)} arrays, {digest}"
