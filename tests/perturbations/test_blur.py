"""Kernels average, and each blur does to images what its kernel says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage, stats

from src.base import InputError
from src.lipschitz.blur_inequality import commuting_constant
from src.perturbations.blur import TRUNCATE, Blur, Boundary, BoxBlur, GaussianBlur, MotionBlur

BLURS: list[Blur] = [
    GaussianBlur(0.25), GaussianBlur(1.0), GaussianBlur(3.0), BoxBlur(3), BoxBlur(7), MotionBlur(3, 0),
    MotionBlur(9, 45), MotionBlur(5, 90), MotionBlur(7, 200.5),
]  # fmt: skip


@pytest.mark.parametrize("blur", BLURS, ids=str)
class TestEveryBlur:
    def test_its_kernel_averages(self, blur: Blur) -> None:
        kernel = blur.kernel()
        assert kernel.ndim == 2 and all(side % 2 for side in kernel.shape)
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-12)
        # The picture stays where it is.
        assert np.allclose(kernel, kernel[::-1, ::-1])

    @pytest.mark.parametrize("boundary", ["reflect", "constant", "wrap"])
    def test_images_are_convolved_with_it(self, blur: Blur, boundary: Boundary) -> None:
        images = np.random.default_rng(0).random((3, 16, 13, 2)).astype(np.float32)
        expected = ndimage.convolve(images, blur.kernel()[np.newaxis, :, :, np.newaxis], mode=boundary)
        found = blur.apply(images, boundary)
        assert found.dtype == np.float32
        assert np.allclose(found, expected, atol=1e-5)


def test_a_gaussian_has_the_variance_of_its_name() -> None:
    for sigma in (1.0, 2.0, 3.0):
        kernel = GaussianBlur(sigma).kernel()
        places = np.arange(len(kernel)) - len(kernel) // 2
        # Cut off after four standard deviations, it lacks 0.1% of its variance.
        assert (kernel.sum(axis=0) * places**2).sum() == pytest.approx(sigma**2, rel=0.005)


def test_what_cutting_off_a_gaussian_may_change() -> None:
    """Beyond the cut the density is convex, so that each sample is at most its integral over the pixel.

    A line loses at most the two tails, the plane twice that, and what is lost is added to what is left.
    """
    cut_off = 8 * stats.norm.sf(TRUNCATE)
    symbols, lost = [], []
    for sigma in (0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 6.0):
        kernel = GaussianBlur(sigma).kernel()
        radius, far = len(kernel) // 2, math.ceil(9 * sigma)
        line = np.exp(-0.5 * (np.arange(-far, far + 1) / sigma) ** 2)
        whole = np.outer(line, line) / line.sum() ** 2
        lost.append(np.abs(whole - np.pad(kernel, far - radius)).sum())
        symbols.append(commuting_constant(kernel, (28, 28)))
        # Its transform is positive.
        assert commuting_constant(whole, (28, 28)) < 1 + 1e-12
    assert 0.5 * cut_off < max(lost) < cut_off
    # So that T2's constant may pass 1, by that much.
    assert 1 < max(symbols) < 1 + cut_off


def test_the_same_blur_at_twice_the_resolution() -> None:
    assert GaussianBlur(1.5).at(0.5) == GaussianBlur(0.75)
    # A picture of large pixels, blurred and then reduced, is the small one blurred.
    small = np.random.default_rng(1).random((1, 28, 28, 1))
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    reduced = GaussianBlur(4.0).apply(large, "wrap").reshape(1, 28, 2, 28, 2, 1).mean(axis=(2, 4))
    assert np.abs(reduced - GaussianBlur(2.0).apply(small, "wrap")).max() < 0.01
    assert np.abs(small - GaussianBlur(2.0).apply(small, "wrap")).max() > 0.1


def test_motion_is_along_its_line() -> None:
    horizontal = np.zeros((3, 3))
    horizontal[1] = 1 / 3
    assert np.allclose(MotionBlur(3, 0).kernel(), horizontal)
    assert np.allclose(MotionBlur(3, 90).kernel(), horizontal.T)
    rising = MotionBlur(9, 45).kernel()
    rows, columns = np.nonzero(rising > 0.02)
    # Anticlockwise from the right: up, where rows are few, at large columns.
    assert np.corrcoef(rows, columns)[0, 1] < -0.9
    reach = np.abs(np.nonzero(rising)[0] - 4).max()
    assert reach == math.ceil(4 * math.sin(math.pi / 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianBlur(0), "sigma: expected a positive number of pixels, got 0"),
        (lambda: GaussianBlur(math.nan), "sigma: expected"),
        (lambda: GaussianBlur("a"), "sigma: expected a positive number of pixels, got 'a'"),
        (lambda: BoxBlur(4), "width: expected an odd number of at least 3 pixels, got 4"),
        (lambda: BoxBlur(1), "width: expected"),
        (lambda: BoxBlur(3.0), r"width: expected an odd number of at least 3 pixels, got 3\.0"),
        (lambda: MotionBlur(math.nan, 0), "length: expected"),
        (lambda: MotionBlur(2, 0), "length: expected an odd number"),
        (lambda: MotionBlur(3, math.inf), "angle: expected a finite number of degrees"),
    ],
)
def test_bad_input_is_named(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]
