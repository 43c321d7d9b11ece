"""Gray images at two or four times their size by ESRGAN, through tensorflow-hub: bundled, a folder, or a URL."""

from __future__ import annotations

import hashlib
import math
import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from src.base import InputError
from src.storage.files import sha256, verify_sha256

TFHUB_HANDLE = "https://tfhub.dev/captain-pool/esrgan-tf2/1"
"""The network that the paper's author loaded; the calling convention of every handle is this one's."""

BUNDLED = Path(__file__).resolve().parents[2] / "models" / "esrgan"
BUNDLED_SHA256 = {
    "saved_model.pb": "0be7256b9cb22feeed36725eb4bc4538b6f8fec393210755c8dbf73123ac2cee",
    "variables/variables.data-00000-of-00001": "b39dc40ff01b4388d64618aa7b0fc9f086936ee7c239f652f10c210b751edd87",
    "variables/variables.index": "72eef33b9256bcb0e05495b9ac16f371899434736a9d9c61fb59c74901c27a1f",
    "assets/quantization.json": "5a54de6943b0d862a110d4aa5baced5cd21bd1ec239e021f9d993e3d204cf31a",
}

BLOCK = 32
"""Images a call of the network, the last block padded: an image's result must not depend on which others go along."""

DOWNLOAD_SILENCE = 30.0
"""Seconds without a byte from the network after which a download has failed."""

_URL = ("http://", "https://")
_PARTS = ("saved_model.pb", "saved_model.pbtxt", "variables", "assets")


