"""How far a convolutional layer's output moves when its input is blurred: three inequalities with their proofs.

z(x) = W * x + b and L = a(z) with an activation a of Lipschitz constant 1 that acts on each value (ReLU, say). K blurs
every channel by the same kernel k; d = delta - k, so that x - Kx = d * x. At a frequency xi, s(xi) is the largest
singular value of the kernels' Fourier matrix (outputs x inputs) and dhat(xi) = 1 - khat(xi). M_oi = ||w_oi||_1 and
m = ||M||_2. Norms without an index are of l2, over all pixels and channels.

None of the constants depends on how far apart x and Kx are: the bounds are in terms of ||x||, hence "non-Lipschitz".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from src.base import InputError

AVERAGING = 2**0.5
"""The constant of `envelope` in l2, for a kernel that averages and for ReLU."""


@dataclass(frozen=True)
class Constants:
    """Bounds of ||L(x) - L(Kx)|| / ||x||, each below the next; the last is the most easily computed.

    Attributes:
        joint: max s(xi) |dhat(xi)|; with a circular boundary only, as it holds no other.
        product: max s(xi) * max |dhat(xi)|.
        absolute: m ||d||_1.
        parameters: m (1 + ||k||_1), of the layer's parameters and the blur's L1 norm alone.
    """

    joint: float | None
    product: float
    absolute: float
    parameters: float

    @property
    def bound(self) -> float:
        """The smallest of these that holds."""
        return self.product if self.joint is None else self.joint


def circular_constants(weights: np.ndarray, kernel: np.ndarray, shape: tuple[int, int]) -> Constants:
    """T1 with a circular boundary: ||L(x) - L(Kx)|| <= C ||x||, C = joint <= product <= absolute <= parameters.

    Proof. a moves no two values further apart, so the left side is at most ||W * d * x||. The discrete Fourier
    transform makes of it, at each frequency, a matrix times dhat(xi) times a vector, whose norm is at most
    s(xi) |dhat(xi)| times the vector's; Parseval sums up. For the linear part C is attained: it is its norm. A maximum
    of a product is at most the product of the maxima. |What_oi(xi)| <= M_oi for every entry, and a matrix has at
    most the norm of one that dominates its absolute values, so s <= m; |dhat| <= ||d||_1 <= 1 + ||k||_1.

    A stride drops outputs: the inequalities stay, C may be attained no more.

    Args:
        weights: (height, width, inputs, outputs), as a Keras layer has them.
        kernel: (height, width) of the blur, odd sides.
        shape: (height, width) of the layer's input in pixels.

    Raises:
        InputError: an array has another shape or values that are not finite, or there are no pixels.
    """
    _check(weights, kernel, shape)
    gains, blurs = _gains(weights, shape), np.abs(_blur_symbol(kernel, shape))
    return _constants(float((gains * blurs).max()), weights, kernel, gains, blurs)


def zero_padded_constants(weights: np.ndarray, kernel: np.ndarray, shape: tuple[int, int]) -> Constants:
    """T1 with zeros around the image: as with a circular boundary, but without `joint`.

    Proof. Let E put an image into a circular grid of zeros that is larger by the wider kernel less one, so that
    nothing wraps around: on it W E x holds every value of the full correlation. Let R and S pick values, R those that
    the blur keeps and S those that the layer gives: of "same" or "valid" padding, an odd or even kernel, any stride.
    ||E|| = 1 and ||R||, ||S|| <= 1, so ||S W E R (I - K) E|| <= ||W|| ||I - K|| on that grid, which is `product`; for
    the other two as with a circular boundary. E R in the middle sets to zero what the blur spills over the border: W
    and I - K don't meet at one frequency, and `joint` may be exceeded. For a single pixel, w = (1, 4, 6, 4, 1) / 16
    and k = (1, 2, 1) / 4, L(x) - L(Kx) = 3/16 x, but max |what dhat| = 4/27 < 3/16.

    Args:
        weights: (height, width, inputs, outputs), as a Keras layer has them.
        kernel: (height, width) of the blur, odd sides.
        shape: (height, width) of the layer's input in pixels.

    Raises:
        InputError: an array has another shape or values that are not finite, or there are no pixels.
    """
    _check(weights, kernel, shape)
    grid = tuple(shape[axis] + max(weights.shape[axis], kernel.shape[axis]) - 1 for axis in (0, 1))
    return _constants(None, weights, kernel, _gains(weights, grid), np.abs(_blur_symbol(kernel, grid)))


def attained(weights: np.ndarray, kernel: np.ndarray, shape: tuple[int, int], iterations: int = 30) -> float:
    """||W * (x - Kx)|| / ||x|| for an x of power iteration: no constant for the linear part is smaller.

    With zeros around the image, stride 1 and "same" padding. It approaches the norm of the linear part from below.

    Args:
        weights: (height, width, inputs, outputs), as a Keras layer has them, odd sides.
        kernel: (height, width) of the blur, odd sides.
        shape: (height, width) of the layer's input in pixels.
        iterations: each costs a few Fourier transforms of all channels.

    Raises:
        InputError: an array has another shape or values that are not finite, or there are no pixels.
    """
    _check(weights, kernel, shape)
    if any(side % 2 == 0 for side in weights.shape[:2]):
        raise InputError(f"weights: expected odd sides, got {weights.shape[0]}x{weights.shape[1]}.")
    grid = tuple(shape[axis] + max(weights.shape[axis], kernel.shape[axis]) - 1 for axis in (0, 1))
    # Keras correlates: a convolution with the kernel turned round.
    turned = np.roll(_wrapped(weights[::-1, ::-1], grid), [-(side // 2) for side in weights.shape[:2]], axis=(0, 1))
    layer, blur = np.fft.rfft2(turned, axes=(0, 1)), _blur_symbol(kernel, grid)[:, :, np.newaxis]

    def through(values: np.ndarray, multiply: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        spectrum = np.fft.rfft2(values, s=grid, axes=(0, 1))
        return np.fft.irfft2(multiply(spectrum), s=grid, axes=(0, 1))[: shape[0], : shape[1]]

    x = np.random.default_rng(0).normal(size=(*shape, weights.shape[2]))
    found = 0.0
    for _ in range(iterations):
        x /= np.linalg.norm(x)
        changed = through(x, lambda values: values * blur)
        outputs = through(changed, lambda values: np.einsum("xyi,xyio->xyo", values, layer))
        found = max(found, float(np.linalg.norm(outputs)))
        back = through(outputs, lambda values: np.einsum("xyo,xyio->xyi", values, layer.conj()))
        x = through(back, lambda values: values * blur.conj())
        if not x.any():
            break
    return found


def gain(weights: np.ndarray, shape: tuple[int, int]) -> float:
    """max s(xi) on the grid of `zero_padded_constants` without a blur: bounds the layer's Lipschitz constant.

    Args:
        weights: (height, width, inputs, outputs), as a Keras layer has them.
        shape: (height, width) of the layer's input in pixels.

    Raises:
        InputError: the weights have another shape or are not finite, or there are no pixels.
    """
    identity = np.ones((1, 1))
    _check(weights, identity, shape)
    grid = tuple(shape[axis] + weights.shape[axis] - 1 for axis in (0, 1))
    return float(_gains(weights, grid).max())


def commuting_constant(kernel: np.ndarray, shape: tuple[int, int]) -> float:
    """T2, circular boundary, stride 1: ||z(x) - z(Kx)|| <= max |dhat(xi)| ||W * x||, whatever the layer.

    Proof. Convolutions commute: W * (d * x) = d * (W * x), and the bias cancels. Parseval. The commuting needs one
    blur for all channels: different ones do not commute with W. With zeros around the image the identity holds at
    pixels whose distance from the border is at least the larger of the two radii: there the layer reads only pixels of
    the image that the blur has kept, and the average only outputs that the layer has given.

    Args:
        kernel: (height, width) of the blur, odd sides.
        shape: (height, width) of the layer's input in pixels.

    Raises:
        InputError: an array has another shape or values that are not finite, or there are no pixels.
    """
    _check_blur(kernel, shape)
    return float(np.abs(_blur_symbol(kernel, shape)).max())


def envelope(outputs: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """T3, ReLU, stride 1, k >= 0, sum k = 1, circular boundary: 0 <= L(Kx) <= k * L(x), the result, at every pixel.

    So ||L(x) - L(Kx)|| <= sqrt(2) ||L(x)||. (With a stride of 2 a checkerboard may give L(x) = 0 and its shift not.)

    Proof. z(Kx) = k * z(x), as convolutions commute and an average leaves the bias alone; ReLU is convex and k an
    average, so that Jensen's inequality gives relu(k * z) <= k * relu(z). Both outputs are non-negative, so their
    scalar product is, and ||L(x) - L(Kx)||^2 <= ||L(x)||^2 + ||L(Kx)||^2 <= (1 + ||khat||_inf^2) ||L(x)||^2 with
    |khat| <= 1. Equality: the shift of a checkerboard by one pixel, and a layer that changes nothing. With zeros
    around the image the first part holds where T2's identity does.

    Args:
        outputs: L(x), (n, height, width, channels), non-negative.
        kernel: (height, width) of the blur, odd sides.

    Raises:
        InputError: the kernel does not average, or the outputs have another shape, or one is negative or no number.
    """
    if outputs.ndim != 4:
        raise InputError(f"outputs: expected (n, height, width, channels), got {outputs.shape}.")
    _check_blur(kernel, outputs.shape[1:3])
    if kernel.min() < 0 or not np.isclose(kernel.sum(), 1):
        raise InputError(f"kernel: expected an average, got values from {kernel.min():g} with sum {kernel.sum():g}.")
    if not outputs.min() >= 0:
        raise InputError(f"outputs: expected those of a ReLU, got {outputs.min():g}.")
    symbol = 1 - _blur_symbol(kernel, outputs.shape[1:3])
    spectrum = np.fft.rfft2(outputs, axes=(1, 2)) * symbol[np.newaxis, :, :, np.newaxis]
    return np.fft.irfft2(spectrum, s=outputs.shape[1:3], axes=(1, 2))


def normalised(weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The weights of a layer together with the batch normalisation after it, which multiplies the rows of M.

    Args:
        weights: (height, width, inputs, outputs).
        scale: (outputs,), gamma / sqrt(variance + epsilon).

    Raises:
        InputError: there are not as many scales as outputs.
    """
    if scale.shape != weights.shape[-1:]:
        raise InputError(f"scale: expected a number for each of {weights.shape[-1]} outputs, got shape {scale.shape}.")
    return weights * scale


