"""What smoothing and attacks ask of a network and its images, with messages that say the way out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from src.base import FAINT, INDEX_END, InputError
from src.smoothing.finite import TRIED, answers, check_finite_images, check_finite_weights, float_images
from src.smoothing.radius import check_noise_size

LARGEST_UNIT = 16.0
"""Images whose range is wider are pixels as files hold them, and no unit that networks are given."""


def check_sigma(sigma: float) -> None:
    """Raise InputError unless `sigma` is a finite number, 0 or more, of a size that float32 noise can have."""
    if not (math.isfinite(sigma) and sigma >= 0):
        raise InputError(f"sigma: expected a finite number, 0 or more, in the unit of the images, got {sigma}.")
    check_noise_size("sigma", sigma)


class FaintNoiseWarning(UserWarning):
    """Noise that changes next to nothing; the message says beside which values."""


def tell_of_faint_noise(images: np.ndarray, sigma: float) -> None:
    """Warn where images are on another scale than [0, 1] or [-1, 1], and sigma is next to nothing on theirs."""
    width = float(np.ptp(images)) if images.size else 0.0
    if width > LARGEST_UNIT and 0 < sigma < FAINT * width:
        warnings.warn(
            f"sigma {sigma:g} is {sigma / width:.2%} of the images' range, {images.min():g} to {images.max():g}: such "
            "noise changes next to nothing, so that certificates say little of the images. If sigma is meant for "
            "images in [0, 1], scale these.",
            FaintNoiseWarning,
            stacklevel=4,
        )


def check_draws(name: str, n: float) -> int:
    """The number of draws as an integer; raise InputError unless it is a whole number, 1 or more."""
    if not (math.isfinite(n) and n >= 1 and n == int(n)):
        raise InputError(f"{name}: expected a whole number of votes, at least 1, got {n}.")
    return int(n)


def check_images(images: np.ndarray, shape: tuple[int, ...], indices: np.ndarray | None = None) -> np.ndarray:
    """The images as float32; raise InputError unless they are finite floating-point numbers of the network's shape.

    Args:
        images: what the user gave.
        shape: of one image, as the network takes it.
        indices: the images' names, for messages; their positions by default.
    """
    given = images
    images = float_images(given)
    if np.asarray(given).dtype.kind in "iub":
        # Noise on 0-255 with a sigma meant for [0, 1] changes nothing, and nobody notices.
        raise InputError(
            f"images: expected floating-point numbers in the unit of sigma, got {np.asarray(given).dtype}. "
            "Convert them, e.g. to float32 in [0, 1] by dividing by 255."
        )
    if images.shape[1:] != shape or images.ndim == 0:
        raise InputError(f"images: expected a batch of images of shape {shape}, got {images.shape}.")
    check_finite_images(images, indices)
    return images


def check_indices(indices: np.ndarray, count: int) -> None:
    """Raise InputError unless `indices` are `count` whole numbers from 0 to 2^31 - 1."""
    got = f"{indices.dtype} of shape {indices.shape}"
    fitting = indices.shape == (count,) and np.issubdtype(indices.dtype, np.integer)
    if fitting:
        outside = indices[(indices < 0) | (indices >= INDEX_END)]
        if len(outside) == 0:
            return
        got = str(outside[0])
    raise InputError(
        f"indices: expected {count} whole numbers from 0 to 2^31 - 1, one for each image, got {got}."
    )


def check_network(network: keras.Model) -> None:
    """Raise InputError unless the network is a Keras model that maps images of one shape to the scores of classes.

    It has to take floating-point images and emit one array (batch, classes), its weights have to be finite, and it has
    to answer the same image the same way.
    """
    check_takes_images(network)
    check_finite_weights(network)
    _check_same_answers(network)


def check_takes_images(network: keras.Model) -> None:
    """Raise InputError unless the network is a Keras model, on TensorFlow, from images of one shape to classes."""
    if not isinstance(network, keras.Model):
        raise InputError(
            f"network: expected a Keras model, got {_kind(network)}. Load a saved one with "
            "keras.models.load_model(path); make one of a layer by keras.Sequential([keras.Input(shape), layer])."
        )
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"Keras runs on {keras.backend.backend()}, but this project needs TensorFlow: set KERAS_BACKEND=tensorflow "
            "before Keras is imported."
        )
    inputs = getattr(network, "inputs", None) or []
    if not network.built or not inputs:
        raise InputError(
            "network: a fixed input shape is needed, got none. Begin it with keras.Input(...); around a class of your "
            "own: begin = keras.Input(shape); keras.Model(begin, network(begin))."
        )
    if len(inputs) != 1:
        raise InputError(f"network: expected one input, the images, got {len(inputs)}.")
    if None in inputs[0].shape[1:]:
        raise InputError(
            f"network: a fixed input shape is needed, got {tuple(inputs[0].shape)}. Begin it with keras.Input(...)."
        )
    if not keras.backend.is_float_dtype(inputs[0].dtype):
        raise InputError(
            f"network: its input is of type {inputs[0].dtype}, which cuts noise and small changes off. Build it with "
            "keras.Input(..., dtype='float32'); the layers and their weights stay as they are."
        )
    named = getattr(network, "output", None)  # of which Keras gives the shape as if one output had no name
    output = {name: value.shape for name, value in named.items()} if isinstance(named, dict) else network.output_shape
    if not (isinstance(output, tuple) and len(output) == 2 and isinstance(output[1], int) and output[1] >= 2):
        one_number = isinstance(output, tuple) and output[1:] == (1,)
        raise InputError(
            f"network: expected one output of shape (batch, classes) with two classes or more, got {output}. "
            + ("Give one that emits a single number a second logit, fixed at 0." if one_number else
               "Make a model of the output that has the classes: keras.Model(network.inputs, logits).")
        )


def emits_probabilities(network: keras.Model) -> bool:
    """Whether the network's outputs are probabilities; a softmax or sigmoid can hide in any layer.

    Those of a softmax sum to 1. Those of sigmoids stay between 0 and 1 for any image, and come near both for some.
    """
    outputs = tf.cast(answers(network, tf.constant(_random_images(network))), tf.float64).numpy()
    if (outputs >= 0).all() and np.abs(outputs.sum(axis=1) - 1).max() < 1e-2:
        return True
    bounded = outputs
    for probes in _extreme_images(network):
        found = tf.cast(answers(network, tf.constant(probes)), tf.float64).numpy()
        bounded = np.concatenate([bounded, found[np.isfinite(found).all(axis=1)]])
    return bool(((bounded >= 0) & (bounded <= 1)).all() and bounded.min() < 0.1 and bounded.max() > 0.9)


def check_emits(network: keras.Model, outputs: Literal["logits", "probabilities"]) -> None:
    """Raise InputError unless the network emits what is stated."""
    if outputs == "logits":
        check_emits_logits(network, otherwise=" Or state it: outputs='probabilities'.")
    elif not emits_probabilities(network):
        raise InputError("outputs: probabilities are stated, but the network's do not sum to 1. State logits.")


def check_emits_logits(network: keras.Model, otherwise: str = "") -> None:
    """Raise InputError if the network emits probabilities; `otherwise` is a further way out, for the message."""
    if emits_probabilities(network):
        raise InputError(
            f"the network emits probabilities (its last layer is {network.layers[-1].name!r}), but logits are needed. "
            f"Build it without the softmax, or set that layer's activation to keras.activations.linear.{otherwise}"
        )


def _check_same_answers(network: keras.Model) -> None:
    """Each image is asked about twice, the second time in another place and among other images."""
    images = _random_images(network)
    others = 1 - images
    half = len(images) // 2
    first = tf.cast(answers(network, tf.constant(images)), tf.float64).numpy()
    again = tf.cast(answers(network, tf.constant(np.concatenate([others[half:], images[half - 1 :: -1]]))), tf.float64)
    second = again.numpy()[: half - 1 : -1]
    with np.errstate(invalid="ignore"):  # what is not finite is told of the user's own images
        differ = np.abs(first[:half] - second).max() > 1e-3 * max(1e-6, np.abs(first).max())
    if differ:
        raise InputError(
            "network: it answers the same image differently each time, with training=False, so that no certificate or "
            "attack could be repeated or resumed. Look for a layer that draws at inference (Dropout called with "
            "training=True), that keeps a state, or that mixes the images of a batch (BatchNormalization called with "
            "training=True), and build the network without it: smoothing adds the noise."
        )


def _random_images(network: keras.Model) -> np.ndarray:
    return np.random.default_rng(0).random((TRIED, *network.input_shape[1:]), np.float32)


def _extreme_images(network: keras.Model) -> Iterator[np.ndarray]:
    """Images far outside any range, as many at a time as the random ones."""
    images = _random_images(network)
    one_colour = np.ones_like(images)
    one_colour[::2] = -1
    for scale in (30.0, 1000.0):
        for pattern in (images, -images, 2 * images - 1, one_colour):
            yield np.float32(scale) * pattern


def _kind(value: object) -> str:
    """What a thing is that is no model."""
    if isinstance(value, str | Path):
        return f"the path {str(value)!r}"
    return f"a {type(value).__module__.split('.')[0]}.{type(value).__name__}".replace("builtins.", "")
