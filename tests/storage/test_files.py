from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.base import InputError, StorageError
from src.storage import files
from src.storage.files import explained_storage_errors, sha256, verify_sha256, write_atomically, write_text

OLD = b"the old content, whole"


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@given(st.binary(max_size=200_000), st.binary(max_size=100))
def test_the_new_content_replaces_the_old(content: bytes, old: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        path.write_bytes(old)
        write_atomically(path, lambda file: file.write(content))
        assert path.read_bytes() == content
        assert names(Path(name)) == ["file"]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, lambda file: file.write(b"x"))
    assert path.read_bytes() == b"x"
    assert names(path.parent) == ["file"]


def test_readers_see_the_old_content_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    seen = []

    def write(file: BinaryIO) -> None:
        for _ in range(3):
            file.write(b"new" * 10_000)
            file.flush()
            seen.append(path.read_bytes())

    write_atomically(path, write)
    assert seen == [OLD] * 3
    assert path.read_bytes() == b"new" * 30_000


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("exists", [True, False])
def test_a_writer_that_raises_changes_nothing(tmp_path: Path, error: BaseException, exists: bool) -> None:
    path = tmp_path / "file"
    if exists:
        path.write_bytes(OLD)

    def write(file: BinaryIO) -> None:
        file.write(b"half of the new")
        file.flush()
        raise error

    with pytest.raises(type(error)) as caught:
        write_atomically(path, write)
    assert caught.value is error
    assert names(tmp_path) == (["file"] if exists else [])
    assert not exists or path.read_bytes() == OLD


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_an_error_of_the_system_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    monkeypatch.setattr(files.os, step, failing(number))
    with pytest.raises(StorageError) as caught:
        write_atomically(path, lambda file: file.write(b"new"))
    monkeypatch.undo()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == OLD
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    real_open = Path.open

    def open_full(self: Path, mode: str = "r", *rest: object, **options: object) -> object:
        # The file is made where it was wanted, so that a stray one would show; what is written meets a full device.
        real_open(self, mode).close()
        return real_open(Path("/dev/full"), mode, *rest, **options)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(StorageError, match="disk is full: free some space"):
        write_atomically(path, lambda file: file.write(b"x" * size))
    monkeypatch.undo()
    assert path.read_bytes() == OLD
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "name a writable folder"),
        (errno.EACCES, "name a writable folder"),
        (errno.EPERM, "name a writable folder"),
        (errno.ENAMETOOLONG, "File name too long: name a shorter one, and run"),
        (errno.EIO, f"{os.strerror(errno.EIO)}: mend that, and run"),
    ],
)
@pytest.mark.parametrize("step", ["mkdir", "open"])
def test_errors_name_the_path_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, way_out: str
) -> None:
    path = tmp_path / "file"
    monkeypatch.setattr(Path, step, failing(number))
    with pytest.raises(StorageError) as caught:
        write_atomically(path, lambda file: file.write(b"new"))
    message = str(caught.value)
    assert message.startswith(f"can't write {path}: ")
    assert way_out in message
    assert "run the same command again" in message
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == number


@pytest.mark.parametrize("below", ["file/new", "file/folder/new"])
def test_a_file_where_a_folder_is_needed(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(StorageError, match="file stands where a folder is needed: name another folder") as caught:
        write_atomically(tmp_path / below, lambda file: file.write(b"new"))
    assert str(tmp_path / below) in str(caught.value)
    assert (tmp_path / "file").read_bytes() == OLD


def test_a_storage_error_inside_keeps_its_own_message() -> None:
    inner = StorageError("about another file")
    with pytest.raises(StorageError) as caught, explained_storage_errors(Path("outer")):
        raise inner
    assert caught.value is inner


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(InputError, match=r"^mine$"), explained_storage_errors(Path("outer")):
        raise InputError("mine")


@given(st.text(st.characters(codec="utf-8")))
def test_text_is_written_as_utf8(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        write_text(path, text)
        assert path.read_bytes() == text.encode("utf-8")


@given(st.binary(max_size=300_000))
def test_sha256_is_of_the_whole_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        path.write_bytes(content)
        assert sha256(path) == hashlib.sha256(content).hexdigest()


@given(st.binary(min_size=1, max_size=1000), st.data())
def test_verify_accepts_the_file_and_nothing_else(content: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        path.write_bytes(content)
        expected = hashlib.sha256(content).hexdigest()
        verify_sha256(path, expected, "Fetch it again.")
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(InputError) as caught:
            verify_sha256(path, expected, "Fetch it again.")
    message = str(caught.value)
    assert message.startswith(f"{path} is damaged")
    assert expected[:16] in message and hashlib.sha256(changed).hexdigest()[:16] in message
    assert message.endswith(" Fetch it again.")


def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    dead, alive = (tmp_path / f".file.{process}.part" for process in (finished.pid, os.getppid()))
    dead.write_bytes(b"half"), alive.write_bytes(b"half")
    (tmp_path / ".other.1.part").write_bytes(b"half")
    write_text(tmp_path / "file", "whole")
    assert names(tmp_path) == sorted([alive.name, ".other.1.part", "file"])
