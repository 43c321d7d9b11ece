from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from src.base import InputError, LabeledImages, StorageError
from src.datasets import resolution
from src.datasets.resolution import Resolution, at_resolution

ESRGAN = Resolution(56, "esrgan")
BICUBIC = Resolution(56, "bicubic")


class StubUpscaler:
    """Doubles by repetition, and remembers what it was asked."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.sizes: list[int] = []
        self.fail_at = fail_at

    def __call__(self, images: np.ndarray) -> np.ndarray:
        if len(self.sizes) + 1 == self.fail_at:
            raise KeyboardInterrupt
        self.sizes.append(len(images))
        return doubled(images)


def doubled(images: np.ndarray) -> np.ndarray:
    return images.repeat(2, axis=1).repeat(2, axis=2)


def some_images(count: int, seed: int = 0) -> LabeledImages:
    generator = np.random.default_rng(seed)
    return LabeledImages(
        generator.integers(0, 256, (count, 28, 28, 1), np.uint8),
        generator.integers(0, 10, count),
        np.arange(1000, 1000 + count),
    )


Install = Callable[[StubUpscaler], StubUpscaler]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a stub in ESRGAN's place; a handle's identity is then the handle."""

    def put(stub: StubUpscaler) -> StubUpscaler:
        monkeypatch.setattr(resolution, "load_esrgan", lambda handle: stub)
        monkeypatch.setattr(resolution, "handle_identity", lambda handle: str(handle))
        return stub

    return put


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, computing anything fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is missing, nothing may be loaded or computed")

    return lambda: monkeypatch.setattr(resolution, "_resizer", refuse)


def shards(cache: Path) -> list[Path]:
    return sorted(cache.glob("*/*.npz"))


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("side", [14, 56])
def test_pil_variants_equal_direct_pil(side: int, method: str, tmp_path: Path) -> None:
    images = some_images(5)
    resized = at_resolution(images, "test", Resolution(side, method), tmp_path)
    for source, image in zip(images.images, resized.images, strict=True):
        direct = Image.fromarray(source[..., 0], "L").resize((side, side), Image.Resampling[method.upper()])
        np.testing.assert_array_equal(image[..., 0], np.asarray(direct))
    np.testing.assert_array_equal(resized.labels, images.labels)
    np.testing.assert_array_equal(resized.indices, images.indices)


def test_original_is_returned_as_it_is_and_caches_nothing(tmp_path: Path) -> None:
    images = some_images(3)
    assert at_resolution(images, "test", Resolution(28, "original"), tmp_path) is images
    assert list(tmp_path.iterdir()) == []


def test_an_empty_set_stays_empty(tmp_path: Path) -> None:
    assert at_resolution(some_images(0), "test", BICUBIC, tmp_path).images.shape == (0, 56, 56, 1)


def test_the_folder_says_what_is_in_it(tmp_path: Path, install: Install) -> None:
    install(StubUpscaler())
    images = some_images(100)
    at_resolution(images, "train", ESRGAN, tmp_path, "mine")
    at_resolution(images, "train", BICUBIC, tmp_path)
    by_pil, by_esrgan = sorted(tmp_path.iterdir())
    assert by_pil.name.startswith("bicubic-56-train-") and by_esrgan.name.startswith("esrgan-56-train-")
    assert json.loads((by_esrgan / "recipe.json").read_text()) == {
        "format": 1, "method": "esrgan", "side": 56, "split": "train", "esrgan": "mine",
    }
    assert json.loads((by_pil / "recipe.json").read_text())["pillow"] == PIL.__version__
    assert [path.name for path in sorted(by_esrgan.iterdir())] == ["000000.npz", "000001.npz", "recipe.json"]
    with np.load(by_esrgan / "000001.npz") as shard:
        np.testing.assert_array_equal(shard["indices"], images.indices[96:])
        np.testing.assert_array_equal(shard["images"], doubled(images.images[96:]))


def test_a_second_call_computes_and_loads_nothing(
    tmp_path: Path, install: Install, forbid: Callable[[], None]
) -> None:
    install(StubUpscaler())
    images = some_images(100)
    first = {variant: at_resolution(images, "train", variant, tmp_path) for variant in (ESRGAN, BICUBIC)}
    forbid()
    for variant, before in first.items():
        again = at_resolution(images, "train", variant, tmp_path)
        np.testing.assert_array_equal(again.images, before.images)


def test_only_what_is_missing_is_computed(tmp_path: Path, install: Install) -> None:
    stub = install(StubUpscaler())
    images = some_images(250)
    at_resolution(images.take(slice(50, 150)), "train", ESRGAN, tmp_path)
    before = {path: path.read_bytes() for path in shards(tmp_path)}
    everything = at_resolution(images, "train", ESRGAN, tmp_path)
    np.testing.assert_array_equal(everything.images, doubled(images.images))
    assert stub.sizes == [96, 4, 96, 54]
    assert all(path.read_bytes() == content for path, content in before.items())


def test_images_that_occur_twice_are_computed_once(tmp_path: Path, install: Install) -> None:
    stub = install(StubUpscaler())
    images = some_images(3).take(np.array([2, 0, 2, 1, 0]))
    for _ in range(2):
        np.testing.assert_array_equal(
            at_resolution(images, "train", ESRGAN, tmp_path).images, doubled(images.images)
        )
    assert stub.sizes == [3]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(st.lists(st.integers(0, 29), max_size=30), min_size=1, max_size=4))
