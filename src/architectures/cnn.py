"""The convolutional network of the resolution study, at any width."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from src.base import InputError


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
        """The same network with every width multiplied by `factor` (image side / 28 in the paper).

        Raises:
            InputError: a width would not be a positive whole number.
        """
        widths = [width * factor for width in (*self.filters, self.units)]
        if any(width < 1 or width != int(width) for width in widths):
            raise InputError(f"width factor {factor}: gives widths {widths}; each must be a positive whole number.")
        first, second, units = (int(width) for width in widths)
        return CNNConfig((first, second), units, self.dropout)


def build_cnn(
    config: CNNConfig, input_shape: tuple[int, int, int], num_classes: int, precision: str = "float32"
) -> keras.Model:
    """Two 3x3 convolutions, dropout and two dense layers (Nissan 2023, Figure 2), emitting logits.

    Args:
        config: the widths.
        input_shape: (height, width, channels); images are float32 in [0, 1].
        num_classes: the number of logits.
        precision: "float32" or "bfloat16" (activations; weights and logits stay float32).

    Returns:
        A Keras model, (batch, height, width, channels) float32 -> (batch, num_classes) float32 logits.
    """
    policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(config.filters[0], 3, padding="same", activation="relu", dtype=policy),
            layers.Conv2D(config.filters[1], 3, padding="same", activation="relu", dtype=policy),
            layers.Dropout(config.dropout, dtype=policy),
            layers.Flatten(dtype=policy),
            layers.Dense(config.units, activation="relu", dtype=policy),
            layers.Dense(num_classes, dtype="float32"),
        ],
        name="cnn",
    )
