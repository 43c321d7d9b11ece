"""The constants hold for Keras's own layers, whatever their padding, stride, dilation and groups."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from src.architectures.convnet import ConvNetConfig, build_convnet
from src.base import InputError
from src.lipschitz.conv_layers import ConvLayer, conv_layers, with_normalisation
from src.perturbations.blur import Blur, BoxBlur, GaussianBlur, MotionBlur

SETTINGS = [
    {"padding": "same"},
    {"padding": "valid"},
    {"padding": "same", "strides": 2},
    {"padding": "valid", "strides": (1, 3)},
    {"padding": "same", "dilation_rate": 2},
    {"padding": "same", "groups": 2},
    {"padding": "same", "activation": "tanh", "use_bias": False},
    {"padding": "same", "kernel_size": (2, 4)},
]


def outputs(layer: ConvLayer, network: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(keras.Model(network.inputs, layer.output)(images), np.float64)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("blur", [GaussianBlur(1.0), BoxBlur(3), MotionBlur(5, 20)], ids=str)
def test_the_bound_holds_for_a_keras_layer(settings: dict[str, object], blur: Blur) -> None:
    keras.utils.set_random_seed(0)
    options = {"filters": 4, "kernel_size": 3, "activation": "relu", "bias_initializer": "random_normal", **settings}
    network = keras.Sequential([keras.Input((9, 11, 2)), keras.layers.Conv2D(**options)])
    (layer,) = conv_layers(network)
    images = np.random.default_rng(1).normal(size=(50, 9, 11, 2)).astype(np.float32)
    change = outputs(layer, network, images) - outputs(layer, network, blur.apply(images, "constant"))
    ratios = np.linalg.norm(change.reshape(50, -1), axis=1) / np.linalg.norm(images.reshape(50, -1), axis=1)
    assert ratios.max() <= layer.constants(blur.kernel()).bound * (1 + 1e-5)
    assert ratios.max() > 0.05


def test_groups_and_dilation_are_filled_in() -> None:
    keras.utils.set_random_seed(0)
    for settings in ({"groups": 2}, {"dilation_rate": (2, 3)}, {"groups": 2, "dilation_rate": 2}):
        network = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(6, 3, padding="same", **settings)])
        (layer,) = conv_layers(network)
        images = np.random.default_rng(2).normal(size=(2, 8, 8, 4)).astype(np.float32)
        plain = keras.layers.Conv2D(6, layer.weights.shape[:2], padding="same")
        plain.build(images.shape)
        plain.set_weights([layer.weights.astype(np.float32), np.zeros(6, np.float32)])
        assert np.allclose(plain(images), network(images), atol=1e-5)


def test_batch_normalisation_is_part_of_the_layer() -> None:
    keras.utils.set_random_seed(0)
    normalisation = keras.layers.BatchNormalization(
        gamma_initializer="random_uniform", moving_variance_initializer=keras.initializers.RandomUniform(0.1, 2)
    )
    network = keras.Sequential(
        [keras.Input((8, 8, 2)), keras.layers.Conv2D(3, 3, padding="same"), normalisation]
    )
    layer = with_normalisation(conv_layers(network)[0], normalisation)
    images = np.random.default_rng(3).normal(size=(20, 8, 8, 2)).astype(np.float32)
    zero = outputs(layer, network, np.zeros((1, 8, 8, 2), np.float32))
    linear = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)
    linear.build(images.shape)
    linear.set_weights([layer.weights.astype(np.float32)])
    assert np.allclose(outputs(layer, network, images) - zero, linear(images), atol=1e-5)


def test_all_convolutions_of_a_network_are_found() -> None:
    network = build_convnet(ConvNetConfig((4, 8)), (16, 16, 3), 10)
    found = conv_layers(network)
    assert [layer.place for layer in found] == [0, 1, 2, 3]
    assert [layer.shape for layer in found] == [(16, 16), (16, 16), (8, 8), (8, 8)]
    assert [layer.weights.shape for layer in found] == [(3, 3, 3, 4), (3, 3, 4, 4), (3, 3, 4, 8), (3, 3, 8, 8)]
    assert conv_layers(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])) == []


def test_models_inside_a_model_are_looked_into_in_order() -> None:
    inner = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(3, 3), keras.layers.Conv2D(4, 3)])
    network = keras.Sequential([keras.Input((8, 8, 2)), inner, keras.layers.Conv2D(5, 3)])
    found = conv_layers(network)
    assert [layer.weights.shape[2:] for layer in found] == [(2, 3), (3, 4), (4, 5)]
    assert [layer.shape for layer in found] == [(8, 8), (6, 6), (4, 4)]


def test_a_layer_that_is_used_for_other_images_too_is_refused() -> None:
    """Keras keeps the size of the first, for which the constants may be too small."""
    shared = keras.layers.Conv2D(1, 3, padding="same")
    small = keras.Sequential([keras.Input((3, 3, 1)), shared])
    assert [layer.shape for layer in conv_layers(small)] == [(3, 3)]
    large = keras.Sequential([keras.Input((32, 32, 1)), shared])
    for network in (small, large):
        with pytest.raises(InputError, match=rf"layer {shared.name}: .* several sizes, \(3, 3\), \(32, 32\)\."):
            conv_layers(network)
    copy = keras.models.clone_model(keras.Sequential([keras.Input((32, 32, 1)), shared]))
    assert [layer.shape for layer in conv_layers(copy)] == [(32, 32)]


def test_a_network_without_known_sizes_is_refused() -> None:
    network = keras.Sequential([keras.layers.Conv2D(1, 3)])
    with pytest.raises(InputError, match=r"the size of its images is not known\. Build the model with keras\.Input\."):
        conv_layers(network)


def test_convolutions_out_of_sight_are_refused() -> None:
    wrapped = keras.layers.TimeDistributed(keras.layers.Conv2D(1, 3))
    with pytest.raises(InputError, match=r"layer .* \(TimeDistributed\): it has convolutions whose images"):
        conv_layers(keras.Sequential([keras.Input((2, 8, 8, 1)), wrapped]))


def test_an_activation_is_known_by_more_than_its_name() -> None:
    def relu(values: keras.KerasTensor) -> keras.KerasTensor:
        return 10 * keras.ops.relu(values)

    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, activation=relu)])
    with pytest.raises(InputError, match="is not known to be 1-Lipschitz"):
        conv_layers(network)


def test_normalisation_over_another_axis_is_refused() -> None:
    normalisation = keras.layers.BatchNormalization(axis=1)
    network = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(3, 3), normalisation])
    with pytest.raises(InputError, match=r"expected the last axis, got axis 1"):
        with_normalisation(conv_layers(network)[0], normalisation)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8, 8, 2), {"activation": "gelu"}, "its activation 'gelu' is not known to be 1-Lipschitz"),
        ((None, 8, 2), {}, "its images have no fixed size"),
    ],
)
def test_bad_input_is_named(shape: tuple[int, ...], options: dict[str, str], message: str) -> None:
    network = keras.Sequential([keras.Input(shape), keras.layers.Conv2D(1, 3, **options)])
    with pytest.raises(InputError, match=message):
        conv_layers(network)