@dataclass(frozen=True)
class Upscaler:
    """ESRGAN on gray images; `identity` says which network, as `handle_identity` gives it."""

    identity: str
    _enlarge: Callable[[np.ndarray], np.ndarray] = field(repr=False, compare=False)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Twice their size: what `quadruple` gives, then the mean of each 2x2.

        Args:
            images: (n, h, w, 1) uint8 in [0, 255].

        Returns:
            (n, 2h, 2w, 1) uint8 in [0, 255]; the same for an image whatever others it comes with.

        Raises:
            InputError: images of another shape or type.
        """
        return halve(self.quadruple(images))

    def quadruple(self, images: np.ndarray) -> np.ndarray:
        """Four times their size: gray to RGB, x4, clip to [0, 255], round to uint8, back to gray.

        Args:
            images: (n, h, w, 1) uint8 in [0, 255].

        Returns:
            (n, 4h, 4w, 1) uint8 in [0, 255]; the same for an image whatever others it comes with.

        Raises:
            InputError: images of another shape or type.
        """
        if images.ndim != 4 or images.shape[3] != 1 or images.dtype != np.uint8:
            raise InputError(f"images: expected uint8 of shape (n, h, w, 1), got {images.dtype} of {images.shape}.")
        count, height, width, _ = images.shape
        result = np.empty((count, 4 * height, 4 * width, 1), np.uint8)
        block = np.zeros((BLOCK, height, width, 3), np.float32)
        for start in range(0, count, BLOCK):
            part = images[start : start + BLOCK]
            block[: len(part)] = part
            large = self._enlarge(block)[: len(part)]
            result[start : start + BLOCK] = to_gray(np.rint(np.clip(large, 0, 255)).astype(np.uint8))
        return result


def to_gray(images: np.ndarray) -> np.ndarray:
    """ITU-R 601 luma, bit for bit as Pillow's mode "L".

    Args:
        images: (n, h, w, 3) uint8 RGB in [0, 255].

    Returns:
        (n, h, w, 1) uint8 in [0, 255].
    """
    red, green, blue = (images[..., channel : channel + 1].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).astype(np.uint8)


def halve(images: np.ndarray) -> np.ndarray:
    """The mean of each 2x2 pixels, halves rounded up: at one half, a bilinear resize without antialiasing.

    Args:
        images: (n, h, w, c) uint8 in [0, 255], h and w even.

    Returns:
        (n, h / 2, w / 2, c) uint8 in [0, 255].
    """
    wide = images.astype(np.uint16)
    total = wide[:, 0::2, 0::2] + wide[:, 0::2, 1::2] + wide[:, 1::2, 0::2] + wide[:, 1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)


def handle_identity(handle: str | None) -> str:
    """What tells one network from another in a cache's recipe; needs no TensorFlow.

    Args:
        handle: as for `load_esrgan`.

    Returns:
        A URL as it is; for a folder "sha256:" and a hash over the SavedModel's files.

    Raises:
        InputError: no such folder, no SavedModel in it, or damaged bundled files.
    """
    if handle is None:
        remedy = "Restore it: git checkout -- models/esrgan"
        for name, expected in BUNDLED_SHA256.items():
            if not (BUNDLED / name).is_file():
                raise InputError(f"{BUNDLED / name} is missing. {remedy}")
            verify_sha256(BUNDLED / name, expected, remedy)
        return _folder_identity(BUNDLED)
    if handle.startswith(_URL):
        return handle
    folder = Path(handle)
    if not folder.is_dir():
        raise _unusable(handle, "there is no such folder")
    if not any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise _unusable(handle, "the folder holds no saved_model.pb, so it is no SavedModel")
    try:
        return _folder_identity(folder)
    except OSError as error:
        raise _unusable(handle, f"{error.filename} can't be read: {error.strerror}") from error


def load_esrgan(handle: str | None) -> Upscaler:
    """Load a x4 network through tensorflow-hub, and try it on a flat gray image.

    Args:
        handle: a folder with a SavedModel or a URL that tensorflow-hub knows, e.g. TFHUB_HANDLE; None is the bundled
            network. Convention: called with (n, h, w, 3) float32 RGB in [0, 255], it returns (n, 4h, 4w, 3) of a
            float type on the same scale.

    Raises:
        InputError: the network can't be found, loaded or called, or follows another convention.
    """
    identity = handle_identity(handle)
    name = str(BUNDLED) if handle is None else handle
    import tensorflow as tf

    with warnings.catch_warnings():
        # tensorflow-hub's last release imports it; requirements.txt pins a setuptools that still has it.
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import tensorflow_hub as hub

    # TensorFlow, tensorflow-hub, urllib, tarfile and protobuf each fail in their own ways on what a handle may lead to.
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SILENCE)
    try:
        model = hub.load(name)
    except Exception as error:
        raise _unusable(name, _reason(error)) from error
    finally:
        socket.setdefaulttimeout(patience)
    if not callable(model):
        raise _unusable(name, "the SavedModel can't be called as a function of the images")
    # One trace serves images of every size.
    graph = tf.function(model, input_signature=[tf.TensorSpec([BLOCK, None, None, 3], tf.float32)])

    def enlarge(images: np.ndarray) -> np.ndarray:
        return np.asarray(graph(images))

    try:
        output = enlarge(np.full((BLOCK, 8, 8, 3), 128, np.float32))
    except Exception as error:
        raise _unusable(name, f"a call with float32 RGB images failed: {_reason(error)}") from error
    _check_convention(name, output)
    return Upscaler(identity, enlarge)


def _check_convention(name: str, output: np.ndarray) -> None:
    expected = (BLOCK, 32, 32, 3)
    if output.shape != expected or output.dtype.kind != "f":
        found = f"{output.dtype} of shape {output.shape}"
        raise _unusable(name, f"from images of shape ({BLOCK}, 8, 8, 3) it makes {found}, not float32 of {expected}")
    level = float(output.mean(dtype=np.float64))
    if not math.isfinite(level) or abs(level - 128) > 64:
        raise _unusable(name, f"a flat gray of 128 comes out as {level:.3g}: its images are not on the scale 0 to 255")


def _folder_identity(folder: Path) -> str:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    listing = "".join(f"{sha256(folder / name)} {name}\n" for name in names if name.split("/")[0] in _PARTS)
    return "sha256:" + hashlib.sha256(listing.encode()).hexdigest()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0].removesuffix(".")


def _unusable(handle: str, reason: str) -> InputError:
    other = "name the folder of a downloaded SavedModel" if handle.startswith(_URL) else "name another SavedModel"
    return InputError(
        f"ESRGAN from {handle!r} can't be used: {reason}. Leave --esrgan out to use the bundled network, or {other}."
    )
