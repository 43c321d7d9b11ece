"""Named arrays in npz files: written whole or not at all, checked when read, never unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from src.base import InputError, StorageError
from src.files import write_atomically


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to an npz, atomically.

    Raises:
        StorageError: the file can't be written.
    """
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load_arrays(path: Path, remedy: str, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Named arrays of an npz, each checked against its CRC; pickled ones are refused.

    Args:
        path: the file.
        remedy: the way out that an error's message ends in.
        names: which arrays; all by default. Others are not read.

    Raises:
        InputError: the file is damaged, truncated or lacks an array.
        StorageError: the file can't be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror}.") from error
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                wanted = [name.removesuffix(".npy") for name in archive.namelist()] if names is None else names
                # Not np.load: it may stop reading before zipfile has compared the CRC.
                members = {name: io.BytesIO(archive.read(f"{name}.npy")) for name in wanted}
            return {name: np.lib.format.read_array(member, allow_pickle=False) for name, member in members.items()}
        except MemoryError:
            raise
        # A damaged archive fails in zipfile, zlib, struct or NumPy, each with exceptions of its own.
        except Exception as error:
            raise InputError(f"{path} is damaged or not the expected file ({error}). {remedy}") from error
