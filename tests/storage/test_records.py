from __future__ import annotations

import errno
import gzip
import itertools
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.base import InputError, StorageError
from src.storage import files, records
from src.storage.records import Records, read_whole, split_members

COLUMNS = {"trial": "str", "sigma": "float64", "image": "int64", "loss": "float64"}
KEY = ("trial", "sigma", "image")
WAY_OUT = "Delete it and run again: only what it held is evaluated anew."

singles = st.floats(width=32, allow_nan=False)


def records_in(folder: Path) -> Records:
    return Records(folder / "r.csv.gz", COLUMNS, KEY)


def block(images: Any, trial: str = "t", sigma: float = 0.5) -> pd.DataFrame:
    """Rows whose loss tells their image, in the digits that a file keeps."""
    images = np.asarray(images, np.int64)
    loss = [float(f"{math.sqrt(image + 1) / 7:.9g}") for image in images]
    return pd.DataFrame({"trial": trial, "sigma": sigma, "image": images, "loss": loss})


def same(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Exactly the expected rows, sorted by key, in the columns' types."""
    expected = expected.astype(COLUMNS).sort_values(list(KEY), ignore_index=True)
    pd.testing.assert_frame_equal(actual, expected, check_exact=True)


@pytest.fixture
def three(tmp_path: Path) -> Records:
    """Three blocks of four images in the making."""
    made = records_in(tmp_path)
    for start in (0, 4, 8):
        made.append(block(range(start, start + 4)))
    return made


def test_nothing_yet(tmp_path: Path) -> None:
    made = records_in(tmp_path)
    empty = made.load()
    assert len(empty) == 0 and list(empty.columns) == list(COLUMNS)
    assert empty.dtypes.equals(block([1]).astype(COLUMNS).dtypes)
    made.finish()
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=50)
@given(st.lists(singles, min_size=1, max_size=30), st.integers(1, 30), st.booleans())
def test_a_float32_comes_back_exactly(losses: list[float], size: int, finish: bool) -> None:
    rows = block(range(len(losses))).assign(loss=losses)
    with tempfile.TemporaryDirectory() as name:
        made = records_in(Path(name))
        for start in range(0, len(rows), size):
            made.append(rows[start : start + size])
        if finish:
            made.finish()
        loaded = made.load()
    same(loaded.drop(columns="loss").assign(loss=losses), rows)
    with np.errstate(over="ignore"):
        back = loaded["loss"].to_numpy().astype(np.float32)
    # Bytes, so that -0.0 and infinities count too.
    assert back.tobytes() == np.array(losses, np.float32).tobytes()


@pytest.mark.parametrize("name", ["NA", "null", "", "a,b", 'say "x"', "two\nlines", " edge ", "1", "é"])
def test_a_name_comes_back_as_it_is(tmp_path: Path, name: str) -> None:
    made = records_in(tmp_path)
    made.append(block([1, 2], trial=name))
    assert made.load()["trial"].tolist() == [name, name]
    made.finish()
    assert made.load()["trial"].tolist() == [name, name]


def test_finishing_keeps_the_rows_and_leaves_one_file(three: Records) -> None:
    same(three.load(), block(range(12)))
    three.finish()
    assert three.path.exists() and not three.partial.exists()
    same(three.load(), block(range(12)))
    assert len(list(three.path.parent.iterdir())) == 1
    before = three.path.stat().st_mtime_ns
    three.finish()
    assert three.path.stat().st_mtime_ns == before, "nothing new, nothing written"


def test_rows_added_after_finishing_join_the_others(three: Records) -> None:
    three.finish()
    three.append(block([20, 3, 15]))
    same(three.load(), block([*range(12), 15, 20]))
    three.finish()
    same(three.load(), block([*range(12), 15, 20]))
    assert not three.partial.exists()


def test_columns_come_in_their_order_whatever_the_frame_has(tmp_path: Path) -> None:
    made = records_in(tmp_path)
    made.append(block([2, 1])[["loss", "image", "trial", "sigma"]].assign(more=3))
    same(made.load(), block([1, 2]))


@settings(max_examples=40)
@given(st.permutations(range(8)), st.lists(st.integers(1, 8), max_size=8), st.integers(0, 8), st.data())
def test_the_finished_bytes_depend_on_the_rows_alone(
    order: list[int], sizes: list[int], finished_first: int, data: st.DataObject
) -> None:
    rows = pd.concat([block([3, 1, 2]), block([1, 2], sigma=0.25), block([9, 1, 2], trial="s")], ignore_index=True)
    again = data.draw(st.lists(st.integers(0, 7), max_size=3))
    with tempfile.TemporaryDirectory() as name:
        plain = records_in(Path(name) / "plain")
        plain.append(rows)
        plain.finish()
        made = records_in(Path(name) / "made")
        starts = [0, *itertools.accumulate(sizes), len(rows)]
        for place, (start, end) in enumerate(itertools.pairwise(starts)):
            made.append(rows.iloc[order[start:end]])
            if place == finished_first:
                made.finish()
        # Rows that are evaluated twice are kept once.
        made.append(rows.iloc[again])
        made.finish()
        assert made.path.read_bytes() == plain.path.read_bytes()


