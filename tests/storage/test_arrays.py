"""The first rows of arrays in an npz: the right ones, in little memory, and nothing that damage could have changed."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from src.base import Bounds, InputError, StorageError
from src.certification.user_data import load_data
from src.storage import arrays as module
from src.storage.arrays import load_arrays, load_headers

KINDS = st.one_of(
    arrays.integer_dtypes(), arrays.unsigned_integer_dtypes(), arrays.floating_dtypes(), arrays.boolean_dtypes(),
    arrays.unicode_string_dtypes(max_len=3),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    array=arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)),
    most=st.one_of(st.none(), st.integers(0, 6)), fortran=st.booleans(), compressed=st.booleans(),
    piece=st.sampled_from([1, 3, 7, 2**20]),
)  # fmt: skip
def test_the_first_rows_are_numpys(
    tmp_path_factory, array: np.ndarray, most: int | None, fortran: bool, compressed: bool, piece: int
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "a.npz"
    array = np.asfortranarray(array) if fortran and array.ndim else array
    (np.savez_compressed if compressed else np.savez)(path, a=array, b=np.arange(5))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "PIECE", piece)
        found = load_arrays(path, "", most=most)
    expected = array[:most] if array.ndim else array
    assert found.keys() == {"a", "b"} and found["b"].tolist() == list(range(5))[:most]
    assert (found["a"].dtype, found["a"].shape) == (expected.dtype, expected.shape)
    assert found["a"].tobytes() == expected.tobytes()
    header = load_headers(path, "")["a"]
    assert (header.shape, header.dtype) == (array.shape, array.dtype)


def member(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def write_members(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


IMAGES = np.random.default_rng(0).random((6, 3, 3)).astype(np.float32)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("most", [None, 2])
def test_a_member_of_another_length_than_its_header_says_is_refused(
    tmp_path: Path, order: str, most: int | None
) -> None:
    whole, path = member(np.asarray(IMAGES, order=order)), tmp_path / "a.npz"
    for content in (whole[:-1], whole[:-50], whole[:130], whole[:9], whole[:4], b"", whole + b"0"):
        write_members(path, images=content)
        with pytest.raises(InputError, match=r"a.npz is damaged or not the expected file .* Do this\.$"):
            load_arrays(path, "Do this.", ["images"], most)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_anywhere_in_the_values_is_noticed_for_the_first_rows_too(
    tmp_path: Path, compression: int
) -> None:
    path = tmp_path / "a.npz"
    write_members(path, compression, images=member(IMAGES))
    whole = path.read_bytes()
    end, noticed = whole.index(b"PK\x01\x02"), 0
    for place in range(60, end, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        try:
            found = load_arrays(path, "", ["images"], 2)["images"]
        except InputError as error:
            noticed += "is damaged" in str(error)
        else:  # a bit that says nothing, as in the last byte of a compressed stream
            np.testing.assert_array_equal(found, IMAGES[:2])
    assert noticed >= len(range(60, end, 7)) - 3


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 9), }", "has 216 bytes, which its shape"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-6, -9), }", "has 216 bytes, which its shape"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (27,), }", "holds Python objects"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (54, 'x'), }", "shape is not valid"),
        ("__import__('os').system('true')", "malformed node"),
    ],
)
@pytest.mark.parametrize("most", [None, 2])
def test_a_header_that_lies_is_refused(tmp_path: Path, header: str, message: str, most: int | None) -> None:
    text = header.encode().ljust(117) + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    write_members(tmp_path / "a.npz", a=start + text + IMAGES.tobytes())
    with pytest.raises(InputError, match=message):
        load_arrays(tmp_path / "a.npz", "", ["a"], most)


def test_a_file_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    for load in (load_arrays, load_headers):
        with pytest.raises(StorageError, match="can't read"):
            load(tmp_path / "gone.npz", "")


@pytest.fixture(scope="module", params=["C", "F"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 MB of images in less than 1 MB, written piece by piece; the first two are other than the rest."""
    path = tmp_path_factory.mktemp("large") / "large.npz"
    count, side = 100_000, 16
    header = io.BytesIO()
    fortran = request.param == "F"
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": fortran, "shape": (count, side, side, 1)}
    )
    column = np.zeros(count, np.float32)
    column[:2] = 0.25, 1
    rows = np.zeros((count // 100, side, side, 1), np.float32)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for piece in range(side * side if fortran else 100):
                first = rows.copy()
                first[:2] = np.array([0.25, 1]).reshape(2, 1, 1, 1)
                file.write(column.tobytes() if fortran else (rows if piece else first).tobytes())
        archive.writestr("labels.npy", member(np.arange(count) % 10))
    return path


def test_two_images_take_the_memory_of_two(large: Path) -> None:
    tracemalloc.start()
    data = load_data(large, Bounds(), 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.images.shape == (2, 16, 16, 1) and data.labels.tolist() == [0, 1]
    assert (data.images[0] == 0.25).all() and (data.images[1] == 1).all()
    assert peak < 5e6, f"{peak / 1e6:.1f} MB"


def test_other_arrays_of_the_file_do_not_matter(tmp_path: Path) -> None:
    sound = {"images": member(IMAGES), "labels": member(np.arange(6))}
    named = np.array([("a", 1)], [("ä", "U1"), ("b", "i4")])
    write_members(tmp_path / "a.npz", **sound, notes=b"no array", pairs=member(named))
    assert load_data(tmp_path / "a.npz", Bounds()).labels.tolist() == list(range(6))


def test_lengths_that_differ_are_told_from_the_headers(large: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(large) as there, zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", there.read("images.npy"))
        archive.writestr("labels.npy", member(np.arange(99_999) % 10))
    with pytest.raises(InputError, match="differ in length: 100000 and 99999"):
        load_data(tmp_path / "a.npz", Bounds(), 2)
