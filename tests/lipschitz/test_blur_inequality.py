"""The three inequalities over random layers, where they are attained, and where they would not hold. About 10 seconds.

Layers here are sums of shifted images in NumPy, written without a Fourier transform. Hypothesis is derandomized: there
are no false alarms.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.base import InputError
from src.lipschitz.blur_inequality import (
    AVERAGING,
    Constants,
    attained,
    circular_constants,
    commuting_constant,
    envelope,
    normalised,
    zero_padded_constants,
)
from src.perturbations.blur import BoxBlur, GaussianBlur, MotionBlur

LAYERS = settings(max_examples=150, derandomize=True, deadline=None)
"""Random layers of each property; there are six properties."""

RELATIVE, ABSOLUTE = 1 + 1e-9, 1e-12
"""What rounding may add to a left side."""


def correlated(images: np.ndarray, weights: np.ndarray, circular: bool) -> np.ndarray:
    """A layer's linear part, `same` padding: (n, h, w, inputs) x (a, b, inputs, outputs) -> (n, h, w, outputs)."""
    rows, columns = (side // 2 for side in weights.shape[:2])
    if not circular:
        images = np.pad(images, [(0, 0), (rows,) * 2, (columns,) * 2, (0, 0)])
    result = np.zeros((*images.shape[:3], weights.shape[3]))
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            shifted = np.roll(images, (rows - row, columns - column), axis=(1, 2))
            result += shifted @ weights[row, column]
    return result if circular else result[:, rows : result.shape[1] - rows, columns : result.shape[2] - columns]


def blurred(images: np.ndarray, kernel: np.ndarray, circular: bool) -> np.ndarray:
    """Every channel convolved with the same kernel."""
    channels = images.shape[3]
    flipped = kernel[::-1, ::-1, np.newaxis, np.newaxis]
    return correlated(images, flipped * np.eye(channels), circular)


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


@st.composite
def layers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (2, h, w, inputs), weights (a, b, inputs, outputs) with odd sides, and biases."""
    sides = st.integers(1, 9)
    odd = st.sampled_from([1, 3, 5])
    inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = rng.normal(size=(2, draw(sides), draw(sides), inputs))
    weights = rng.normal(size=(draw(odd), draw(odd), inputs, outputs))
    if draw(st.booleans()):
        images, weights = np.abs(images), np.abs(weights)  # where nothing cancels
    return images, weights, rng.normal(size=outputs)


@st.composite
def averages(draw: st.DrawFn) -> np.ndarray:
    """Kernels that are non-negative and sum to 1."""
    named = st.sampled_from(
        [GaussianBlur(0.4), GaussianBlur(1.0), BoxBlur(3), BoxBlur(5), MotionBlur(5, 0), MotionBlur(3, 30)]
    )
    if draw(st.booleans()):
        return draw(named).kernel()
    odd = st.sampled_from([1, 3, 5])
    kernel = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).exponential(size=(draw(odd), draw(odd)))
    return kernel / kernel.sum()


@st.composite
def any_kernels(draw: st.DrawFn) -> np.ndarray:
    """Kernels with negative values, of any sum, too."""
    odd = st.sampled_from([1, 3, 5])
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(size=(draw(odd), draw(odd)))
    return random if draw(st.booleans()) else draw(averages())


def ratio(change: np.ndarray, images: np.ndarray) -> float:
    """The larger of the two images' ||change|| / ||image||."""
    norms = np.sqrt((change**2).sum(axis=(1, 2, 3))), np.sqrt((images**2).sum(axis=(1, 2, 3)))
    return float((norms[0] / norms[1]).max())


def in_order(constants: Constants) -> bool:
    chain = [constants.bound, constants.product, constants.absolute, constants.parameters]
    return all(tighter <= looser * RELATIVE + ABSOLUTE for tighter, looser in itertools.pairwise(chain))


class TestT1:
    @LAYERS
    @given(layers(), any_kernels(), st.integers(1, 3))
    def test_circular(self, layer: tuple[np.ndarray, ...], kernel: np.ndarray, stride: int) -> None:
        images, weights, bias = layer
        found = circular_constants(weights, kernel, images.shape[1:3])
        outputs = [relu(correlated(x, weights, True) + bias) for x in (images, blurred(images, kernel, True))]
        change = (outputs[0] - outputs[1])[:, ::stride, ::stride]
        assert ratio(change, images) <= found.bound * RELATIVE + ABSOLUTE
        assert in_order(found)

    @LAYERS
    @given(layers(), any_kernels(), st.integers(1, 3))
    def test_zeros_around(self, layer: tuple[np.ndarray, ...], kernel: np.ndarray, stride: int) -> None:
        images, weights, bias = layer
        found = zero_padded_constants(weights, kernel, images.shape[1:3])
        outputs = [relu(correlated(x, weights, False) + bias) for x in (images, blurred(images, kernel, False))]
        change = (outputs[0] - outputs[1])[:, ::stride, ::stride]
        assert found.joint is None
        assert ratio(change, images) <= found.bound * RELATIVE + ABSOLUTE
        assert in_order(found)

    @LAYERS
    @given(layers(), any_kernels())
    def test_the_circular_constant_is_attained_by_the_linear_part(
        self, layer: tuple[np.ndarray, ...], kernel: np.ndarray
    ) -> None:
        images, weights, _ = layer
        shape = images.shape[1:]
        # The linear part as a matrix, column by column.
        basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
        columns = correlated(basis - blurred(basis, kernel, True), weights, True).reshape(len(basis), -1)
        found = circular_constants(weights, kernel, shape[:2])
        assert found.joint == pytest.approx(np.linalg.norm(columns, 2), rel=1e-9, abs=1e-9)

    def test_joint_does_not_hold_with_zeros_around(self) -> None:
        weights = (np.array([1, 4, 6, 4, 1]) / 16).reshape(1, 5, 1, 1)
        kernel = np.array([[1, 2, 1]]) / 4
        pixel = np.ones((1, 1, 1, 1))
        change = correlated(pixel - blurred(pixel, kernel, False), weights, False)
        assert change.item() == pytest.approx(3 / 16)
        joint = circular_constants(weights, kernel, (1, 3600)).joint
        assert joint == pytest.approx(4 / 27, rel=1e-5)
        assert joint < change.item() <= zero_padded_constants(weights, kernel, (1, 1)).bound

    def test_joint_does_not_hold_on_larger_images_either(self) -> None:
        weights = (np.array([1, 4, 6, 4, 1]) / 16).reshape(1, 5, 1, 1)
        kernel = np.array([[1, 2, 1]]) / 4
        basis = np.eye(16).reshape(16, 1, 16, 1)
        columns = correlated(basis - blurred(basis, kernel, False), weights, False).reshape(16, 16)
        norm = np.linalg.norm(columns, 2)
        assert 1.05 * 4 / 27 < norm <= zero_padded_constants(weights, kernel, (1, 16)).bound

    @LAYERS
    @given(layers(), any_kernels())
    def test_what_is_attained_is_the_norm_of_the_linear_part(
        self, layer: tuple[np.ndarray, ...], kernel: np.ndarray
    ) -> None:
        images, weights, _ = layer
        shape = images.shape[1:]
        basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
        columns = correlated(basis - blurred(basis, kernel, False), weights, False).reshape(len(basis), -1)
        norm = np.linalg.norm(columns, 2)
        assert norm <= zero_padded_constants(weights, kernel, shape[:2]).bound * RELATIVE + ABSOLUTE
        assert attained(weights, kernel, shape[:2]) <= norm * RELATIVE + ABSOLUTE
        assert attained(weights, kernel, shape[:2], 300) == pytest.approx(norm, rel=0.02, abs=1e-9)

    def test_values_of_a_known_layer(self) -> None:
        # A difference of neighbours, blurred by a swap of neighbours: symbols 1 - exp(-i xi) twice, at most 2.
        weights, kernel = np.array([1.0, -1.0, 0.0]).reshape(1, 3, 1, 1), np.array([[1.0, 0.0, 0.0]])
        assert circular_constants(weights, kernel, (1, 8)) == Constants(
            joint=pytest.approx(4), product=pytest.approx(4), absolute=pytest.approx(4), parameters=pytest.approx(4)
        )

    def test_batch_normalisation_multiplies_the_rows(self) -> None:
        rng = np.random.default_rng(0)
        weights, scale, images = rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4), rng.normal(size=(2, 6, 6, 2))
        assert np.allclose(
            correlated(images, normalised(weights, scale), True), correlated(images, weights, True) * scale
        )


