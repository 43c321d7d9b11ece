"""Files that are whole or absent: write aside and rename, hash, and say clearly what went wrong."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from src.base import InputError, StorageError


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_sha256(path: Path, expected: str, remedy: str) -> None:
    """Raise InputError, ending in `remedy`, unless the file's SHA-256 is `expected`."""
    actual = sha256(path)
    if actual != expected:
        raise InputError(f"{path} is damaged: its SHA-256 is {actual[:16]}..., not {expected[:16]}.... {remedy}")


@contextmanager
def explained_storage_errors(path: Path) -> Iterator[None]:
    """Turn an operating system's error about `path` into a StorageError that says the way out."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        advice = {
            errno.ENOSPC: "The disk is full: free some space",
            errno.EDQUOT: "The disk quota is used up: free some space",
            errno.EROFS: "The file system is read-only: name a writable folder",
            errno.EACCES: "Permission is denied: name a writable folder",
            errno.EPERM: "Permission is denied: name a writable folder",
            errno.ENOTDIR: "A file stands where a folder is needed: name another folder",
            errno.EEXIST: "A file stands where a folder is needed: name another folder",
            errno.ENAMETOOLONG: "File name too long: name a shorter one",
        }.get(error.errno or 0, f"{error.strerror or error}: mend that")
        raise StorageError(
            f"can't write {path}: {advice}, and run the same command again; what is complete is kept."
        ) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: `path` is the old file or the whole new one.

    Raises:
        StorageError: the folder is read-only, the disk is full, and so on; `path` is as it was.
    """
    with explained_storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_leftovers(path)
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with aside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def _drop_leftovers(path: Path) -> None:
    """Remove what killed processes left beside `path`; a checkpoint's can be of a gigabyte."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        process = leftover.name.split(".")[-2]
        if not process.isdecimal():
            continue  # not written here
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            leftover.unlink(missing_ok=True)
        except PermissionError:
            continue  # another user's process, and it lives


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_atomically(path, lambda file: file.write(text.encode()))


@contextmanager
def only_writer(lock: Path, what: Path, way_out: str) -> Iterator[None]:
    """Keep a second run out of `what`; a killed run's lock goes with it.

    Args:
        lock: a file to lock; made if it is not there, never changed.
        what: for the message.
        way_out: likewise.

    Raises:
        InputError: another run holds the lock.
        StorageError: the folder can't be written.
    """
    with explained_storage_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    with file:
        with explained_storage_errors(lock):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"another run is writing to {what}. Wait for it to end, or {way_out}.") from error
        yield
