"""Blurs: what each does to images, and the kernel with which it convolves every channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
from scipy import ndimage

from src.base import InputError

Boundary = Literal["reflect", "constant", "wrap"]
"""What lies outside an image: its mirror image, zeros, or the image again; named as in scipy.ndimage."""

TRUNCATE = 4.0
"""Standard deviations after which a Gaussian kernel is cut off."""


@dataclass(frozen=True)
class GaussianBlur:
    """A Gaussian, cut off after TRUNCATE standard deviations.

    Attributes:
        sigma: standard deviation in pixels.

    Raises:
        InputError: sigma is not a positive number.
    """

    sigma: float

    def __post_init__(self) -> None:
        if not (isinstance(self.sigma, Real) and math.isfinite(self.sigma) and self.sigma > 0):
            raise InputError(f"sigma: expected a positive number of pixels, got {self.sigma!r}.")

    def kernel(self) -> np.ndarray:
        """(height, width) float64, odd sides, non-negative, sum 1."""
        radius = int(TRUNCATE * self.sigma + 0.5)
        line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / self.sigma) ** 2)
        line /= line.sum()
        return np.outer(line, line)

    def apply(self, images: np.ndarray, boundary: Boundary) -> np.ndarray:
        """The images blurred: (n, height, width, channels) float, of their own type."""
        sigma = (0, self.sigma, self.sigma, 0)
        return ndimage.gaussian_filter(images, sigma, mode=boundary, truncate=TRUNCATE)

    def columns(self) -> dict[str, str | float]:
        """What a record says of the blur."""
        return {"blur": "gaussian", "size": self.sigma, "angle": 0.0}

    def at(self, scale: float) -> GaussianBlur:
        """The same blur of a picture with `scale` times as many pixels a side."""
        return GaussianBlur(self.sigma * scale)


@dataclass(frozen=True)
class BoxBlur:
    """The mean of a square.

    Attributes:
        width: of the square in pixels, odd.

    Raises:
        InputError: the width is not an odd number of at least 3 pixels.
    """

    width: int

    def __post_init__(self) -> None:
        _refuse_even("width", self.width)

    def kernel(self) -> np.ndarray:
        """(height, width) float64, odd sides, non-negative, sum 1."""
        return np.full((self.width, self.width), 1 / self.width**2)

    def apply(self, images: np.ndarray, boundary: Boundary) -> np.ndarray:
        """The images blurred: (n, height, width, channels) float, of their own type."""
        return ndimage.uniform_filter(images, (1, self.width, self.width, 1), mode=boundary)

    def columns(self) -> dict[str, str | float]:
        """What a record says of the blur."""
        return {"blur": "box", "size": float(self.width), "angle": 0.0}


@dataclass(frozen=True)
class MotionBlur:
    """The mean along a straight line through the pixel.

    Attributes:
        length: of the line in pixels, odd.
        angle: of the line in degrees, from the horizontal, anticlockwise.

    Raises:
        InputError: the length is not an odd number of at least 3 pixels, or the angle is not finite.
    """

    length: int
    angle: float

    def __post_init__(self) -> None:
        _refuse_even("length", self.length)
        if not math.isfinite(self.angle):
            raise InputError(f"angle: expected a finite number of degrees, got {self.angle!r}.")

    def kernel(self) -> np.ndarray:
        """(height, width) float64, odd sides, non-negative, sum 1; between pixels shared out bilinearly."""
        radius = self.length // 2
        along = np.arange(-radius, radius + 1)
        direction = math.radians(self.angle)
        # Rounded, so that a vertical line's cosine of 6e-17 does not widen the kernel.
        rows = np.round(-along * math.sin(direction), 9) + radius
        columns = np.round(along * math.cos(direction), 9) + radius
        kernel = np.zeros((self.length + 1, self.length + 1))
        for row, column in zip(rows, columns, strict=True):
            top, left = int(row), int(column)
            down, right = row - top, column - left
            kernel[top : top + 2, left : left + 2] += np.outer([1 - down, down], [1 - right, right])
        return kernel[: self.length, : self.length] / self.length

    def apply(self, images: np.ndarray, boundary: Boundary) -> np.ndarray:
        """The images blurred: (n, height, width, channels) float, of their own type."""
        return ndimage.convolve(images, self.kernel()[np.newaxis, :, :, np.newaxis], mode=boundary)

    def columns(self) -> dict[str, str | float]:
        """What a record says of the blur."""
        return {"blur": "motion", "size": float(self.length), "angle": self.angle}


def _refuse_even(name: str, pixels: int) -> None:
    if not isinstance(pixels, int) or pixels < 3 or pixels % 2 == 0:
        raise InputError(f"{name}: expected an odd number of at least 3 pixels, got {pixels!r}.")


Blur = GaussianBlur | BoxBlur | MotionBlur