class TestT2:
    @LAYERS
    @given(layers(), any_kernels())
    def test_circular(self, layer: tuple[np.ndarray, ...], kernel: np.ndarray) -> None:
        images, weights, bias = layer
        linear = correlated(images, weights, True)
        change = (linear + bias) - (correlated(blurred(images, kernel, True), weights, True) + bias)
        assert ratio(change, linear) <= commuting_constant(kernel, images.shape[1:3]) * RELATIVE + ABSOLUTE
        assert np.allclose(change, linear - blurred(linear, kernel, True))

    def test_different_blurs_for_channels_do_not_commute(self) -> None:
        rng = np.random.default_rng(1)
        images, weights = rng.normal(size=(1, 8, 8, 2)), rng.normal(size=(3, 3, 2, 2))
        kernels = [GaussianBlur(0.5).kernel(), BoxBlur(3).kernel()]

        def each_its_own(values: np.ndarray) -> np.ndarray:
            return np.concatenate([blurred(values[..., [c]], kernels[c], True) for c in (0, 1)], axis=3)

        first, second = correlated(each_its_own(images), weights, True), each_its_own(correlated(images, weights, True))
        assert np.abs(first - second).max() > 0.1

    def test_with_zeros_around_it_holds_inside_alone(self) -> None:
        rng = np.random.default_rng(2)
        images, weights = rng.normal(size=(2, 12, 12, 2)), rng.normal(size=(3, 3, 2, 3))
        kernel = BoxBlur(5).kernel()
        difference = blurred(correlated(images, weights, False), kernel, False) - correlated(
            blurred(images, kernel, False), weights, False
        )
        border = max(1, 2)  # the larger of the radii
        assert np.abs(difference[:, border:-border, border:-border]).max() < 1e-12
        assert np.abs(difference).max() > 0.1