def _constants(
    joint: float | None, weights: np.ndarray, kernel: np.ndarray, gains: np.ndarray, blurs: np.ndarray
) -> Constants:
    m = float(np.linalg.norm(np.abs(weights).sum(axis=(0, 1)), 2))
    difference = -kernel.astype(float)
    difference[kernel.shape[0] // 2, kernel.shape[1] // 2] += 1
    return Constants(
        joint=joint,
        product=float(gains.max() * blurs.max()),
        absolute=m * float(np.abs(difference).sum()),
        parameters=m * (1 + float(np.abs(kernel).sum())),
    )


def _gains(weights: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """s at the frequencies of a circular grid, half of them: the others' are the same, as the weights are real."""
    spectrum = np.fft.rfft2(_wrapped(weights, grid), axes=(0, 1))
    return np.linalg.norm(spectrum, 2, axis=(2, 3))


def _blur_symbol(kernel: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """dhat at the same frequencies."""
    centred = np.roll(_wrapped(kernel, grid), [-(side // 2) for side in kernel.shape], axis=(0, 1))
    return 1 - np.fft.rfft2(centred)


def _wrapped(array: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """An array in the corner of a circular grid; what does not fit goes around."""
    result = np.zeros((*grid[:2], *array.shape[2:]))
    rows, columns = (np.arange(array.shape[axis]) % grid[axis] for axis in (0, 1))
    np.add.at(result, np.ix_(rows, columns), array)
    return result


def _check(weights: np.ndarray, kernel: np.ndarray, shape: tuple[int, int]) -> None:
    if weights.ndim != 4 or 0 in weights.shape:
        raise InputError(f"weights: expected (height, width, inputs, outputs), got {weights.shape}.")
    if not np.isfinite(weights).all():
        raise InputError("weights: expected finite numbers; train the layer anew.")
    _check_blur(kernel, shape)


def _check_blur(kernel: np.ndarray, shape: tuple[int, ...]) -> None:
    if kernel.ndim != 2 or any(side % 2 == 0 for side in kernel.shape):
        raise InputError(f"kernel: expected (height, width) with odd sides, got {kernel.shape}.")
    if not np.isfinite(kernel).all():
        raise InputError("kernel: expected finite numbers.")
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"shape: expected the height and width of an image in pixels, got {shape}.")
