from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from src.base import LabeledImages
from src.datasets import resolution
from src.datasets.mnist import Mnist
from src.studies.resolution import images as images_of
from src.studies.resolution import plan
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    NORMAL,
    PAPER,
    RELEASED,
    SMOKE,
    UPSCALED_AI,
    WRITTEN,
    Profile,
    Protocol,
    Variant,
)
from src.studies.resolution.images import training_images
from src.training import networks
from src.training.trial import TrialFolder

QUIET = replace(RELEASED, train_noise=0.0)
"""The released protocol's images before the noise."""

GRAY = 128
"""0.15 is 38 levels, so that noise from here is clipped beyond 3.3 standard deviations: once in 1,200 pixels."""


def few(count: int) -> Profile:
    return replace(PAPER, train_images=count)


def labeled(images: np.ndarray) -> LabeledImages:
    indices = np.arange(len(images))
    return LabeledImages(images, indices % 10, indices)


@pytest.fixture(scope="module")
def mnist() -> Mnist:
    """Of MNIST's size. Each image holds noise and its own index, so that no two are alike."""
    generator = np.random.default_rng(0)
    sets = []
    for count in (60_000, 10_000):
        images = np.broadcast_to(generator.integers(0, 256, (28, 28, 1), np.uint8), (count, 28, 28, 1)).copy()
        images[:, 0, :3, 0] = np.arange(count, dtype=">u4").view(np.uint8).reshape(count, 4)[:, 1:]
        sets.append(labeled(images))
    return Mnist(*sets)


@pytest.fixture(scope="module")
def gray() -> Mnist:
    flat = labeled(np.full((60_000, 28, 28, 1), GRAY, np.uint8))
    return Mnist(flat, flat.take(slice(0, 10_000)))


Make = Callable[..., LabeledImages]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(
        mnist: Mnist, profile: Profile, protocol: Protocol, variant: Variant = NORMAL, seed: int = 0
    ) -> LabeledImages:
        return training_images(mnist, profile, protocol, variant, seed, tmp_path / "cache", None)

    return made


class TestTrainingImages:
    def test_released_takes_exactly_the_subset_twice(self, mnist: Mnist, make: Make) -> None:
        images = make(mnist, PAPER, QUIET)
        subset = plan.train_order()[48_000:]
        np.testing.assert_array_equal(images.indices, np.tile(subset, 2))
        np.testing.assert_array_equal(images.labels, mnist.train.labels[np.tile(subset, 2)])
        np.testing.assert_array_equal(images.images, mnist.train.images[np.tile(subset, 2)])

    def test_released_repeats_the_same_noisy_images(self, mnist: Mnist, make: Make) -> None:
        """The noise is stored in the files, not drawn anew at the second pass."""
        images = make(mnist, few(50), RELEASED)
        assert len(images) == 100
        np.testing.assert_array_equal(images.indices[:50], plan.train_order()[48_000:48_050])
        np.testing.assert_array_equal(images.images[:50], images.images[50:])
        clean = mnist.train.images[images.indices]
        assert (images.images != clean).reshape(100, -1).any(axis=1).all()

    def test_written_takes_the_other_48_000_once_as_they_are(self, mnist: Mnist, make: Make) -> None:
        images = make(mnist, PAPER, WRITTEN)
        np.testing.assert_array_equal(images.indices, plan.train_order()[:48_000])
        np.testing.assert_array_equal(images.labels, mnist.train.labels[images.indices])
        np.testing.assert_array_equal(images.images, mnist.train.images[images.indices])

    @pytest.mark.parametrize(("protocol", "passes"), [(RELEASED, 2), (WRITTEN, 1)])
    def test_fewer_images_are_the_first_of_more(
        self, mnist: Mnist, make: Make, protocol: Protocol, passes: int
    ) -> None:
        small, large = (make(mnist, few(count), protocol) for count in (5, 20))
        assert (len(small), len(large)) == (5 * passes, 20 * passes)
        np.testing.assert_array_equal(small.indices[:5], large.indices[:5])
        np.testing.assert_array_equal(small.images[:5], large.images[:5])

    @pytest.mark.parametrize(
        ("protocol", "variant", "side", "resample"),
        [
            (QUIET, CONTROL, 56, Image.Resampling.BICUBIC),
            (QUIET, CONTROL_SMALL, 56, Image.Resampling.BICUBIC),
            (WRITTEN, CONTROL, 56, Image.Resampling.BILINEAR),
            (WRITTEN, CONTROL_SMALL, 56, Image.Resampling.BILINEAR),
            (QUIET, DOWNSCALED, 14, Image.Resampling.BILINEAR),
            (WRITTEN, DOWNSCALED, 14, Image.Resampling.BILINEAR),
        ],
    )
    def test_filters(
        self,
        mnist: Mnist,
        make: Make,
        tmp_path: Path,
        protocol: Protocol,
        variant: Variant,
        side: int,
        resample: Image.Resampling,
    ) -> None:
        for made, source in (
            (make(mnist, few(3), protocol, variant), mnist.train),
            (images_of.test_images(mnist, 3, protocol, variant, tmp_path / "cache", None), mnist.test),
        ):
            assert made.images.shape[1:] == (side, side, 1)
            for image, index in zip(made.images, made.indices, strict=True):
                expected = Image.fromarray(source.images[index, :, :, 0]).resize((side, side), resample)
                np.testing.assert_array_equal(image[..., 0], np.asarray(expected))


