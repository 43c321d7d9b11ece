"""DeepFool: the exact distance on linear networks, and honest where it finds nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from src.architectures.cnn import CNNConfig, build_cnn
from src.attacks.balls import Norm, lengths
from src.attacks.deepfool import DeepFool
from src.base import Bounds, InputError

NORMS: tuple[Norm, ...] = ("linf", "l2")
DUAL = {"linf": 1, "l2": 2}


def linear(weights: np.ndarray, bias: np.ndarray) -> keras.Model:
    network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(len(bias))])
    network.layers[-1].set_weights([weights, bias])
    return network


@pytest.mark.parametrize("norm", NORMS)
def test_distance_of_a_linear_network(norm: Norm) -> None:
    """To the nearest boundary: min over k of |z_y - z_k| / the dual norm of w_y - w_k; Foolbox overshoots by 2%."""
    random = np.random.default_rng(0)
    weights, bias = random.normal(size=(36, 4)), random.normal(size=4)
    network = linear(weights, bias)
    images = random.uniform(0, 1, (150, 6, 6, 1)).astype(np.float32)
    logits = images.reshape(150, 36) @ weights + bias
    labels = logits.argmax(axis=1)
    exact = np.array([
        min((z[y] - z[k]) / np.linalg.norm(weights[:, y] - weights[:, k], DUAL[norm]) for k in range(4) if k != y)
        for z, y in zip(logits, labels, strict=True)
    ])
    found = DeepFool(network, norm, Bounds(-9.0, 9.0))(images, labels)
    assert (network(found.images).numpy().argmax(axis=1) != labels).all()
    assert found.distances.dtype == np.float64
    np.testing.assert_array_equal(found.distances, lengths(found.images - images, norm))
    # 1e-4 is what Foolbox adds for numerical stability.
    np.testing.assert_allclose(found.distances, 1.02 * (exact + 1e-4), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_where_none_is_found_the_image_stays_clean(norm: Norm) -> None:
    """A network that answers 0 within the bounds whatever the image; beside it, one that is wrong already."""
    network = linear(np.full((36, 2), [0.0, 0.01]), np.array([10.0, 0.0]))
    images = np.random.default_rng(0).uniform(0, 1, (3, 6, 6, 1)).astype(np.float32)
    found = DeepFool(network, norm)(images, np.array([0, 1, 0]))
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.distances, [np.inf, 0, np.inf])


@pytest.mark.parametrize("norm", NORMS)
def test_a_result_depends_on_neither_batch_nor_order_and_stays_within_bounds(norm: Norm) -> None:
    network = build_cnn(CNNConfig((4, 8), 16), (7, 7, 1), 5, seed=1)
    images = np.random.default_rng(0).random((130, 7, 7, 1), np.float32)
    labels = network(images).numpy().argmax(axis=1)
    attack = DeepFool(network, norm)
    together = attack(images, labels)
    assert np.isfinite(together.distances).all()
    assert (network(together.images).numpy().argmax(axis=1) != labels).all()
    assert together.images.min() >= 0
    assert together.images.max() <= 1
    order = np.random.default_rng(1).permutation(130)
    shuffled = attack(images[order], labels[order])
    np.testing.assert_array_equal(shuffled.images, together.images[order])
    np.testing.assert_array_equal(shuffled.distances, together.distances[order])


def test_empty_and_bad_input() -> None:
    network = linear(np.eye(36, 2), np.zeros(2))
    empty = DeepFool(network, "l2")(np.zeros((0, 6, 6, 1)), np.zeros(0, int))
    assert empty.images.shape == (0, 6, 6, 1)
    assert empty.distances.shape == (0,)
    with pytest.raises(InputError, match=r"norm: .*got 'l1'"):
        DeepFool(network, "l1")
    with pytest.raises(InputError, match="give DeepFool other bounds"):
        DeepFool(network, "l2")(np.full((1, 6, 6, 1), 2.0), np.zeros(1, int))
