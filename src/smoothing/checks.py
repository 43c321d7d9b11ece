"""What a smoothed classifier asks of its input, with messages that say the way out."""

from __future__ import annotations

import math
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from src.base import InputError
from src.smoothing.certification import check_noise_size


def check_sigma(sigma: float) -> None:
    """Raise InputError unless `sigma` is a finite number, 0 or more, of a size that float32 noise can have."""
    if not (math.isfinite(sigma) and sigma >= 0):
        raise InputError(f"sigma: expected a finite number, 0 or more, in the unit of the images, got {sigma}.")
    check_noise_size("sigma", sigma)


def check_draws(name: str, n: float) -> int:
    """The number of draws as an integer; raise InputError unless it is a whole number, 1 or more."""
    if not (math.isfinite(n) and n >= 1 and n == int(n)):
        raise InputError(f"{name}: expected a whole number of votes, at least 1, got {n}.")
    return int(n)


def check_images(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The images as float32; raise InputError unless they are floating-point numbers of the network's shape."""
    if not np.issubdtype(np.asarray(images).dtype, np.floating):
        # Noise on 0-255 with a sigma meant for [0, 1] changes nothing, and nobody notices.
        raise InputError(
            f"images: expected floating-point numbers in the unit of sigma, got {np.asarray(images).dtype}. "
            "Convert them, e.g. to float32 in [0, 1] by dividing by 255."
        )
    images = np.asarray(images, np.float32)
    if images.shape[1:] != shape:
        raise InputError(f"images: expected a batch of images of shape {shape}, got {images.shape}.")
    return images


def check_indices(indices: np.ndarray, count: int) -> None:
    """Raise InputError unless `indices` are `count` whole numbers from 0 to 2^31 - 1."""
    got = f"{indices.dtype} of shape {indices.shape}"
    fitting = indices.shape == (count,) and np.issubdtype(indices.dtype, np.integer)
    if fitting:
        outside = indices[(indices < 0) | (indices >= 2**31)]
        if len(outside) == 0:
            return
        got = str(outside[0])
    raise InputError(
        f"indices: expected {count} whole numbers from 0 to 2^31 - 1, one for each image, got {got}."
    )


def check_shapes(network: keras.Model) -> None:
    """Raise InputError unless the network takes images of one fixed shape and emits two classes or more."""
    inputs = getattr(network, "inputs", None) or []
    if not network.built or not inputs or (len(inputs) == 1 and None in network.input_shape[1:]):
        shape = network.input_shape if network.built and inputs else "none yet"
        raise InputError(f"network: a fixed input shape is needed, got {shape}. Begin it with keras.Input(...).")
    if len(inputs) != 1:
        raise InputError(f"network: expected one input, the images, got {len(inputs)}.")
    output = network.output_shape
    if not (isinstance(output, tuple) and len(output) == 2 and isinstance(output[1], int) and output[1] >= 2):
        raise InputError(
            f"network: expected an output of shape (batch, classes) with two classes or more, got {output}. "
            "Give one that emits a single number a second logit, fixed at 0."
        )


def emits_probabilities(network: keras.Model) -> bool:
    """Whether the network's outputs for random images are probabilities; a softmax can hide in any layer."""
    images = np.random.default_rng(0).random((8, *network.input_shape[1:]), np.float32)
    outputs = tf.cast(network(images, training=False), tf.float64).numpy()
    return bool((outputs >= 0).all() and np.abs(outputs.sum(axis=1) - 1).max() < 1e-2)


def check_emits(network: keras.Model, outputs: Literal["logits", "probabilities"]) -> None:
    """Raise InputError unless the network emits what is stated."""
    if outputs == "logits":
        check_emits_logits(network)
    elif not emits_probabilities(network):
        raise InputError("outputs: probabilities are stated, but the network's do not sum to 1. State logits.")


def check_emits_logits(network: keras.Model) -> None:
    """Raise InputError if the network emits probabilities."""
    if emits_probabilities(network):
        raise InputError(
            f"the network emits probabilities (its last layer is {network.layers[-1].name!r}), but logits are needed. "
            "Build it without the softmax, or set that layer's activation to keras.activations.linear."
        )
