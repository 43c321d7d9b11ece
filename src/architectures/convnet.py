"""A small convolutional network for colour images: a convolutional base, and one dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from src.architectures.cnn import Layer
from src.architectures.keras_defaults import keras_defaults
from src.base import InputError, Precision

if TYPE_CHECKING:
    import keras

KERNEL, POOL = 3, 2

INITIALIZATION = 6
"""Sets the weights' seeds apart from others that derive from the same number."""


@dataclass(frozen=True)
class ConvNetConfig:
    """Widths of the network.

    Attributes:
        filters: of each block, two convolutions and a pooling that halves the sides.
        dropout: share of the last block's outputs dropped before the dense layer, in training only.
    """

    filters: tuple[int, ...] = (16, 32, 64)
    dropout: float = 0.25


def layers(config: ConvNetConfig, input_shape: tuple[int, int, int], num_classes: int) -> list[Layer]:
    """The network of `build_convnet` layer by layer, from its configuration alone; poolings are left out.

    Args:
        config: the widths.
        input_shape: (height, width, channels).
        num_classes: the number of logits.
    """
    height, width, inputs = input_shape
    found = [Layer("Image", input_shape, 0)]
    for filters in config.filters:
        for taken in (inputs, filters):
            name = f"Conv {KERNEL}×{KERNEL}\nReLU"
            found.append(Layer(name, (height, width, filters), (KERNEL**2 * taken + 1) * filters))
        height, width, inputs = height // POOL, width // POOL, filters
    flat = height * width * inputs
    return [*found, Layer("Dense\nlogits", (num_classes,), (flat + 1) * num_classes)]


@keras_defaults()
def build_convnet(
    config: ConvNetConfig,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    seed: int = 0,
    precision: Precision = "float32",
) -> keras.Model:
    """Blocks of two Conv 3x3 same ReLU and a max-pooling 2x2, then dropout and one dense layer, emitting logits.

    Poolings do not overlap, so that each is 1-Lipschitz.

    Args:
        config: the widths.
        input_shape: (height, width, channels); images are float32 in [0, 1].
        num_classes: the number of logits.
        seed: of the initial weights (Glorot uniform).
        precision: of the activations; weights and logits stay float32.

    Returns:
        A Keras model, (batch, height, width, channels) float32 -> (batch, num_classes) float32 logits.

    Raises:
        InputError: the images' sides can't be halved so often.
    """
    if any(side % POOL ** len(config.filters) for side in input_shape[:2]):
        step = POOL ** len(config.filters)
        raise InputError(
            f"input_shape: {len(config.filters)} blocks halve the sides so often, which {input_shape[0]}x"
            f"{input_shape[1]} pixels do not allow. Give images whose sides are multiples of {step}."
        )
    import keras  # here, so that a table can read the widths without loading TensorFlow

    policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    kl = keras.layers
    convolution = partial(kl.Conv2D, kernel_size=KERNEL, padding="same", activation="relu", dtype=policy)
    words = np.random.SeedSequence([seed, INITIALIZATION]).generate_state(2 * len(config.filters) + 1) >> 1
    # An initializer with a fixed seed gives every tensor of one shape the same values, so each layer has its own.
    initializers = [keras.initializers.GlorotUniform(int(word)) for word in words]
    network = keras.Sequential([keras.Input(input_shape)], name="convnet")
    for block, filters in enumerate(config.filters):
        for initializer in initializers[2 * block : 2 * block + 2]:
            network.add(convolution(filters, kernel_initializer=initializer))
        network.add(kl.MaxPooling2D(POOL, dtype=policy))
    network.add(kl.Dropout(config.dropout, dtype=policy))
    network.add(kl.Flatten(dtype=policy))
    network.add(kl.Dense(num_classes, kernel_initializer=initializers[-1], dtype="float32"))
    return network
