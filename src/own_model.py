"""A user's own Keras classifier: loaded without running code from the file, checked, and smoothed."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from src.base import InputError
from src.own_files import OwnData, check_model_file, first_line
from src.smoothing.checks import check_takes_images, emits_probabilities
from src.smoothing.classifier import SmoothedClassifier

TRIED = 8
"""Images that the network is tried on before the work begins."""


def load_network(path: Path) -> keras.Model:
    """A saved Keras model. Nothing in the file is executed or unpickled, and it is not compiled.

    Raises:
        InputError: it is no Keras model file, has code of its own, or can't be loaded.
        StorageError: the file can't be opened.
    """
    check_model_file(path)
    try:
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    # Keras loads layers of every kind, whose exceptions are of every kind.
    except Exception as error:
        unknown = re.search(r"Could not locate (?:class|function) '[^']*'", str(error))
        if unknown:
            raise InputError(
                f"{path} has code of its own: {unknown[0]}. Load it in Python, where that is defined, and use "
                "src.smoothing.classifier.SmoothedClassifier with src.certifying.certify_images."
            ) from error
        raise InputError(f"{path} can't be loaded ({first_line(error)}). Save it again with this Keras.") from error
    if not isinstance(network, keras.Model):
        raise InputError(f"{path} is a {type(network).__name__}, not a model.")
    return network


def smoothed(network: keras.Model, data: OwnData, sigma: float, seed: int) -> SmoothedClassifier:
    """The smoothed classifier around a network that emits logits or probabilities.

    Args:
        network: (batch, ...) -> (batch, classes).
        data: images and labels that have to fit the network.
        sigma: in the unit of the images, above 0.
        seed: of the noise.

    Raises:
        InputError: the network's input or output, or the data, do not fit; or its outputs are not finite.
    """
    check_takes_images(network)
    expected, got = tuple(network.input_shape[1:]), data.images.shape[1:]
    if got != expected:
        way_out = "Add the axis: images[..., np.newaxis]." if (*got, 1) == expected else "Resize or transpose them."
        raise InputError(f"images: the model takes images of shape {expected}, got {got}. {way_out}")
    classes = network.output_shape[-1]
    outside = np.flatnonzero(data.labels >= classes)
    if len(outside):
        raise InputError(
            f"labels: the model has {classes} classes, so labels go from 0 to {classes - 1}; "
            f"image {outside[0]} has {data.labels[outside[0]]}."
        )
    outputs = tf.cast(network(data.images[:TRIED], training=False), tf.float32).numpy()
    unusable = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if len(unusable):
        raise InputError(f"the model's outputs for image {unusable[0]} are not finite; see its weights.")
    return SmoothedClassifier(network, sigma, seed, "probabilities" if emits_probabilities(network) else "logits")