def test_finished_bytes_hold_no_time_and_no_name(three: Records) -> None:
    three.finish()
    content = three.path.read_bytes()
    assert content[:4] == b"\x1f\x8b\x08\x00" and content[4:8] == bytes(4)
    lines = gzip.decompress(content).decode().splitlines()
    assert lines[0] == "trial,sigma,image,loss"
    assert lines[1] == "t,0.5,0,0.142857143"


def test_every_torn_tail_is_cut_off(three: Records) -> None:
    whole = three.partial.read_bytes()
    members, end = split_members(three.partial)
    assert len(members) == 3 and end == len(whole)
    ends = []
    for length in range(len(whole) + 1):
        three.partial.write_bytes(whole[:length])
        kept, end = split_members(three.partial)
        assert kept == members[: len(kept)]
        ends.append(end)
        blocks = len(kept)
        same(three.load(), block(range(4 * blocks)))
        three.append(block([100, 101]))
        same(three.load(), block([*range(4 * blocks), 100, 101]))
        assert three.partial.read_bytes()[:end] == whole[:end]
        assert len(split_members(three.partial)[0]) == blocks + 1
    # Each block counts from its own last byte on, and not before.
    starts = sorted(set(ends))
    assert len(starts) == 4 and starts[0] == 0 and starts[-1] == len(whole)
    assert all(end == max(start for start in starts if start <= length) for length, end in enumerate(ends))


def test_a_torn_tail_alone_finishes_as_no_rows(three: Records) -> None:
    three.partial.write_bytes(three.partial.read_bytes()[:20])
    three.finish()
    assert not three.partial.exists()
    same(three.load(), block([]))
    three.append(block([5]))
    three.finish()
    same(three.load(), block([5]))


def test_a_number_that_is_not_one_comes_back(tmp_path: Path) -> None:
    columns = {"name": "str", "image": "int64", "loss": "float64"}
    records = Records(tmp_path / "a.csv.gz", columns, ("name", "image"))
    rows = pd.DataFrame({"name": ["nan", "b"], "image": [1, 2], "loss": [float("nan"), float("inf")]})
    records.append(rows)
    records.finish()
    loaded = records.load().sort_values("image")
    assert loaded["name"].tolist() == ["nan", "b"]
    assert np.isnan(loaded["loss"].iloc[0]) and loaded["loss"].iloc[1] == np.inf


def test_no_flipped_bit_loses_rows_in_silence(three: Records) -> None:
    """Of the whole blocks before the last: in the last, a flip can't be told from a torn end."""
    whole = three.partial.read_bytes()
    expected = three.load()
    members, _ = split_members(three.partial)
    last = whole.rindex(b"\x1f\x8b\x08\x00")
    refused = 0
    for place in range(last):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            three.partial.write_bytes(damaged)
            try:
                same(three.load(), expected)
            except InputError:
                refused += 1
    assert len(members) == 3 and refused > 8 * 0.8 * last


def test_every_damage_to_a_whole_block_is_noticed(three: Records) -> None:
    whole = three.partial.read_bytes()
    second = whole.index(b"\x1f\x8b\x08", 1)
    for place in range(10, second):
        for mask in (1, 16, 128, 255):
            damaged = bytearray(whole)
            damaged[place] ^= mask
            three.partial.write_bytes(damaged)
            with pytest.raises(InputError) as caught:
                three.load()
            assert str(caught.value).startswith(f"{three.partial} is damaged") and str(caught.value).endswith(WAY_OUT)
    # Nor does adding or finishing touch what may still be rescued.
    for act in (lambda: three.append(block([50])), three.finish):
        with pytest.raises(InputError, match="is damaged"):
            act()
        assert three.partial.read_bytes() == bytes(damaged)
        assert not three.path.exists()


def test_the_way_out_works(three: Records) -> None:
    three.finish()
    three.append(block([20, 21]))
    three.partial.write_bytes(b"something else" + three.partial.read_bytes())
    with pytest.raises(InputError, match="is damaged"):
        three.load()
    three.partial.unlink()
    same(three.load(), block(range(12)))


