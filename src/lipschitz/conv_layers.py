"""The convolutions of a Keras model, as the inequality needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from src.base import InputError
from src.lipschitz.blur_inequality import Constants, normalised, zero_padded_constants

LIPSCHITZ_ONE = ("linear", "relu", "relu6", "leaky_relu", "elu", "sigmoid", "softplus", "softsign", "tanh")
"""Activations of Keras that act on each value and move no two values further apart, as their defaults are."""


@dataclass(frozen=True)
class ConvLayer:
    """One convolution of a network.

    Attributes:
        place: among the network's convolutions, from 0.
        name: the Keras layer's.
        weights: (height, width, inputs, outputs) float64, with dilation's zeros and groups' blocks filled in.
        shape: (height, width) of its input in pixels.
        keeps_places: whether an output is at the place of its input: stride 1, "same" padding, odd sides.
        output: the Keras tensor that it gives, after its activation.
    """

    place: int
    name: str
    weights: np.ndarray
    shape: tuple[int, int]
    keeps_places: bool
    output: keras.KerasTensor

    def constants(self, kernel: np.ndarray) -> Constants:
        """T1 for this layer, with zeros around the image: also for "valid" padding and any stride."""
        return zero_padded_constants(self.weights, kernel, self.shape)


def conv_layers(network: keras.Model) -> list[ConvLayer]:
    """The Conv2D layers of a network in order, those of models inside it too; other kinds of convolution are left out.

    Args:
        network: built, with images of a fixed size.

    Raises:
        InputError: a convolution's images have no fixed or known size, several, or channels first, its activation is
            not known to be 1-Lipschitz, or it is inside a layer that is no model.
    """
    return [_described(place, layer) for place, layer in enumerate(_convolutions(network))]


def _convolutions(network: keras.Model) -> Iterator[keras.layers.Conv2D]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _convolutions(layer)
        elif isinstance(layer, keras.layers.Conv2D):
            yield layer
        elif any(isinstance(inner, keras.layers.Conv2D) for inner in layer._flatten_layers(include_self=False)):
            raise InputError(
                f"layer {layer.name} ({type(layer).__name__}): it has convolutions whose images are not known from "
                "outside. Build the model of Conv2D layers, or of models of them."
            )


def _described(place: int, layer: keras.layers.Conv2D) -> ConvLayer:
    refuse_unknown_activation(layer)
    if layer.data_format != "channels_last":
        raise InputError(f"layer {layer.name}: expected channels last, got {layer.data_format}.")
    # Keras's own `input` is that of the first use.
    sizes = {tuple(node.input_tensors[0].shape[1:3]) for node in layer._inbound_nodes}
    if not sizes:
        raise InputError(f"layer {layer.name}: the size of its images is not known. Build the model with keras.Input.")
    if len(sizes) != 1:
        found = ", ".join(sorted(map(str, sizes)))
        raise InputError(
            f"layer {layer.name}: it is used for images of several sizes, {found}. Give a network in which it is used "
            "for one: of two models that share it a copy (keras.models.clone_model), in one model a layer for each."
        )
    ((height, width),) = sizes
    if height is None or width is None:
        raise InputError(f"layer {layer.name}: its images have no fixed size. Build the model with one.")
    weights = _in_full(np.asarray(layer.kernel, np.float64), layer.groups, layer.dilation_rate)
    odd = all(side % 2 for side in weights.shape[:2])
    keeps_places = odd and layer.padding == "same" and tuple(layer.strides) == (1, 1)
    return ConvLayer(place, layer.name, weights, (height, width), keeps_places, layer.output)


def refuse_unknown_activation(layer: keras.layers.Layer) -> None:
    """Raise InputError unless the layer's activation is known to be 1-Lipschitz."""
    activation = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    # By more than its name, which a function of the user's may share.
    if activation not in LIPSCHITZ_ONE or layer.activation is not getattr(keras.activations, activation):
        raise InputError(
            f"layer {layer.name}: its activation {activation!r} is not known to be 1-Lipschitz on each value. "
            f"Known are {', '.join(LIPSCHITZ_ONE)}."
        )


def _in_full(weights: np.ndarray, groups: int, dilation: tuple[int, int]) -> np.ndarray:
    rows, columns, inputs, outputs = weights.shape
    spread = np.zeros(((rows - 1) * dilation[0] + 1, (columns - 1) * dilation[1] + 1, inputs * groups, outputs))
    share = outputs // groups
    for group in range(groups):
        own = slice(group * share, (group + 1) * share)
        spread[:: dilation[0], :: dilation[1], group * inputs : (group + 1) * inputs, own] = weights[..., own]
    return spread


def with_normalisation(layer: ConvLayer, normalisation: keras.layers.BatchNormalization) -> ConvLayer:
    """A convolution without an activation of its own, together with the batch normalisation that follows it.

    Args:
        layer: the convolution.
        normalisation: over the last axis; as it is at inference.

    Raises:
        InputError: it is over another axis, or over other channels than the convolution gives.
    """
    if normalisation.axis not in (-1, 3):
        raise InputError(f"layer {normalisation.name}: expected the last axis, got axis {normalisation.axis}.")
    variance = np.asarray(normalisation.moving_variance, np.float64) + normalisation.epsilon
    gamma = np.asarray(normalisation.gamma, np.float64) if normalisation.scale else np.ones_like(variance)
    weights = normalised(layer.weights, gamma / np.sqrt(variance))
    return ConvLayer(layer.place, layer.name, weights, layer.shape, layer.keeps_places, normalisation.output)
