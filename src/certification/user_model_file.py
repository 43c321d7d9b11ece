"""What a model file says of itself, without loading it: Keras 3's own format, or another and how to convert it."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from pathlib import Path

from src.base import InputError, StorageError

SAVE = "Save the model with model.save('mine.keras')."

REBUILD = (
    "Build the same layers in Keras, copy the weights into them (layer.set_weights), and save that with "
    "model.save('mine.keras')."
)

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
PICKLE = re.compile(rb"\x80[\x02-\x05]")
ONNX = re.compile(rb"\x08[\x01-\x1f]\x12")
"""How the files begin; ONNX's is its version and the field of the program that wrote it."""


def check_model_file(path: Path) -> None:
    """Look into a model file without loading it.

    Raises:
        InputError: it is no Keras model, one in an older format, damaged, or has Lambda layers; the message says what
            it is and how to convert it.
        StorageError: it can't be opened.
    """
    if path.is_dir():
        raise InputError(f"{path} is {_folder(path)}")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror}.") from error
    foreign = _foreign(path, start)
    if foreign is not None:
        raise InputError(f"{path} is {foreign}")
    try:
        with zipfile.ZipFile(path) as archive:
            configuration = archive.read("config.json").decode()
    # A damaged archive fails in zipfile or zlib, each with exceptions of its own.
    except Exception as error:
        raise InputError(f"{path} is damaged or no Keras model ({first_line(error)}). {SAVE}") from error
    if re.search(r'"class_name":\s*"Lambda"', configuration):
        raise InputError(
            f"{path} has a Lambda layer, whose Python code would be run from the file; it is refused. "
            "Put one of Keras's own layers in its place (e.g. keras.layers.Rescaling) and save it again."
        )


def keras_2_version(path: Path) -> str | None:
    """The version of Keras 2 that saved a `.keras` file; None if it was another."""
    try:
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    # A file without metadata, or with other ones, says nothing of its version.
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error):
        return None
    return version if isinstance(version, str) and version.startswith("2.") else None


def from_keras_2(path: Path, version: str, error: Exception) -> str:
    """What to do with a file of Keras 2 that Keras 3 can't load."""
    return (
        f"{path} was saved by Keras {version} and can't be loaded by Keras 3 ({first_line(error)}). Take its weights "
        f"out with the tf-keras package: tf_keras.models.load_model({str(path)!r}, compile=False)"
        ".save_weights('mine.weights.h5'). Then build the same layers with Keras 3, load them with "
        "model.load_weights('mine.weights.h5'), and save the model with model.save('mine.keras')."
    )


def first_line(error: Exception) -> str:
    """What an error says, at most 200 characters of its first line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 200 else f"{lines[0][:200]}..."


def _folder(path: Path) -> str:
    if (path / "saved_model.pb").exists():
        return (
            "a SavedModel folder, which Keras 3 reads for inference only (keras.layers.TFSMLayer), not as layers. "
            + REBUILD
        )
    return f"a folder. Name a file that ends in .keras. {SAVE}"


def _foreign(path: Path, start: bytes) -> str | None:
    """What a file is and what to do with it; None if it has to be looked into as a `.keras` file."""
    if start.startswith(HDF5):
        return _hdf5(path)
    names = _members(path) if start.startswith(ZIP) else []
    if any(name.split("/")[-1] == "data.pkl" for name in names) or path.suffix in (".pt", ".pth", ".safetensors"):
        return f"a PyTorch file, which Keras does not read. {REBUILD}"
    if PICKLE.match(start):
        return f"a pickle, e.g. of PyTorch or scikit-learn; nothing is unpickled here. {REBUILD}"
    if path.name == "saved_model.pb":
        return f"part of a SavedModel, which Keras 3 reads for inference only (keras.layers.TFSMLayer). {REBUILD}"
    if path.suffix == ".onnx" or ONNX.match(start):
        return f"an ONNX file, which Keras does not read. {REBUILD}"
    if start[4:8] == b"TFL3":
        return f"a TensorFlow Lite file, which Keras does not read. {REBUILD}"
    if path.suffix == ".keras":
        return None
    if "config.json" in names:
        return "a Keras model under another name. Rename it, so that it ends in .keras."
    return f"no .keras file. {SAVE}"


def _hdf5(path: Path) -> str:
    import h5py  # here, as other files do not need it

    try:
        with h5py.File(path, "r") as file:
            whole = "model_config" in file.attrs
    # A damaged file fails in HDF5, with exceptions of several kinds.
    except Exception as error:
        return f"a damaged HDF5 file ({first_line(error)}). {SAVE}"
    if not whole:
        return (
            "an HDF5 file of weights alone, without the layers that they are of. Build the same layers in Keras, load "
            "them with model.load_weights, and save the model with model.save('mine.keras')."
        )
    known = path.suffix in (".h5", ".hdf5")
    name = path if known else path.with_name(f"{path.stem or path.name}.h5")
    rename = "" if known else f"rename it {name.name}, as Keras goes by the name, and "
    return (
        f"an HDF5 file, an older format of Keras. To convert it, {rename}run in Python: "
        f"keras.models.load_model({str(name)!r}, compile=False).save('mine.keras')."
    )


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []
