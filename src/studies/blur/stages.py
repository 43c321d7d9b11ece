"""A network as a chain of stages, each with its Lipschitz constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np

from src.base import InputError
from src.lipschitz.blur_inequality import gain
from src.lipschitz.conv_layers import ConvLayer, conv_layers, refuse_unknown_activation

Kind = Literal["conv", "pool", "dense"]


@dataclass(frozen=True)
class Stage:
    """One layer of a network that changes more than its values' arrangement.

    Attributes:
        place: among the stages, from 0.
        name: its kind and its number among those of its kind, from 1: "conv 2". (Keras's names count on through a
            process, and so differ from run to run.)
        kind: convolution with its activation, pooling, or dense layer with its activation.
        apply: features (n, ...) float32 -> outputs (n, ...) float32.
        lipschitz: bounds ||output(a) - output(b)|| / ||a - b||, in l2.
        convolution: of a convolution.
    """

    place: int
    name: str
    kind: Kind
    apply: Callable[[np.ndarray], np.ndarray]
    lipschitz: float
    convolution: ConvLayer | None = None


def stages(network: keras.Sequential) -> list[Stage]:
    """The stages of a chain of convolutions, poolings that do not overlap, and dense layers.

    Dropout and flattening, which change no length at inference, are part of the stage after them; after the last stage
    they are left out.

    Args:
        network: built, its layers one after the other.

    Raises:
        InputError: it has a layer of another kind, poolings overlap, or an activation is not known to be 1-Lipschitz.
    """
    convolutions = iter(conv_layers(network))
    found: list[Stage] = []
    waiting: list[keras.layers.Layer] = []
    for layer in network.layers:
        waiting.append(layer)
        if isinstance(layer, keras.layers.Dropout | keras.layers.Flatten):
            continue
        kind, lipschitz, convolution = _described(layer, convolutions.__next__)
        name = f"{kind} {1 + sum(before.kind == kind for before in found)}"
        found.append(Stage(len(found), name, kind, _together(tuple(waiting)), lipschitz, convolution))
        waiting = []
    return found


def _described(
    layer: keras.layers.Layer, convolution: Callable[[], ConvLayer]
) -> tuple[Kind, float, ConvLayer | None]:
    match layer:
        case keras.layers.Conv2D():
            found = convolution()
            return "conv", gain(found.weights, found.shape), found
        case keras.layers.MaxPooling2D() if np.all(np.greater_equal(layer.strides, layer.pool_size)):
            return "pool", 1.0, None
        case keras.layers.Dense():
            refuse_unknown_activation(layer)
            weights = np.asarray(layer.kernel, np.float64)
            # The largest singular value; the smaller Gram matrix has it squared.
            gram = weights.T @ weights if weights.shape[0] > weights.shape[1] else weights @ weights.T
            return "dense", float(np.sqrt(np.linalg.eigvalsh(gram)[-1])), None
    raise InputError(
        f"layer {layer.name} ({type(layer).__name__}): only Conv2D, MaxPooling2D that does not overlap, Dense, Dropout "
        "and Flatten are known here. Take another network."
    )


def _together(layers: tuple[keras.layers.Layer, ...]) -> Callable[[np.ndarray], np.ndarray]:
    def apply(features: np.ndarray) -> np.ndarray:
        values = keras.ops.convert_to_tensor(features)
        for layer in layers:
            values = layer(values, training=False) if isinstance(layer, keras.layers.Dropout) else layer(values)
        return np.asarray(values, np.float32)

    return apply
