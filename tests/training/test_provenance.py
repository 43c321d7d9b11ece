"""What a result says that it was computed with."""

from __future__ import annotations

from importlib.metadata import version

import keras

from src.training.provenance import PACKAGES, provenance
from tests.linear_models import linear_network

layers = keras.layers


def test_packages_device_and_precision_are_stated() -> None:
    found = provenance(linear_network())
    assert found["versions"] == {name: version(name) for name in PACKAGES}
    assert found["device"] in ("CPU", "GPU")
    assert found["precision"] == "float32"


def test_the_precision_is_that_of_layers_with_weights_however_deep() -> None:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="mixed_bfloat16")])
    network = keras.Sequential([keras.Input((4,)), inner, layers.Activation("relu")])
    assert provenance(network)["precision"] == "bfloat16"
    network = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2, dtype="float32")])
    assert provenance(network)["precision"] == "bfloat16, float32"


def test_a_network_without_weights_has_its_own_precision() -> None:
    assert provenance(keras.Sequential([keras.Input((4,)), layers.Activation("relu")]))["precision"] == "float32"
