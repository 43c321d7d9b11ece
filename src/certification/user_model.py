"""A user's own Keras classifier: loaded without running code from the file, checked, and smoothed."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np

from src.base import InputError
from src.certification.user_data import OwnData
from src.certification.user_model_file import check_model_file, first_line, from_keras_2, keras_2_version
from src.smoothing.checks import check_takes_images, emits_probabilities
from src.smoothing.classifier import SmoothedClassifier
from src.smoothing.finite import TRIED, check_finite_outputs, check_finite_weights


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
        old = keras_2_version(path)
        if old is not None:
            raise InputError(from_keras_2(path, old, error)) from error
        unknown = re.search(r"Could not locate (?:class|function) '[^']*'", str(error))
        if unknown:
            raise InputError(
                f"{path} has code of its own: {unknown[0]}. Load it in Python, where that is defined, and use "
                "src.smoothing.classifier.SmoothedClassifier with src.certification.certify_images.certify_images."
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
        InputError: the network's input or output, or the data, do not fit; or its outputs are not finite, with
            noise or without.
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
    check_finite_weights(network)
    # With noise too, as values below 0 can break what clean images do not.
    clean = data.images[:TRIED]
    noisy = clean + np.float32(sigma) * np.random.default_rng(seed).standard_normal(clean.shape, np.float32)
    try:
        check_finite_outputs(network, clean)
        check_finite_outputs(network, noisy)
    except InputError:
        raise
    # A model can fail in any of its layers (one with channels first does on a CPU), with exceptions of every kind.
    except Exception as error:
        raise InputError(
            f"the model can't be run on images of shape {got} ({first_line(error)}). Try model(images[:1]) in Python."
        ) from error
    return SmoothedClassifier(network, sigma, seed, "probabilities" if emits_probabilities(network) else "logits")
