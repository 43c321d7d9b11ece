"""Named arrays in npz files: written whole or not at all, checked when read, never unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from src.base import InputError, StorageError
from src.storage.files import write_atomically

PIECE = 2**20
"""Bytes that are read at once."""


@dataclass(frozen=True)
class ArrayHeader:
    """What an array's file says of it before its values."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to an npz, atomically.

    Raises:
        StorageError: the file can't be written.
    """
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load_arrays(
    path: Path, remedy: str, names: Sequence[str] | None = None, most: int | None = None
) -> dict[str, np.ndarray]:
    """Named arrays of an npz, each checked against its CRC; pickled ones are refused.

    Args:
        path: the file.
        remedy: the way out that an error's message ends in.
        names: which arrays; all by default. Others are not read.
        most: how many of their first rows; all by default. The rest passes by piece by piece for the CRC, so that no
            more memory is needed than for the rows.

    Raises:
        InputError: the file is damaged, truncated or lacks an array.
        StorageError: the file can't be opened.
    """
    with _archive(path, remedy) as archive:
        wanted = _names(archive) if names is None else names
        return {name: _read(archive, name, most) for name in wanted}


def load_headers(path: Path, remedy: str, names: Sequence[str] | None = None) -> dict[str, ArrayHeader]:
    """The headers of an npz's arrays, without their values: of all, or of those of `names` that there are.

    Raises:
        InputError: the file is damaged or truncated.
        StorageError: the file can't be opened.
    """
    with _archive(path, remedy) as archive:
        found = {}
        for name in _names(archive):
            if names is not None and name not in names:
                continue
            with archive.open(f"{name}.npy") as member:
                found[name] = _header(member)
        return found


@contextmanager
def _archive(path: Path, remedy: str) -> Iterator[zipfile.ZipFile]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror}.") from error
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except MemoryError:
            raise
        # A damaged archive fails in zipfile, zlib, struct or NumPy, each with exceptions of its own.
        except Exception as error:
            raise InputError(f"{path} is damaged or not the expected file ({error}). {remedy}") from error


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _header(member: IO[bytes]) -> ArrayHeader:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        header = ArrayHeader(*np.lib.format.read_array_header_1_0(member))
    elif version == (2, 0):
        header = ArrayHeader(*np.lib.format.read_array_header_2_0(member))
    else:
        raise ValueError(f"version {version} of the npy format is for arrays of named fields")
    return header


def _read(archive: zipfile.ZipFile, name: str, most: int | None) -> np.ndarray:
    """An array's first rows, or all; the member is read to its end, where zipfile compares the CRC."""
    with archive.open(f"{name}.npy") as member:
        header = _header(member)
        if header.dtype.hasobject:
            raise ValueError(f"{name} holds Python objects, which would have to be unpickled")
        shape, there = header.shape, archive.getinfo(f"{name}.npy").file_size - member.tell()
        if min(shape, default=0) < 0 or there != math.prod(shape) * header.dtype.itemsize:
            raise ValueError(f"{name} has {there} bytes, which its shape {shape} of {header.dtype} does not take")
        rows = shape if most is None or not shape else (min(most, shape[0]), *shape[1:])
        if header.fortran and rows != shape:
            # Of each element of a row, the values of all rows lie together.
            values = np.empty((math.prod(shape[1:]), rows[0]), header.dtype)
            for element in values:
                _fill(member, element)
                _pass(member, (shape[0] - rows[0]) * header.dtype.itemsize)
            array = values.reshape(*reversed(shape[1:]), rows[0]).transpose()
        else:
            flat = np.empty(math.prod(rows), header.dtype)
            _fill(member, flat)
            array = flat.reshape(rows, order="F" if header.fortran else "C")
        _pass(member, max(there, 1))
        return array


def _fill(member: IO[bytes], values: np.ndarray) -> None:
    into = values.view(np.uint8)
    for start in range(0, len(into), PIECE):
        piece = into[start : start + PIECE]
        data = member.read(len(piece))
        if len(data) < len(piece):
            raise EOFError("it ends too early")
        piece[:] = np.frombuffer(data, np.uint8)


def _pass(member: IO[bytes], count: int) -> None:
    """Read past `count` bytes, or up to the end."""
    while count > 0:
        data = member.read(min(count, PIECE))
        if not data:
            return
        count -= len(data)