class TestNoise:
    """Chances of a false alarm are given for each statistical test, though with fixed seeds it passes or fails once."""

    def test_has_mean_0_and_sd_015_where_little_is_clipped(self, gray: Mnist, make: Make) -> None:
        images = make(gray, few(400), RELEASED).images[:400]
        values = (images.astype(float) - GRAY) / 255
        count = values.size
        # Clipping to [-128, 127] / 255 and rounding to a level change the variance by a known, small amount.
        low, high = ((end - GRAY) / 255 / 0.15 for end in (0, 255))
        normal = stats.norm
        inside = normal.cdf(high) - normal.cdf(low) + low * normal.pdf(low) - high * normal.pdf(high)
        variance = 0.15**2 * (inside + low**2 * normal.cdf(low) + high**2 * normal.sf(high)) + (1 / 255) ** 2 / 12
        # Five standard errors each: 1 in 900,000 by chance. 0.15 is told from 0.152.
        assert abs(values.mean()) < 5 * 0.15 / count**0.5
        assert abs(values.std() - variance**0.5) < 5 * 0.15 / (2 * count) ** 0.5
        assert variance**0.5 == pytest.approx(0.15, rel=1e-3)

    def test_is_gaussian(self, gray: Mnist, make: Make) -> None:
        values = make(gray, few(100), RELEASED).images[:100].ravel().astype(int)
        # Cells 20 levels wide around the mean; at 1e-6 a false alarm comes once in a million seeds.
        edges = np.array([0, *range(29, 230, 20), 256])
        observed, _ = np.histogram(values, edges)
        probabilities = np.diff(stats.norm.cdf((edges - 0.5 - GRAY) / (0.15 * 255)))
        probabilities[0], probabilities[-1] = (stats.norm.cdf((end - GRAY) / 38.25) for end in (28.5, 2 * GRAY - 228.5))
        assert stats.chisquare(observed, probabilities / probabilities.sum() * len(values)).pvalue > 1e-6

    @pytest.mark.parametrize("level", [0, 255])
    def test_is_clipped(self, make: Make, level: int) -> None:
        flat = labeled(np.full((60_000, 28, 28, 1), level, np.uint8))
        images = make(Mnist(flat, flat), few(100), RELEASED).images
        assert images.dtype == np.uint8
        # Half of the noise points outwards, where it must not wrap around; and what rounds to the end stays there.
        share = (images == level).mean()
        expected = stats.norm.cdf(0.5 / 38.25)
        # Five standard errors: 1 in 1.7 million by chance.
        assert abs(share - expected) < 5 * 0.5 / (100 * 784) ** 0.5
        # Six standard deviations of noise reach 230 levels at most: by chance in 1 of 12,000 seeds.
        assert np.abs(images.astype(int) - level).max() < 230

    def test_is_rounded_to_the_nearest_level(self, gray: Mnist, make: Make) -> None:
        """Cutting off the fraction would shift the mean by half a level; see the standard error."""
        values = make(gray, few(400), RELEASED).images[:400].astype(float)
        error = 38.25 / values.size**0.5
        assert error < 0.5 / 5
        assert abs(values.mean() - GRAY) < 0.25

    def test_differs_by_image_and_seed_and_repeats(self, gray: Mnist, make: Make) -> None:
        one, again, other = (make(gray, few(20), RELEASED, seed=seed).images[:20] for seed in (3, 3, 4))
        np.testing.assert_array_equal(one, again)
        assert len({image.tobytes() for image in [*one, *other]}) == 40
        # Independent, not merely unequal: the correlation's standard error is 0.008; five of them, 1 in 1.7 million.
        centred = [(images.astype(float) - GRAY).ravel() for images in (one, other)]
        assert abs(np.corrcoef(*centred)[0, 1]) < 5 / len(centred[0]) ** 0.5
        assert abs(np.corrcoef(centred[0][:-784], centred[0][784:])[0, 1]) < 5 / (len(centred[0]) - 784) ** 0.5

    def test_does_not_depend_on_how_many_images_are_taken(self, gray: Mnist, make: Make) -> None:
        small, large = (make(gray, few(count), RELEASED) for count in (7, 30))
        np.testing.assert_array_equal(small.indices[:7], large.indices[:7])
        np.testing.assert_array_equal(small.images[:7], large.images[:7])

    def test_is_keyed_by_seed_and_image(self, gray: Mnist, make: Make) -> None:
        """By the image's index in MNIST, not its place in the subset; committed networks were trained on this."""
        images = make(gray, few(3), RELEASED, seed=5)
        for image, index in zip(images.images, images.indices, strict=True):
            noise = np.random.default_rng([5, 4, int(index)]).standard_normal((28, 28, 1))
            np.testing.assert_array_equal(image, np.rint(np.clip(GRAY + 0.15 * 255 * noise, 0, 255)))

    def test_is_added_after_resizing(self, gray: Mnist, make: Make) -> None:
        """Noise that were resized with the image would lose much of its spread, and neighbours would be alike."""
        for variant in (DOWNSCALED, CONTROL):
            images = make(gray, few(100), RELEASED, variant).images[:100].astype(float)
            count = images.size
            # Five standard errors and 0.1% for the clipping.
            assert abs(images.std() - 38.25) < 5 * 38.25 / (2 * count) ** 0.5 + 0.04
            left, right = images[:, :, :-1].ravel() - GRAY, images[:, :, 1:].ravel() - GRAY
            assert abs(np.corrcoef(left, right)[0, 1]) < 5 / len(left) ** 0.5


