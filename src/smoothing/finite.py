"""Where a network, its images or its answers are not finite: what no vote, gradient or training may rest on.

Compiled graphs hide NaN: oneDNN's ReLU, fused into the convolution before it, makes it 0. So weights and images are
looked at themselves, the network is run eagerly, layer by layer, on a few of the images that it will be given, and in
compiled graphs NaN is carried past what could hide it.
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

SOUND = (
    keras.layers.InputLayer, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D,
    keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D, keras.layers.Dense, keras.layers.Activation,
    keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.Softmax, keras.layers.Flatten, keras.layers.Reshape,
    keras.layers.Permute, keras.layers.Dropout, keras.layers.SpatialDropout2D, keras.layers.GaussianNoise,
    keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.Rescaling,
    keras.layers.MaxPooling2D, keras.layers.AveragePooling2D, keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D, keras.layers.ZeroPadding2D, keras.layers.UpSampling2D, keras.layers.Add,
    keras.layers.Concatenate, keras.layers.Identity,
)  # fmt: skip
"""Layers that give no NaN where weights and inputs are finite, with activations of Keras's own."""


def float_images(images: Any) -> np.ndarray:
    """Images as float32.

    Raises:
        InputError: they are no numbers, no array, or complex.
    """
    try:
        found = np.asarray(images)
    except ValueError as error:
        raise InputError(f"images: expected an array of numbers ({error}).") from error
    if found.dtype.kind not in "fiub" and found.dtype.name not in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        raise InputError(f"images: expected real numbers, got {found.dtype}. Convert them, e.g. to float32.")
    with np.errstate(over="ignore"):  # what is infinite afterwards is told as such
        return found.astype(np.float32, copy=False)


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
    """Raise InputError where a weight is NaN, or a trainable one infinite; the message names the first such layer.

    An infinity that is not trained may be meant, as in a mask.
    """
    for weight in network.weights:
        if not weight.dtype.startswith(("float", "bfloat")):
            continue
        # A sum that is finite is of finite numbers; where it is not, each is looked at.
        if tf.math.is_finite(tf.reduce_sum(tf.cast(weight.value, tf.float32))):
            continue
        broken = ~tf.math.is_finite(weight.value) if weight.trainable else tf.math.is_nan(weight.value)
        if tf.reduce_any(broken):
            layer = [network.name, *weight.path.split("/")][-2]
            raise InputError(
                f"network: weights of layer {layer!r} are not finite (NaN or infinity), as after a training that "
                "diverged. Train it anew, with a smaller learning rate."
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
        outputs = answers(network, tried)
    for layer, values in found:
        if _is_of_rows(values, tried):
            _refuse(tf.math.is_nan(values), f"layer {layer.name!r} of the network gives NaN", indices)
    _refuse(~tf.math.is_finite(outputs), "the network's outputs are not finite", indices)


def check_finite_with_noise(
    network: keras.Model, images: np.ndarray, sigma: float, seed: int, indices: np.ndarray | None = None
) -> None:
    """`check_finite_outputs` of the first few images with Gaussian noise."""
    clean = images[:TRIED]
    noise = np.random.default_rng(seed).standard_normal(clean.shape, np.float32)
    check_finite_outputs(network, clean + np.float32(sigma) * noise, indices)


def answers(network: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """The network's outputs at inference, its images packed as its one input is: alone, in a list or by a name."""
    structure = getattr(network, "_inputs_struct", None)
    if isinstance(structure, list | tuple | dict):
        images = keras.tree.pack_sequence_as(structure, [images])
    return network(images, training=False)


def showing_nan(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network at inference, whose outputs for an image are NaN where a layer gave NaN, for use in a graph.

    Only layers that can make NaN of finite numbers are watched; a network without them costs no more than it does.
    """
    suspects = [part for part in _parts(network) if not _is_sound(part)]

    def outputs(images: tf.Tensor) -> tf.Tensor:
        with _outputs_of_layers(network, suspects) as found:
            given = answers(network, images)
        # What is inside a loop of the graph, as of a recurrent layer, can't be seen from here.
        seen = [values for _, values in found if _is_of_rows(values, images) and _is_here(values)]
        if not seen:
            return given
        flat = [tf.reshape(values, [tf.shape(values)[0], -1]) for values in seen]
        broken = tf.reduce_any([tf.reduce_any(tf.math.is_nan(rows), axis=1) for rows in flat], axis=0)
        return tf.where(broken[:, None], tf.constant(np.nan, given.dtype), given)

    return outputs


def _is_of_rows(values: tf.Tensor, images: tf.Tensor) -> bool:
    return values.dtype.is_floating and values.shape.rank not in (None, 0) and values.shape[:1] == images.shape[:1]


def _is_here(values: tf.Tensor) -> bool:
    return not tf.is_symbolic_tensor(values) or values.graph is tf.compat.v1.get_default_graph()


def _is_sound(part: keras.Operation) -> bool:
    if isinstance(part, keras.Model):
        return True  # its parts are looked at
    module = getattr(getattr(part, "activation", None), "__module__", "keras.src.activations")
    return type(part) in SOUND and module.startswith("keras.src.activations")


def _parts(network: keras.Model) -> list[keras.Operation]:
    """The layers of a network and of the models inside it, and the operations between layers."""
    models = [network, *(layer for layer in network._flatten_layers() if isinstance(layer, keras.Model))]
    operations = [part for model in models for part in getattr(model, "operations", [])]
    return list({id(part): part for part in [*network._flatten_layers(include_self=False), *operations]}.values())


def _refuse(broken: tf.Tensor, what: str, indices: np.ndarray | None) -> None:
    rows = np.flatnonzero(tf.reduce_any(tf.reshape(broken, [len(broken), -1]), axis=1).numpy())
    if len(rows):
        name = rows[0] if indices is None else indices[rows[0]]
        raise InputError(
            f"{what} for image {name}; so it can't be used. Look at the layer's weights, and at what it does with "
            "values near or below 0 (logarithms, roots, divisions) or very large ones."
        )


@contextmanager
def _outputs_of_layers(
    network: keras.Model, parts: list[keras.Operation] | None = None
) -> Iterator[list[tuple[keras.Operation, tf.Tensor]]]:
    """While it lasts, all that parts of the network give is added to a list, in that order; by default all parts."""
    found: list[tuple[keras.Operation, tf.Tensor]] = []

    def watched(part: keras.Operation, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*values: Any, **options: Any) -> Any:
            result = call(*values, **options)
            found.extend((part, value) for value in keras.tree.flatten(result) if tf.is_tensor(value))
            return result

        return noted

    parts = _parts(network) if parts is None else parts
    own = {id(part): part.__dict__["call"] for part in parts if "call" in part.__dict__}
    # Not through Keras, which would take the function for a part of the layer's state.
    for part in parts:
        object.__setattr__(part, "call", watched(part, part.call))
    try:
        yield found
    finally:
        for part in parts:
            if id(part) in own:
                object.__setattr__(part, "call", own[id(part)])
            else:
                object.__delattr__(part, "call")
