"""The same images at another resolution, by PIL or by ESRGAN, computed once and kept with the recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import PIL
from PIL import Image

from src.base import InputError, LabeledImages, StorageError
from src.cli.progress import stage
from src.datasets.esrgan import handle_identity, load_esrgan
from src.storage.arrays import load_arrays
from src.storage.files import write_atomically, write_text

SOURCE_SIDE = 28
ESRGAN_SIDES = (56, 112)
"""The network quadruples; 56 is the mean of each 2x2 of its output."""

FORMAT = 1
"""Rises when what a shard holds changes, so that older caches are left alone."""

BLOCK = {"bilinear": 10_000, "bicubic": 10_000, "esrgan": 96}
"""Images a shard; all that an interruption can cost."""

Method = Literal["original", "bilinear", "bicubic", "esrgan"]
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_NAMES = {"bilinear": "PIL's bilinear filter", "bicubic": "PIL's bicubic filter", "esrgan": "ESRGAN"}


@dataclass(frozen=True)
class Resolution:
    """A side length in pixels and the way from 28x28 to it.

    Raises:
        InputError: an unknown method, or a side that the method can't give: "original" gives 28, "esrgan" 56 or 112.
    """

    side: int
    method: Method

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InputError(f"method: expected one of {', '.join(get_args(Method))}, got {self.method!r}.")
        if not isinstance(self.side, int) or isinstance(self.side, bool) or self.side < 1:
            raise InputError(f"side: expected a positive whole number of pixels, got {self.side!r}.")
        sides = {"original": (SOURCE_SIDE,), "esrgan": ESRGAN_SIDES}.get(self.method, (self.side,))
        if self.side not in sides:
            given = " or ".join(map(str, sides))
            raise InputError(f"side: {self.method} gives {given} only, got {self.side}; name {given} or a PIL filter.")


def at_resolution(
    images: LabeledImages, split: str, resolution: Resolution, cache: Path, esrgan: str | None = None
) -> LabeledImages:
    """The images at a resolution: same order, labels and indices.

    What was computed before is taken from the cache, the rest is computed and kept block by block. A cached image is
    found by the SHA-256 of its source image, so another source, subset or order never gets the wrong one.

    Args:
        images: (n, 28, 28, 1) uint8 in [0, 255].
        split: names the set in the cache, e.g. "train"; letters, digits and underscores.
        resolution: what to make of them.
        cache: the folder of all cached variants; each has a folder of its own in it.
        esrgan: the handle that `load_esrgan` takes; None is the bundled network. Other methods ignore it.

    Returns:
        (n, side, side, 1) uint8 in [0, 255].

    Raises:
        InputError: images of another shape, a damaged file in the cache, or an ESRGAN that can't be used.
        StorageError: the cache can't be read or written.
    """
    if images.images.shape[1:] != (SOURCE_SIDE, SOURCE_SIDE, 1):
        raise InputError(f"images: expected shape (n, 28, 28, 1), got {images.images.shape}.")
    if not split.isidentifier():
        raise InputError(f"split: expected letters, digits and underscores, got {split!r}.")
    if resolution.method == "original":
        return images
    folder = _folder(cache, split, resolution, esrgan)
    side = resolution.side
    result = np.empty((len(images), side, side, 1), np.uint8)
    keys = [hashlib.sha256(image.tobytes()).digest() for image in images.images]
    wanted: dict[bytes, list[int]] = {}
    for position, key in enumerate(keys):
        wanted.setdefault(key, []).append(position)

    for sources, load in _shards(folder, side):
        if not wanted:
            break
        rows = [row for row, key in enumerate(sources) if key in wanted]
        if rows:
            shard = load()
            for row in rows:
                result[wanted.pop(sources[row], [])] = shard[row]

    missing = np.array([positions[0] for positions in wanted.values()], np.int64)
    if len(missing) == 0:
        return LabeledImages(result, images.labels, images.indices)
    resize = _resizer(resolution, esrgan)
    size = BLOCK[resolution.method]
    with stage(f"Resizing to {side}x{side} by {_NAMES[resolution.method]}", len(missing), "images") as advance:
        for start in range(0, len(missing), size):
            block = images.take(missing[start : start + size])
            resized = resize(block.images)
            if resized.shape != (len(block), side, side, 1) or resized.dtype != np.uint8:
                raise InputError(
                    f"{_NAMES[resolution.method]} gave {resized.dtype} of shape {resized.shape} "
                    f"for {len(block)} images; expected uint8 of {side}x{side}x1. Name another handle."
                )
            block_keys = [keys[position] for position in missing[start : start + size]]
            _write_shard(folder, block, block_keys, resized)
            for key, image in zip(block_keys, resized, strict=True):
                result[wanted[key]] = image
            advance(len(block))
    return LabeledImages(result, images.labels, images.indices)


def _folder(cache: Path, split: str, resolution: Resolution, esrgan: str | None) -> Path:
    """The variant's folder, its recipe written or, where there is one, checked."""
    by = {"esrgan": handle_identity(esrgan)} if resolution.method == "esrgan" else {"pillow": PIL.__version__}
    recipe = {"format": FORMAT, "method": resolution.method, "side": resolution.side, "split": split, **by}
    text = json.dumps(recipe, indent=2, sort_keys=True) + "\n"
    identity = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = cache / f"{resolution.method}-{resolution.side}-{split}-{identity}"
    path = folder / "recipe.json"
    if not path.exists():
        write_text(path, text)
        return folder
    try:
        found = path.read_bytes()
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror}.") from error
    if found != text.encode():
        raise InputError(f"{path} is not the recipe that its folder is named after. Delete the folder {folder}; "
                         "what is needed of it is computed again.")
    return folder