class TestTestImages:
    def test_nested_and_without_noise(self, mnist: Mnist, tmp_path: Path) -> None:
        for protocol in (RELEASED, WRITTEN):
            small, large = (
                images_of.test_images(mnist, count, protocol, NORMAL, tmp_path, None) for count in (1_000, 10_000)
            )
            np.testing.assert_array_equal(large.indices, plan.test_order())
            np.testing.assert_array_equal(small.indices, large.indices[:1_000])
            np.testing.assert_array_equal(small.images, large.images[:1_000])
            np.testing.assert_array_equal(large.images, mnist.test.images[large.indices])
            np.testing.assert_array_equal(large.labels, mnist.test.labels[large.indices])

    def test_the_two_splits_have_caches_of_their_own(self, mnist: Mnist, make: Make, tmp_path: Path) -> None:
        make(mnist, few(3), WRITTEN, CONTROL)
        images_of.test_images(mnist, 3, WRITTEN, CONTROL, tmp_path / "cache", None)
        names = sorted(path.name.rsplit("-", 1)[0] for path in (tmp_path / "cache").iterdir())
        assert names == ["bilinear-56-test", "bilinear-56-train"]


def test_esrgan_makes_the_images_with_the_handle_given(
    mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def load(handle: str | None) -> Callable[[np.ndarray], np.ndarray]:
        asked.append(handle)
        return lambda images: images.repeat(2, axis=1).repeat(2, axis=2)

    monkeypatch.setattr(resolution, "load_esrgan", load)
    monkeypatch.setattr(resolution, "handle_identity", str)
    images = training_images(mnist, few(2), WRITTEN, UPSCALED_AI, 0, tmp_path, "a handle")
    assert asked == ["a handle"]
    expected = mnist.train.images[images.indices].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(images.images, expected)


def test_network_is_the_trials_and_comes_back_from_its_folder(mnist: Mnist, tmp_path: Path) -> None:
    profile = replace(SMOKE, train_images=32, epochs=1)
    trials = [plan.resolution_trial(profile, RELEASED, DOWNSCALED, seed, "float32", None) for seed in (0, 1)]
    first, second = (networks.build(trial).get_weights() for trial in trials)
    assert [array.shape for array in first] == [
        (3, 3, 1, 4), (4,), (3, 3, 4, 8), (8,), (14 * 14 * 8, 16), (16,), (16, 10), (10,),
    ]  # fmt: skip
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[0], networks.build(trials[0]).get_weights()[0])

    folder = TrialFolder(tmp_path / "trial")
    folder.begin(trials[0])
    images = training_images(mnist, profile, RELEASED, DOWNSCALED, 0, tmp_path / "cache", None)
    trained = networks.train_network(trials[0], images, folder)
    assert folder.is_complete and not np.array_equal(trained.get_weights()[0], first[0])
    for loaded, kept in zip(networks.load_network(trials[0], folder).get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, kept)
