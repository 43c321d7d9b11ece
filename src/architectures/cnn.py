"""The convolutional network of the resolution study, at any width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from src.architectures.keras_defaults import keras_defaults
from src.base import InputError, Precision

if TYPE_CHECKING:
    import keras

KERNEL = 3

INITIALIZATION = 1
"""Sets the weights' seeds apart from others that derive from the same number."""


@dataclass(frozen=True)
class CNNConfig:
    """Widths of the base network (28x28 images); `scaled` gives the other resolutions'.

    Attributes:
        filters: channels of the two 3x3 convolutions.
        units: width of the hidden dense layer.
        dropout: share of activations dropped after the convolutions, in training only.
    """

    filters: tuple[int, int] = (28, 64)
    units: int = 128
    dropout: float = 0.5

    def scaled(self, factor: float) -> CNNConfig:
        """The same network with every width multiplied by `factor`, rounded (image side / 28 in the paper).

        Raises:
            InputError: a width would fall below one, or the factor is not finite.
        """
        if not math.isfinite(factor):
            raise InputError(f"width factor: expected a finite number, got {factor}.")
        first, second, units = (round(width * factor) for width in (*self.filters, self.units))
        if min(first, second, units) < 1:
            raise InputError(f"width factor {factor}: a layer would have no units; take a larger factor.")
        return CNNConfig((first, second), units, self.dropout)


@dataclass(frozen=True)
class Layer:
    """One layer of the network.

    Attributes:
        name: what it does, at most three short lines.
        shape: of its output, without the batch.
        parameters: how many it trains.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int


def layers(config: CNNConfig, side: int, num_classes: int) -> list[Layer]:
    """The network of `build_cnn` layer by layer, from its configuration alone.

    Args:
        config: the widths.
        side: of the square gray images, in pixels.
        num_classes: the number of logits.
    """
    (first, second), units = config.filters, config.units
    flat = side * side * second
    return [
        Layer("Image", (side, side, 1), 0),
        Layer(f"Conv {KERNEL}×{KERNEL}\nReLU", (side, side, first), (KERNEL**2 + 1) * first),
        Layer(f"Conv {KERNEL}×{KERNEL}\nReLU", (side, side, second), (KERNEL**2 * first + 1) * second),
        Layer(f"Dropout\n{config.dropout:g}", (side, side, second), 0),
        Layer("Flatten", (flat,), 0),
        Layer("Dense\nReLU", (units,), (flat + 1) * units),
        Layer("Dense\nlogits", (num_classes,), (units + 1) * num_classes),
    ]


def parameters(config: CNNConfig, side: int, num_classes: int) -> int:
    """How many numbers the network trains."""
    return sum(layer.parameters for layer in layers(config, side, num_classes))


@keras_defaults()
def build_cnn(
    config: CNNConfig,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    seed: int = 0,
    precision: Precision = "float32",
) -> keras.Model:
    """Two 3x3 convolutions, dropout and two dense layers (Nissan 2023, Figure 2), emitting logits.

    Args:
        config: the widths.
        input_shape: (height, width, channels); images are float32 in [0, 1].
        num_classes: the number of logits.
        seed: of the initial weights (Glorot uniform).
        precision: of the activations; weights and logits stay float32.

    Returns:
        A Keras model, (batch, height, width, channels) float32 -> (batch, num_classes) float32 logits.
    """
    import keras  # here, so that a table can read the widths without loading TensorFlow

    policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    kl = keras.layers
    convolution = partial(kl.Conv2D, kernel_size=KERNEL, padding="same", activation="relu", dtype=policy)
    # An initializer with a fixed seed gives every tensor of one shape the same values, so each layer has its own.
    seeds = [int(word) for word in np.random.SeedSequence([seed, INITIALIZATION]).generate_state(4) >> 1]
    first, second, hidden, last = (keras.initializers.GlorotUniform(word) for word in seeds)
    return keras.Sequential(
        [
            keras.Input(input_shape),
            convolution(config.filters[0], kernel_initializer=first),
            convolution(config.filters[1], kernel_initializer=second),
            kl.Dropout(config.dropout, dtype=policy),
            kl.Flatten(dtype=policy),
            kl.Dense(config.units, activation="relu", kernel_initializer=hidden, dtype=policy),
            kl.Dense(num_classes, kernel_initializer=last, dtype="float32"),
        ],
        name="cnn",
    )