def test_every_truncation_of_the_finished_file_is_noticed(three: Records) -> None:
    three.finish()
    whole = three.path.read_bytes()
    for length in range(len(whole)):
        three.path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            three.load()
        assert str(caught.value).startswith(f"{three.path} is damaged") and str(caught.value).endswith(WAY_OUT)


def test_every_flipped_bit_of_the_finished_file_is_noticed_or_harmless(three: Records) -> None:
    three.finish()
    whole = three.path.read_bytes()
    noticed = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        three.path.write_bytes(damaged)
        try:
            loaded = three.load()
        except InputError as error:
            assert str(error).endswith(WAY_OUT)
            noticed += 1
        else:
            # The header has bytes that say nothing about the rows.
            assert bit < 8 * 10
            same(loaded, block(range(12)))
    assert noticed >= 8 * (len(whole) - 10)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"trial,sigma,image\nt,0.5,1\n",
        b"trial,sigma,image,loss,more\nt,0.5,1,0.1,2\n",
        b"sigma,trial,image,loss\n0.5,t,1,0.1\n",
        b"trial,sigma,image,harm\nt,0.5,1,0.1\n",
        b"trial,sigma,image,loss\nt,0.5,one,0.1\n",
        b"trial,sigma,image,loss\nt,0.5,1.5,0.1\n",
        b"trial,sigma,image,loss\n\xff,0.5,1,0.1\n",
        b"trial,sigma,image,loss\nt,0.5,1,0.1\nt,0.5,1,0.1,7\n",
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_table_is_refused(tmp_path: Path, text: bytes, finished: bool) -> None:
    made = records_in(tmp_path)
    path = made.path if finished else made.partial
    path.write_bytes(gzip.compress(text))
    with pytest.raises(InputError) as caught:
        made.load()
    assert str(caught.value).startswith(f"{path} is damaged") and str(caught.value).endswith(WAY_OUT)


def test_a_kill_between_finishing_and_dropping_leaves_no_duplicates(
    three: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: Path, missing_ok: bool = False) -> None:
        if self == three.partial:
            raise KeyboardInterrupt
        unlink(self, missing_ok=missing_ok)

    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", die)
    with pytest.raises(KeyboardInterrupt):
        three.finish()
    monkeypatch.undo()
    assert three.path.exists() and three.partial.exists()
    content = three.path.read_bytes()
    same(three.load(), block(range(12)))
    three.finish()
    assert three.path.read_bytes() == content and not three.partial.exists()
    same(three.load(), block(range(12)))


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_failed_finish_loses_nothing(three: Records, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace" if step == "replace" else "fsync", full)
    with pytest.raises(StorageError, match="free some space") as caught:
        three.finish()
    monkeypatch.undo()
    assert str(three.path) in str(caught.value)
    same(three.load(), block(range(12)))
    three.finish()
    same(three.load(), block(range(12)))


class FullDisk:
    """A file that takes `room` bytes more."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> None:
        self.file.write(content[: self.room])
        if len(content) > self.room:
            self.file.flush()
            raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 1, 12, 60])
def test_a_full_disk_keeps_the_rows_before(three: Records, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    real_open: Callable[..., Any] = Path.open

    def open_full(self: Path, mode: str = "r", *rest: Any) -> Any:
        file = real_open(self, mode, *rest)
        return FullDisk(file, room) if mode == "ab" else file

    before = three.partial.stat().st_size
    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(StorageError, match="disk is full: free some space") as caught:
        three.append(block(range(20, 30)))
    monkeypatch.undo()
    assert str(three.partial) in str(caught.value)
    assert three.partial.stat().st_size == before + room, "the disk was full in the middle of the block"
    same(three.load(), block(range(12)))
    three.append(block(range(20, 30)))
    same(three.load(), block([*range(12), *range(20, 30)]))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EDQUOT, errno.EIO])
def test_other_errors_when_adding(three: Records, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(records.os, "fsync", fail)
    with pytest.raises(StorageError) as caught:
        three.append(block([50]))
    monkeypatch.undo()
    assert str(three.partial) in str(caught.value)
    # Whether the block arrived is open; the earlier ones did, and adding it again keeps it once.
    three.append(block([50]))
    same(three.load(), block([*range(12), 50]))


def test_a_file_where_the_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file")
    made = Records(tmp_path / "records" / "r.csv.gz", COLUMNS, KEY)
    with pytest.raises(StorageError, match="name another folder"):
        made.append(block([1]))


def test_reading_a_finished_file_is_of_all_its_members(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"one") + gzip.compress(b"two"))
    assert read_whole(path) == b"onetwo"
