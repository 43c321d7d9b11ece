"""Keras networks as users bring them: kinds that have to work, and kinds that have to be refused with a way out."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers
SHAPE = (6, 6, 1)
CLASSES = 3


def images_of(count: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape), np.float32)


def dense(shape: tuple[int, ...] = SHAPE, dtype: str | None = None) -> keras.Model:
    return keras.Sequential([keras.Input(shape), layers.Flatten(dtype=dtype), layers.Dense(CLASSES, dtype=dtype)])


class OwnClass(keras.Model):
    """A convolution and a dense layer, as a class of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = layers.Conv2D(4, 3, activation="relu")
        self.flat, self.dense = layers.Flatten(), layers.Dense(CLASSES)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return self.dense(self.flat(self.convolution(images)))


def around_own_class() -> keras.Model:
    begin = keras.Input(SHAPE)
    return keras.Model(begin, OwnClass()(begin))


def with_attention() -> keras.Model:
    """The layer gives scores beside its values."""
    begin = keras.Input((6, 6))
    values, scores = layers.MultiHeadAttention(2, 4)(begin, begin, return_attention_scores=True)
    both = layers.concatenate([layers.Flatten()(values), layers.Flatten()(scores)])
    return keras.Model(begin, layers.Dense(CLASSES)(both))


def recurrent() -> keras.Model:
    """The layer gives its states beside its value."""
    begin = keras.Input((6, 6))
    return keras.Model(begin, layers.Dense(CLASSES)(layers.concatenate(layers.LSTM(5, return_state=True)(begin))))


def reused() -> keras.Model:
    """Layers of one model in another, as when a softmax is taken off."""
    first = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(CLASSES), layers.Softmax()])
    return keras.Sequential([keras.Input(SHAPE), *first.layers[:-1]])


LEGITIMATE: dict[str, Callable[[], keras.Model]] = {
    "a class of one's own": around_own_class,
    "a class of one's own in a Sequential": lambda: keras.Sequential([keras.Input(SHAPE), OwnClass()]),
    "a model in a model": lambda: keras.Sequential([keras.Input(SHAPE), layers.Rescaling(2.0), dense()]),
    "layers of another model": reused,
    "attention with scores": with_attention,
    "recurrent with states": recurrent,
    "images without channels": lambda: dense((6, 6)),
    "rows of numbers": lambda: dense((12,)),
    "images with depth": lambda: dense((3, 4, 2, 1)),
    "float16": lambda: dense(dtype="float16"),
    "bfloat16": lambda: dense(dtype="bfloat16"),
    "float64": lambda: dense(dtype="float64"),
    "mixed_float16": lambda: dense(dtype="mixed_float16"),
    "batch normalisation": lambda: keras.Sequential(
        [keras.Input(SHAPE), layers.BatchNormalization(), layers.Flatten(), layers.Dense(CLASSES)]
    ),
}


class AlwaysDropout(layers.Dropout):
    """Drops at inference, too."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return super().call(inputs, training=True)


def several_outputs() -> keras.Model:
    begin = keras.Input(SHAPE)
    flat = layers.Flatten()(begin)
    return keras.Model(begin, [layers.Dense(CLASSES)(flat), layers.Dense(2)(flat)])


def named_outputs() -> keras.Model:
    begin = keras.Input(SHAPE)
    return keras.Model(begin, {"logits": layers.Dense(CLASSES)(layers.Flatten()(begin))})


def two_inputs() -> keras.Model:
    first, second = keras.Input(SHAPE), keras.Input(SHAPE)
    return keras.Model([first, second], layers.Dense(CLASSES)(layers.Flatten()(layers.Add()([first, second]))))


def integer_input() -> keras.Model:
    begin = keras.Input(SHAPE, dtype="uint8")
    return keras.Model(begin, layers.Dense(CLASSES)(layers.Flatten()(layers.Rescaling(1 / 255)(begin))))


def with_broken_weights(value: float) -> keras.Model:
    network = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3, activation="relu", name="broken"),
                                layers.Flatten(), layers.Dense(CLASSES)])  # fmt: skip
    kernel, bias = network.get_layer("broken").get_weights()
    kernel[0, 0, 0, 0] = value
    network.get_layer("broken").set_weights([kernel, bias])
    return network


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a function": (lambda: lambda images: images, "expected a Keras model, got a function"),
    "a path": (lambda: "mine.keras", r"got the path 'mine\.keras'\. Load a saved one with keras\.models\.load_model"),
    "a tf.Module": (tf.Module, r"expected a Keras model, got a tensorflow\.Module"),
    "a class of one's own, not begun": (OwnClass, r"keras\.Model\(begin, network\(begin\)\)"),
    "random at inference": (
        lambda: keras.Sequential([keras.Input(SHAPE), layers.Flatten(), AlwaysDropout(0.5), layers.Dense(CLASSES)]),
        "answers the same image differently each time",
    ),
    "integer input": (integer_input, r"its input is of type uint8.*keras\.Input\(\.\.\., dtype='float32'\)"),
    "several outputs": (several_outputs, r"expected one output.*keras\.Model\(network\.inputs, logits\)"),
    "named outputs": (named_outputs, r"expected one output.*keras\.Model\(network\.inputs, logits\)"),
    "one number": (
        lambda: keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1)]),
        "a second logit, fixed at 0",
    ),
    "two inputs": (two_inputs, "expected one input, the images, got 2"),
    "weights that are NaN": (lambda: with_broken_weights(np.nan), "weights of layer 'broken' are not finite"),
    "weights that are infinite": (lambda: with_broken_weights(np.inf), "weights of layer 'broken' are not finite"),
}
