"""The small network on colour images: its shapes, its sizes, and that its seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from src.architectures.convnet import ConvNetConfig, build_convnet, layers
from src.base import InputError

SHAPE = (32, 32, 3)


@pytest.mark.parametrize("config", [ConvNetConfig(), ConvNetConfig((4, 8)), ConvNetConfig((5,), 0.0)], ids=str)
def test_its_layers_are_known_without_building_it(config: ConvNetConfig) -> None:
    network = build_convnet(config, SHAPE, 10)
    described = layers(config, SHAPE, 10)
    assert sum(layer.parameters for layer in described) == network.count_params()
    built = [tuple(layer.output.shape[1:]) for layer in network.layers if layer.count_params()]
    assert [layer.shape for layer in described[1:]] == built


def test_logits_are_float32_whatever_the_precision() -> None:
    images = np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
    for precision in ("float32", "bfloat16"):
        logits = build_convnet(ConvNetConfig((4, 8)), SHAPE, 10, precision=precision)(images)
        assert logits.shape == (3, 10) and logits.dtype == "float32"


def test_the_seed_decides_and_no_two_layers_are_alike() -> None:
    one, same, other = (build_convnet(ConvNetConfig((4, 4)), SHAPE, 10, seed=seed) for seed in (1, 1, 2))
    for first, second, third in zip(one.get_weights(), same.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(first, second)
        assert not first.any() or not np.array_equal(first, third)
    alike = [weights.tobytes() for weights in one.get_weights() if weights.shape == (3, 3, 4, 4)]
    assert len(alike) == len(set(alike)) == 3


def test_sides_that_can_not_be_halved_are_refused() -> None:
    with pytest.raises(InputError, match=r"3 blocks halve .* 28x28 pixels do not allow.*multiples of 8"):
        build_convnet(ConvNetConfig(), (28, 28, 3), 10)
