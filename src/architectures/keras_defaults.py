"""Keras as it is without a configuration of the user's: what shapes a network or its weights is said by the project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keras_defaults() -> Iterator[None]:
    """While it lasts, channels are last, numbers are float32 and epsilon is 1e-7, whatever keras.json says.

    Around whatever builds layers, optimizers or graphs of them; also as a decorator. What the user has set is back
    afterwards.
    """
    import keras  # here, so that modules that are decorated open without TensorFlow

    config = keras.config
    before = config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy()
    _configure("channels_last", "float32", 1e-7, keras.DTypePolicy("float32"))
    try:
        yield
    finally:
        _configure(*before)


def _configure(data_format: str, floatx: str, epsilon: float, policy: object) -> None:
    import keras

    keras.config.set_image_data_format(data_format)
    keras.config.set_floatx(floatx)
    keras.config.set_epsilon(epsilon)
    keras.config.set_dtype_policy(policy)
