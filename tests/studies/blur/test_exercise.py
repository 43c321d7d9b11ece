"""The notebook's exercise on the repository's own network."""

from __future__ import annotations

import re

import pytest

from src.base import InputError
from src.studies.blur.exercise import blur_digit, small_network


def test_a_network_of_the_repository_is_asked() -> None:
    assert small_network().variant == "Downscaled"


@pytest.mark.parametrize("digit", [0, 7])
def test_a_slight_blur_changes_no_answer_and_no_bound_is_broken(digit: int) -> None:
    attempt = blur_digit(digit, 0.4)
    assert attempt.lines[0] == f"A {digit}: the network says {digit} of the sharp image and {digit} of the blurred one."
    changes = re.findall(r"(conv \d): .* is ([\d.]+) \|\|x\|\|; the bound is ([\d.]+)", str(attempt))
    assert [name for name, _, _ in changes] == ["conv 1", "conv 2"]
    assert all(0 < float(found) <= float(bound) for _, found, bound in changes)
    assert [image.shape for image in attempt.images.values()] == [(14, 14)] * 3


def test_more_blur_takes_more_away() -> None:
    taken = [abs(list(blur_digit(4, sigma).images.values())[2] - 0.5).sum() for sigma in (0.5, 1.0, 2.0)]
    assert taken == sorted(taken)


def test_a_blur_within_a_pixel_is_not_held_against_a_bound() -> None:
    text = str(blur_digit(7, 0.3))
    assert "nan" not in text and text.count("too small for its pixels") == 2


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="sigma: expected a positive number of pixels, got 0"):
        blur_digit(7, 0)
    with pytest.raises(InputError, match="digit: expected 0 to 9, got 12"):
        blur_digit(12, 1.0)
