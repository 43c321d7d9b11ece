"""What a result was computed with: package versions, the device, a network's precision."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import keras
import tensorflow as tf

from src.smoothing.monte_carlo import innermost_layers

PACKAGES = ("tensorflow", "keras", "numpy")
"""Whose versions can change the last digits of a network's outputs."""


def provenance(network: keras.Model) -> dict[str, Any]:
    """As JSON values: `versions` of packages, `device` "CPU" or "GPU", and `precision`.

    The precision is the compute dtype of the layers that have weights, e.g. "float32"; where they differ, all of
    theirs, sorted and separated by commas.
    """
    # A model's own dtype says nothing of its layers'.
    layers = list(innermost_layers(network))
    dtypes = {layer.compute_dtype for layer in layers if layer.weights} or {network.compute_dtype}
    return {
        "versions": {name: version(name) for name in PACKAGES},
        "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
        "precision": ", ".join(sorted(dtypes)),
    }
