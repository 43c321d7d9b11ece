"""What a training is begun with, kept beside its state, so that another never goes on from there."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from src.base import InputError, LabeledImages
from src.storage.files import write_text
from src.training.trial import TrialFolder

MEANINGS = {"data_sha256": "other images or labels", "objective": "another objective", "seed": "another seed"}
"""What another value of each entry means."""


def begin(folder: TrialFolder, data: LabeledImages, loss: Callable[..., Any], seed: int) -> dict[str, str | int]:
    """Write what a training is begun with, unless the folder says so already.

    Args:
        folder: of the trial.
        data: the training images.
        loss: what is minimised; two runs share it if its code and the settings that it closes over are the same.
        seed: of shuffling, dropout and noise.

    Returns:
        What it is begun with, as JSON values.

    Raises:
        InputError: the folder was begun with other data, another objective or another seed; or a file is damaged.
        StorageError: the folder can't be written.
    """
    now: dict[str, str | int] = {"data_sha256": _hash_of(data), "objective": described(loss), "seed": int(seed)}
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
        return dict(folder.facts().get("begun_with", {}))
    if not folder.beginning.exists():
        return {}
    try:
        return dict(json.loads(folder.beginning.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{folder.beginning} is damaged ({error}). Move {folder.path} away and run again: the network is trained "
            "anew."
        ) from error


def described(value: Any) -> str:
    """A function and what it closes over, or a setting, as two runs of one program write it."""
    match value:
        case functools.partial():
            given = [value.func, *value.args, *sorted(value.keywords.items())]
            return f"partial({', '.join(map(described, given))})"
        case list() | tuple():
            return f"({', '.join(map(described, value))})"
        case None | bool() | int() | float() | str():
            return repr(value)
    if inspect.ismethod(value):
        return f"{described(value.__self__)}.{value.__name__}"
    if inspect.isfunction(value):
        cells = inspect.getclosurevars(value).nonlocals
        settings = ", ".join(f"{name}={described(cell)}" for name, cell in sorted(cells.items()))
        return f"{value.__module__}.{value.__qualname__}({settings}) {_digest(value.__code__)}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__qualname__}({', '.join(f'{name}={described(it)}' for name, it in fields.items())})"
    # Its own text may hold its address in memory, which no two runs share.
    return type(value).__qualname__


def _digest(code: CodeType) -> str:
    """Of what a function does: without line numbers and file names."""
    inner = [_digest(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    plain = [repr(constant) for constant in code.co_consts if not isinstance(constant, CodeType)]
    return hashlib.sha256(repr((code.co_code, code.co_names, plain, inner)).encode()).hexdigest()[:10]


def _hash_of(data: LabeledImages) -> str:
    found = hashlib.sha256(repr(data.images.shape).encode())
    for values in (data.images, data.labels):
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()
