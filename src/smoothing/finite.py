"""Where a network, its images or its answers are not finite: what no vote, gradient or training may rest on.

Compiled graphs hide NaN: oneDNN's ReLU, fused into the convolution before it, makes it 0. So weights and images are
looked at themselves, and the network is run eagerly, layer by layer, on a few of the images that it will be given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from src.base import InputError

TRIED = 8
"""Images that a network is run on eagerly."""


def check_finite_images(images: np.ndarray, indices: np.ndarray | None = None) -> None:
    """Raise InputError unless all values are finite; the message names the first image with one that is not.

    Args:
        images: (batch, ...) floating-point numbers.
        indices: (batch,) the images' names; their positions by default.
    """
    if np.isfinite(np.sum(images, dtype=np.float64)):
        return
    finite = np.isfinite(images).all(axis=tuple(range(1, images.ndim)))
    if not finite.all():
        place = int(np.argmin(finite))
        name = place if indices is None else indices[place]
        raise InputError(
            f"images: image {name} has a value that is not finite (NaN or infinity). Repair it or leave it out."
        )


def check_finite_weights(network: keras.Model) -> None:
    """Raise InputError unless all weights are finite; the message names the first layer with one that is not."""
    for layer in network._flatten_layers(include_self=False):
        for weight in [] if list(layer._flatten_layers(include_self=False)) else layer.weights:
            if weight.dtype.startswith(("float", "bfloat")) and not _all_finite(weight.value):
                raise InputError(
                    f"network: weights of layer {layer.name!r} are not finite (NaN or infinity), as after a training "
                    "that diverged. Train it anew, with a smaller learning rate."
                )


def check_finite_outputs(network: keras.Model, images: np.ndarray, indices: np.ndarray | None = None) -> None:
    """Run the network eagerly on the first few images, and raise InputError where a layer gives NaN.

    The network's outputs have to be finite; inside it an infinity may be meant, as in a mask.

    Args:
        images: (batch, ...) float32, in the shape of the network's input.
        indices: (batch,) the images' names; their positions by default.
    """
    if len(images) == 0:
        return
    tried = tf.constant(images[:TRIED], tf.float32)
    with _outputs_of_layers(network) as found:
        outputs = network(tried, training=False)
    for layer, values in found:
        if values.dtype.is_floating and values.shape[:1] == tried.shape[:1]:
            _refuse(tf.math.is_nan(values), f"layer {layer.name!r} of the network gives NaN", indices)
    _refuse(~tf.math.is_finite(outputs), "the network's outputs are not finite", indices)


def _refuse(broken: tf.Tensor, what: str, indices: np.ndarray | None) -> None:
    rows = np.flatnonzero(tf.reduce_any(tf.reshape(broken, [len(broken), -1]), axis=1).numpy())
    if len(rows):
        name = rows[0] if indices is None else indices[rows[0]]
        raise InputError(
            f"{what} for image {name}; so it can't be used. Look at the layer's weights, and at what it does with "
            "values near or below 0 (logarithms, roots, divisions) or very large ones."
        )


@contextmanager
def _outputs_of_layers(network: keras.Model) -> Iterator[list[tuple[keras.Layer, tf.Tensor]]]:
    """While it lasts, all that a layer of the network gives in an eager run is added to a list, in that order."""
    found: list[tuple[keras.Layer, tf.Tensor]] = []

    def watched(layer: keras.Layer, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*values: Any, **options: Any) -> Any:
            result = call(*values, **options)
            tensors = [value for value in keras.tree.flatten(result) if tf.is_tensor(value)]
            found.extend((layer, value) for value in tensors if not tf.is_symbolic_tensor(value))
            return result

        return noted

    layers = list(network._flatten_layers(include_self=False))
    # Not through Keras, which would take the function for a part of the layer's state.
    for layer in layers:
        object.__setattr__(layer, "call", watched(layer, layer.call))
    try:
        yield found
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _all_finite(values: tf.Tensor) -> bool:
    # A sum of float32 can overflow only where single values nearly do; then each is looked at.
    return bool(tf.math.is_finite(tf.reduce_sum(tf.cast(values, tf.float32)))) or bool(
        tf.reduce_all(tf.math.is_finite(values))
    )