def test_any_subset_in_any_order_gets_its_own_images(
    requests: list[list[int]], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(resolution.BLOCK, "bilinear", 7)
    cache, images = tmp_path_factory.mktemp("cache"), some_images(30)
    expected = np.stack([
        np.asarray(Image.fromarray(image[..., 0]).resize((14, 14), Image.Resampling.BILINEAR))
        for image in images.images
    ])[..., None]
    for request in requests:
        positions = np.array(request, np.int64)
        resized = at_resolution(images.take(positions), "train", Resolution(14, "bilinear"), cache)
        np.testing.assert_array_equal(resized.images, expected[positions])
        np.testing.assert_array_equal(resized.indices, images.indices[positions])
        np.testing.assert_array_equal(resized.labels, images.labels[positions])


def test_another_source_under_the_same_indices_is_computed_anew(tmp_path: Path, install: Install) -> None:
    stub = install(StubUpscaler())
    at_resolution(some_images(10), "train", ESRGAN, tmp_path)
    other = some_images(10, seed=1)
    np.testing.assert_array_equal(at_resolution(other, "train", ESRGAN, tmp_path).images, doubled(other.images))
    assert stub.sizes == [10, 10]


def test_another_handle_split_or_pillow_is_another_folder(
    tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, images = install(StubUpscaler()), some_images(10)
    for handle, split in ((None, "train"), ("other", "train"), (None, "test")):
        at_resolution(images, split, ESRGAN, tmp_path, handle)
    assert stub.sizes == [10, 10, 10]
    at_resolution(images, "train", BICUBIC, tmp_path)
    monkeypatch.setattr(PIL, "__version__", "0.0")
    at_resolution(images, "train", BICUBIC, tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_an_interrupted_upscaling_resumes_with_the_remainder(tmp_path: Path, install: Install) -> None:
    images = some_images(400)
    install(StubUpscaler(fail_at=3))
    with pytest.raises(KeyboardInterrupt):
        at_resolution(images, "train", ESRGAN, tmp_path)
    stub = install(StubUpscaler())
    resumed = at_resolution(images, "train", ESRGAN, tmp_path)
    assert stub.sizes == [96, 96, 16]
    np.testing.assert_array_equal(resumed.images, doubled(images.images))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


SHARD_DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "bit flipped": flip,
    "wrong keys": lambda path: np.savez(path, pixels=np.zeros(3)),
    "no digests": lambda path: np.savez(path, sources=np.zeros(3), images=np.zeros((3, 56, 56, 1), np.uint8)),
    "wrong side": lambda path: np.savez(path, sources=np.load(path)["sources"], images=np.zeros((96, 14, 14, 1))),
}


@pytest.mark.parametrize("damage", SHARD_DAMAGES)
def test_a_damaged_shard_is_named_and_deleting_it_costs_its_images_only(
    damage: str, tmp_path: Path, install: Install
) -> None:
    stub, images = install(StubUpscaler()), some_images(200)
    at_resolution(images, "train", ESRGAN, tmp_path)
    path = shards(tmp_path)[0]
    SHARD_DAMAGES[damage](path)
    content = path.read_bytes()
    with pytest.raises(InputError, match=r"000000\.npz is damaged.*Delete .*000000\.npz; only its images"):
        at_resolution(images, "train", ESRGAN, tmp_path)
    assert path.read_bytes() == content
    path.unlink()
    np.testing.assert_array_equal(at_resolution(images, "train", ESRGAN, tmp_path).images, doubled(images.images))
    assert stub.sizes == [96, 96, 8, 96]


def test_a_recipe_that_does_not_match_its_folder_is_refused(tmp_path: Path) -> None:
    images = some_images(3)
    at_resolution(images, "train", BICUBIC, tmp_path)
    (recipe,) = tmp_path.glob("*/recipe.json")
    recipe.write_text(recipe.read_text().replace("bicubic", "bilinear"))
    with pytest.raises(InputError, match=r"recipe\.json is not the recipe .*Delete the folder"):
        at_resolution(images, "train", BICUBIC, tmp_path)


def test_a_file_where_the_cache_should_be_is_a_storage_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="A file stands where a folder is needed"):
        at_resolution(some_images(3), "train", BICUBIC, blocked / "cache")


def test_a_read_only_cache_is_a_storage_error_but_serves_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = some_images(6)
    at_resolution(images.take(slice(3)), "train", BICUBIC, tmp_path)

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "replace", read_only)
    assert len(at_resolution(images.take(slice(3)), "train", BICUBIC, tmp_path)) == 3
    with pytest.raises(StorageError, match="read-only"):
        at_resolution(images, "train", BICUBIC, tmp_path)
    assert len(shards(tmp_path)) == 1


def test_a_network_that_gives_another_size_is_refused_before_anything_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    install(StubUpscaler())
    monkeypatch.setattr(resolution, "load_esrgan", lambda handle: lambda images: images)
    with pytest.raises(InputError, match="ESRGAN gave uint8 of shape"):
        at_resolution(some_images(3), "train", ESRGAN, tmp_path)
    assert shards(tmp_path) == []


@pytest.mark.parametrize(
    ("side", "method", "message"),
    [
        (14, "original", "original gives 28 only"),
        (28, "esrgan", "esrgan gives 56 or 112 only"),
        (0, "bilinear", "positive"),
        (1.5, "bilinear", "positive"),
        (56, "lanczos", "expected one of"),
    ],
)
def test_resolutions_that_can_not_be_are_refused(side: int, method: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Resolution(side, method)  # type: ignore[arg-type]


def test_images_and_splits_that_can_not_be_are_refused(tmp_path: Path) -> None:
    larger = LabeledImages(np.zeros((1, 32, 32, 3), np.uint8), np.zeros(1, np.int64), np.zeros(1, np.int64))
    with pytest.raises(InputError, match="28, 28, 1"):
        at_resolution(larger, "test", BICUBIC, tmp_path)
    with pytest.raises(InputError, match="split"):
        at_resolution(some_images(1), "../up", BICUBIC, tmp_path)