class TestT3:
    @LAYERS
    @given(layers(), averages())
    def test_circular(self, layer: tuple[np.ndarray, ...], kernel: np.ndarray) -> None:
        images, weights, bias = layer
        sharp, soft = (relu(correlated(x, weights, True) + bias) for x in (images, blurred(images, kernel, True)))
        bound = envelope(sharp, kernel)
        assert np.allclose(bound, blurred(sharp, kernel, True))
        assert (soft <= bound + 1e-9 * (1 + sharp.max())).all()
        norms = [float(np.linalg.norm(values)) for values in (sharp - soft, sharp)]
        assert norms[0] <= AVERAGING * norms[1] * RELATIVE + ABSOLUTE

    def test_a_shifted_checkerboard_attains_it(self) -> None:
        board = (np.indices((6, 6)).sum(axis=0) % 2).astype(float)[np.newaxis, :, :, np.newaxis]
        shift = np.array([[1.0, 0.0, 0.0]])
        identity = np.ones((1, 1, 1, 1))
        sharp, soft = (relu(correlated(x, identity, True)) for x in (board, blurred(board, shift, True)))
        assert np.linalg.norm(sharp - soft) == pytest.approx(AVERAGING * np.linalg.norm(sharp))

    def test_a_stride_breaks_it(self) -> None:
        board = (np.indices((6, 6)).sum(axis=0) % 2).astype(float)[np.newaxis, :, :, np.newaxis]
        soft = blurred(board, np.array([[1.0, 0.0, 0.0]]), True)
        assert np.linalg.norm(board[:, ::2, ::2]) == 0 and np.linalg.norm(soft[:, ::2, ::2]) == 3

    def test_a_gaussian_may_change_more_than_all_of_the_output(self) -> None:
        """A layer that is ReLU alone; one pixel is bright, its neighbour so dark that both are below 0 when blurred."""
        image = np.zeros((1, 1, 16, 1))
        image[0, 0, 7:9, 0] = -2.0, 1.0
        sharp, soft = relu(image), relu(blurred(image, GaussianBlur(1.0).kernel(), True))
        assert soft[0, 0, 8, 0] == 0 and soft[0, 0, 9:12].min() > 0
        assert 1 < np.linalg.norm(sharp - soft) / np.linalg.norm(sharp) <= AVERAGING

    def test_a_kernel_that_does_not_average_breaks_it(self) -> None:
        board = np.ones((1, 4, 4, 1))
        with pytest.raises(InputError, match="kernel: expected an average, got values from 2 with sum 2"):
            envelope(board, np.array([[2.0]]))
        with pytest.raises(InputError, match="kernel: expected an average"):
            envelope(board, np.array([[-1.0, 3.0, -1.0]]))
        with pytest.raises(InputError, match="outputs: expected those of a ReLU, got -1"):
            envelope(-board, np.array([[1.0]]))

    def test_with_zeros_around_it_holds_inside(self) -> None:
        rng = np.random.default_rng(3)
        images, weights = rng.normal(size=(2, 12, 12, 2)), rng.normal(size=(3, 3, 2, 3))
        bias, kernel, border = np.full(3, 2.0), GaussianBlur(0.5).kernel(), 2
        sharp, soft = (relu(correlated(x, weights, False) + bias) for x in (images, blurred(images, kernel, False)))
        excess = soft - blurred(sharp, kernel, False)
        assert excess[:, border:-border, border:-border].max() < 1e-12
        # At the border zeros darken the blurred outputs below those of the blurred image, which the bias keeps bright.
        assert excess.max() > 0.1