def _shards(folder: Path, side: int) -> Iterator[tuple[list[bytes], Callable[[], np.ndarray]]]:
    """Of each shard the SHA-256 of its source images, and a function that reads its images."""
    for path in sorted(folder.glob("[0-9]*.npz")):
        remedy = f"Delete {path}; only its images are computed again."
        sources = load_arrays(path, remedy, ["sources"])["sources"]
        if sources.ndim != 2 or sources.shape[1] != 32 or sources.dtype != np.uint8:
            raise InputError(f"{path} is damaged: its sources are no SHA-256 digests. {remedy}")

        def load(path: Path = path, count: int = len(sources), remedy: str = remedy) -> np.ndarray:
            images = load_arrays(path, remedy, ["images"])["images"]
            if images.shape != (count, side, side, 1) or images.dtype != np.uint8:
                raise InputError(f"{path} is damaged: {images.dtype} images of shape {images.shape}. {remedy}")
            return images

        yield [row.tobytes() for row in sources], load


def _write_shard(folder: Path, block: LabeledImages, keys: list[bytes], resized: np.ndarray) -> None:
    sources = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32)
    number = sum(1 for _ in folder.glob("[0-9]*.npz"))
    while (path := folder / f"{number:06d}.npz").exists():
        number += 1
    write_atomically(
        path, lambda file: np.savez_compressed(file, indices=block.indices, sources=sources, images=resized)
    )


def _resizer(resolution: Resolution, esrgan: str | None) -> Callable[[np.ndarray], np.ndarray]:
    if resolution.method == "esrgan":
        upscaler = load_esrgan(esrgan)
        return upscaler if resolution.side == 2 * SOURCE_SIDE else upscaler.quadruple
    size, resample = (resolution.side, resolution.side), _FILTERS[resolution.method]

    def resize(images: np.ndarray) -> np.ndarray:
        resized = [np.asarray(Image.fromarray(image[..., 0]).resize(size, resample)) for image in images]
        return np.stack(resized)[..., np.newaxis]

    return resize
