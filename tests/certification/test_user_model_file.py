"""Model files of other formats: the message says what each is and how to convert it, and what it says works."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from src import certify
from src.base import InputError
from src.certification.user_model import load_network
from src.certification.user_model_file import check_model_file, keras_2_version
from tests.linear_models import labelled_images, linear_network

REBUILD = "Build the same layers in Keras, copy the weights into them"


def told(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check_model_file(path)
    assert str(caught.value).startswith(f"{path} is ")
    return str(caught.value)


@pytest.mark.parametrize("name", ["old.h5", "old.hdf5", "old.keras", "old", "old.model.v2"])
def test_an_hdf5_model_is_known_by_its_first_bytes_and_the_way_out_works(tmp_path: Path, name: str) -> None:
    network = linear_network()
    network.save(tmp_path / "made.h5")
    path = (tmp_path / "made.h5").rename(tmp_path / name)
    said = told(path)
    assert "is an HDF5 file, an older format of Keras. To convert it, " in said
    renamed = path.with_name({"old": "old.h5", "old.keras": "old.h5", "old.model.v2": "old.model.h5"}.get(name, name))
    assert ("rename it" in said) == (renamed != path) and f"load_model({str(renamed)!r}, compile=False)" in said
    path.rename(renamed)
    # The converted model, by the message's own words.
    script = said[said.index("keras.models.load_model") :].removesuffix(".").replace("'mine.keras'", "mine")
    exec(script, {"keras": keras, "mine": tmp_path / "mine.keras"})
    images = labelled_images(3)["images"]
    np.testing.assert_array_equal(load_network(tmp_path / "mine.keras")(images), network(images))


@pytest.mark.parametrize("name", ["mine.weights.h5", "mine.h5", "mine.keras", "mine"])
def test_weights_alone_are_told_from_a_model(tmp_path: Path, name: str) -> None:
    linear_network().save_weights(tmp_path / "made.weights.h5")
    path = (tmp_path / "made.weights.h5").rename(tmp_path / name)
    assert "is an HDF5 file of weights alone" in told(path) and "model.load_weights" in told(path)


def test_a_damaged_hdf5_file_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file["numbers"] = np.arange(1000)
    (tmp_path / "torn.h5").write_bytes((tmp_path / "whole.h5").read_bytes()[:100])
    assert "is a damaged HDF5 file (" in told(tmp_path / "torn.h5")


def zipped(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "")

    return write


def holding(content: bytes) -> Callable[[Path], None]:
    return lambda path: Path.write_bytes(path, content) and None


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("mine.pt", zipped("mine/data.pkl", "mine/data/0"), "is a PyTorch file, which Keras does not read"),
        ("mine.keras", zipped("archive/data.pkl", "archive/version"), "is a PyTorch file"),
        ("mine.pth", holding(pickle.dumps({}, 2)), "is a PyTorch file"),
        ("mine.bin", holding(pickle.dumps({"weights": 1}, 2)), "is a pickle, e.g. of PyTorch or scikit-learn"),
        ("mine.keras", holding(pickle.dumps([1], 5)), "is a pickle"),
        ("mine.safetensors", holding(b'\x10\0\0\0\0\0\0\0{"a": [1, 2, 3]}'), "is a PyTorch file"),
        ("mine.onnx", holding(b"anything"), "is an ONNX file, which Keras does not read"),
        ("mine", holding(b"\x08\x07\x12\x07pytorch"), "is an ONNX file"),
        ("mine.tflite", holding(b"\x20\0\0\0TFL3\0\0\0\0"), "is a TensorFlow Lite file"),
        ("saved_model.pb", holding(b"\x08\x01\x12\x00"), "is part of a SavedModel, which Keras 3 reads"),
    ],
)
def test_files_of_other_libraries_are_named(
    tmp_path: Path, name: str, write: Callable[[Path], None], message: str
) -> None:
    write(tmp_path / name)
    assert message in told(tmp_path / name) and REBUILD in told(tmp_path / name)


def test_folders_are_told(tmp_path: Path) -> None:
    assert "is a folder. Name a file that ends in .keras" in told(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert "is a SavedModel folder, which Keras 3 reads for inference only (keras.layers.TFSMLayer)" in told(tmp_path)
    assert REBUILD in told(tmp_path)


def saved_by(path: Path, version: str, old: str = "", new: str = "") -> Path:
    """The linear network's file with another version in it, and its layers named otherwise."""
    linear_network().save(path.with_name("now.keras"))
    with zipfile.ZipFile(path.with_name("now.keras")) as now, zipfile.ZipFile(path, "w") as archive:
        for name in now.namelist():
            content = now.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "keras_version": version}).encode()
            archive.writestr(name, content.replace(old.encode(), new.encode()) if name == "config.json" else content)
    return path


def test_a_file_of_keras_2_that_keras_3_loads_works(tmp_path: Path) -> None:
    path = saved_by(tmp_path / "old.keras", "2.15.0")
    assert keras_2_version(path) == "2.15.0"
    images = labelled_images(3)["images"]
    np.testing.assert_array_equal(load_network(path)(images), linear_network()(images))


def test_a_file_of_keras_2_that_keras_3_cannot_load_gets_the_way_out(tmp_path: Path) -> None:
    renamed = ('"Sequential"', '"TFOpLambda"')
    path = saved_by(tmp_path / "old.keras", "2.15.0", *renamed)
    with pytest.raises(InputError) as caught:
        load_network(path)
    said = str(caught.value)
    assert f"{path} was saved by Keras 2.15.0 and can't be loaded by Keras 3 (" in said
    weights = "weights('mine.weights.h5')"
    for step in ("tf-keras", f"save_{weights}", f"load_{weights}", "save('mine.keras')"):
        assert step in said
    with pytest.raises(InputError, match="Save it again with this Keras"):
        load_network(saved_by(tmp_path / "new.keras", "3.1.0", *renamed))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keras_version": 2}', b'{"keras_version": "3.2.0"}', b"\xff"])
def test_no_other_file_is_of_keras_2(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("metadata.json", content)
    assert keras_2_version(tmp_path / "a.keras") is None
    assert keras_2_version(tmp_path / "gone.keras") is None


def test_it_is_told_before_the_work_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linear_network().save(tmp_path / "old.h5")
    np.savez(tmp_path / "data.npz", **labelled_images(3))
    arguments = [str(tmp_path / "old.h5"), str(tmp_path / "data.npz"), "--sigma", "1", "--out", str(tmp_path / "l.tsv")]
    assert certify.main(arguments) == 2
    assert "is an HDF5 file" in capsys.readouterr().err and not (tmp_path / "l.tsv").exists()