@pytest.mark.parametrize(
    ("weights", "kernel", "shape", "message"),
    [
        (np.ones((3, 3, 1)), np.ones((3, 3)), (4, 4), r"weights: expected \(height, width, inputs, outputs\)"),
        (np.ones((3, 3, 1, 0)), np.ones((3, 3)), (4, 4), "weights: expected"),
        (np.ones((3, 3, 1, 1)), np.ones((2, 3)), (4, 4), r"kernel: expected \(height, width\) with odd sides"),
        (np.ones((3, 3, 1, 1)), np.ones(3), (4, 4), "kernel: expected"),
        (np.ones((3, 3, 1, 1)), np.ones((3, 3)), (4, 0), "shape: expected the height and width"),
        (np.full((3, 3, 1, 1), np.nan), np.ones((3, 3)), (4, 4), "weights: expected finite numbers"),
        (np.ones((3, 3, 1, 1)), np.full((3, 3), np.inf), (4, 4), "kernel: expected finite numbers"),
    ],
)
def test_bad_input_is_named(weights: np.ndarray, kernel: np.ndarray, shape: tuple[int, int], message: str) -> None:
    for constants in (circular_constants, zero_padded_constants, attained):
        with pytest.raises(InputError, match=message):
            constants(weights, kernel, shape)


def test_other_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="weights: expected odd sides, got 2x3"):
        attained(np.ones((2, 3, 1, 1)), np.ones((3, 3)), (4, 4))
    with pytest.raises(InputError, match="scale: expected a number for each of 4 outputs"):
        normalised(np.ones((3, 3, 2, 4)), np.ones(3))
    average = np.full((3, 3), 1 / 9)
    for outputs, message in (
        (np.ones((4, 4, 1)), r"outputs: expected \(n, height, width, channels\)"),
        (np.full((1, 4, 4, 1), -1.0), "outputs: expected those of a ReLU, got -1"),
        (np.full((1, 4, 4, 1), np.nan), "outputs: expected those of a ReLU, got nan"),
    ):
        with pytest.raises(InputError, match=message):
            envelope(outputs, average)
    with pytest.raises(InputError, match="kernel: expected an average"):
        envelope(np.ones((1, 4, 4, 1)), 2 * average)
