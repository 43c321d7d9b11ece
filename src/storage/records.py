"""One row per image and condition: appended block by block, resumed after any interruption, loaded as pandas.

A file in the making, `NAME.partial`, is a chain of gzip members, one for each block; a kill can only tear its
last member, which is cut off when the file is next opened. `finish` sorts it into `NAME.csv.gz`, whose bytes
depend on the rows alone.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path

import pandas as pd

from src.base import InputError
from src.storage.files import explained_storage_errors, write_atomically

MEMBER_HEAD = b"\x1f\x8b\x08\x00"
"""How every gzip member that is written here begins."""

FLOAT_FORMAT = "%.9g"
"""Nine digits give a float32 back exactly."""


class Records:
    """The records of one trial.

    Args:
        path: ends in `.csv.gz`; the file in the making lies beside it.
        columns: names and pandas types, in order.
        key: the columns that name a row; a row is never kept twice.
    """

    def __init__(self, path: Path, columns: dict[str, str], key: tuple[str, ...]) -> None:
        self.path = path
        self.partial = path.with_name(path.name.removesuffix(".csv.gz") + ".partial")
        self._columns = columns
        self._key = list(key)
        self._nan = {name: ["nan"] for name, kind in columns.items() if kind.startswith("float")}

    def load(self) -> pd.DataFrame:
        """All rows, finished or in the making, sorted by key.

        Raises:
            InputError: a file is damaged; the message says how to go on.
        """
        frames = [self._parse(self.path, read_whole(self.path))] if self.path.exists() else []
        if self.partial.exists():
            frames += [self._parse(self.partial, text) for text in self._whole_members()]
        if not frames:
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in self._columns.items()})
        rows = pd.concat(frames, ignore_index=True).drop_duplicates(self._key)
        return rows.sort_values(self._key, ignore_index=True)

    def append(self, rows: pd.DataFrame) -> None:
        """Add a block of rows; when this returns, they outlast a kill.

        Raises:
            StorageError: the folder can't be written; rows appended before are kept.
        """
        member = gzip.compress(self._text(rows), mtime=0)
        with explained_storage_errors(self.partial):
            self.partial.parent.mkdir(parents=True, exist_ok=True)
            self._cut_torn_tail()
            with self.partial.open("ab") as file:
                file.write(member)
                file.flush()
                os.fsync(file.fileno())

    def finish(self) -> None:
        """Sort all rows into the finished file and drop the file in the making."""
        if not self.partial.exists():
            return
        text = self._text(self.load())
        write_atomically(self.path, lambda file: file.write(gzip.compress(text, mtime=0)))
        with explained_storage_errors(self.partial):
            self.partial.unlink()

    def _text(self, rows: pd.DataFrame) -> bytes:
        return rows[list(self._columns)].to_csv(index=False, float_format=FLOAT_FORMAT, na_rep="nan").encode()

    def _parse(self, path: Path, text: bytes) -> pd.DataFrame:
        try:
            rows = pd.read_csv(io.BytesIO(text), dtype=self._columns, keep_default_na=False, na_values=self._nan)
            if list(rows.columns) != list(self._columns):
                raise ValueError(f"its columns are {', '.join(rows.columns)}")
        except ValueError as error:
            raise damaged(path, error) from error
        return rows

    def _whole_members(self) -> list[bytes]:
        members, _ = split_members(self.partial)
        return members

    def _cut_torn_tail(self) -> None:
        if self.partial.exists():
            _, end = split_members(self.partial)
            if end < self.partial.stat().st_size:
                os.truncate(self.partial, end)


def split_members(path: Path) -> tuple[list[bytes], int]:
    """The contents of a gzip file's whole members, and the byte at which the last of them ends.

    Raises:
        InputError: a member is damaged, not merely torn off at the end of the file.
    """
    data = path.read_bytes()
    members: list[bytes] = []
    end = 0
    while end < len(data):
        decoder = zlib.decompressobj(wbits=31)
        try:
            # Without this look at the header, a flipped bit in it could make zlib wait for more, as at a torn end.
            if data[end : end + len(MEMBER_HEAD)] != MEMBER_HEAD[: len(data) - end]:
                raise zlib.error("not the head of a gzip member")
            text = decoder.decompress(data[end:])
        except zlib.error as error:
            raise damaged(path, error) from error
        if not decoder.eof:
            break
        members.append(text)
        end = len(data) - len(decoder.unused_data)
    return members, end


def read_whole(path: Path) -> bytes:
    """The contents of a finished gzip file.

    Raises:
        InputError: it is truncated or damaged.
    """
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> InputError:
    """What to say of a records file that can't be read."""
    return InputError(f"{path} is damaged ({error}). Delete it and run again: only what it held is evaluated anew.")
