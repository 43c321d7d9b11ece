"""A log of certificates: its format, its settings, and what an interruption or damage does to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.base import InputError, StorageError
from src.certification.log import (
    COLUMNS,
    SEQUENTIAL_COLUMNS,
    CertificationLog,
    Fixed,
    Predict,
    Sequential,
    read_log,
)
from src.certification.log_format import format_rows, parse_rows
from src.smoothing.radius import certified_radius

SETTINGS = {"method": "fixed", "n": 100, "n0": 10, "sigma": 0.25, "alpha": 0.001, "seed": 0, "radii": (0.0, 0.5)}

REFERENCE = (
    "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"
    "0\t3\t3\t1.12\t1\t0:00:17.521394\n"
    "20\t5\t-1\t0.0\t0\t0:00:02\n"
    "40\t1\t7\t0.0421\t0\t1:02:03.500000\n"
    "60\t0\t0\t8.07e-05\t1\t1 day, 0:00:01.000000\n"
)
"""As the reference implementation writes it: its radii have three significant digits, its times are timedeltas."""

REFERENCE_PREDICT = "idx\tlabel\tpredict\tcorrect\ttime\n0\t3\t3\t1\t0:00:00.093124\n20\t8\t-1\t0\t0:00:00.091877\n"


def block(*idx: int) -> pd.DataFrame:
    """Rows whose every third is an abstention, every other right."""
    places = np.array(idx)
    predict = np.where(places % 3 == 2, -1, places % 2)
    radius = np.where(predict < 0, 0.0, 0.1 + places / 7)
    return pd.DataFrame(
        {"idx": places, "label": 1, "predict": predict, "radius": radius, "count": 50 + places, "n": 100,
         "network": 1, "seconds": 0.25}
    )  # fmt: skip


def steps(*idx: int) -> pd.DataFrame:
    """Rows of a sequential certification: none, one and two radii of the grid 0 and 0.5 are certified in turn."""
    certified = np.array(idx) % 3
    return block(*idx).assign(
        predict=np.where(certified == 0, -1, 1), radius=np.where(certified == 2, 0.5, 0.0), count=390, n=400,
        count_at=[((), (98,), (98, 290))[number] for number in certified],
        n_at=[((), (100,), (100, 300))[number] for number in certified],
    )  # fmt: skip


SEQUENTIAL = {**SETTINGS, **Sequential((0.0, 0.5), 1000).settings()}


@pytest.fixture
def log(tmp_path: Path) -> CertificationLog:
    """Begun, and empty."""
    made = CertificationLog(tmp_path / "folder" / "log.tsv", SETTINGS)
    made.begin()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_lines_are_those_of_the_reference_and_more(log: CertificationLog) -> None:
    log.append(block(1, 2, 4))
    header, *lines = log.path.read_text().splitlines()
    assert header == "idx\tlabel\tpredict\tradius\tcorrect\ttime\tcount\tn\tradius_exact\tnetwork"
    assert lines == [
        f"1\t1\t1\t0.242\t1\t0.250\t51\t100\t{0.1 + 1 / 7!r}\t1",
        "2\t1\t-1\t0.0\t0\t0.250\t52\t100\t0.0\t1",
        f"4\t1\t0\t0.671\t0\t0.250\t54\t100\t{0.1 + 4 / 7!r}\t1",
    ]


def test_a_sequential_log_says_when_each_radius_was_certified(tmp_path: Path) -> None:
    log = CertificationLog(tmp_path / "log.tsv", SEQUENTIAL)
    log.begin()
    log.append(steps(0, 1, 2))
    header, *lines = log.path.read_text().splitlines()
    assert tuple(header.split("\t")) == SEQUENTIAL_COLUMNS
    assert [line.split("\t")[-2:] for line in lines] == [["-", "-"], ["98", "100"], ["98,290", "100,300"]]
    assert log.load()["count_at"].tolist() == [(), (98,), (98, 290)]
    assert read_log(log.path)["n_at"].tolist() == [(), (100,), (100, 300)]


GRIDS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5)


@settings(max_examples=50, deadline=None)
@given(found=st.lists(GRIDS, min_size=1, max_size=5))
def test_counts_at_certified_radii_come_back(found: list[list[tuple[int, int]]], tmp_path_factory) -> None:
    """What draws can give: hits and misses that add up, here one more hit at each step so that n is above 0."""
    log = CertificationLog(tmp_path_factory.mktemp("log") / "log.tsv", SEQUENTIAL)
    log.begin()
    hits = [np.cumsum([hits + 1 for hits, _ in grid], dtype=int).tolist() for grid in found]
    draws = [np.cumsum([hits + misses + 1 for hits, misses in grid], dtype=int).tolist() for grid in found]
    rows = block(*range(len(found))).assign(
        predict=[1 if grid else -1 for grid in found], radius=[max(len(grid) - 1, 0) / 4 for grid in found],
        count=[counts[-1] if counts else 0 for counts in hits], n=[counts[-1] if counts else 0 for counts in draws],
        count_at=[tuple(counts) for counts in hits], n_at=[tuple(counts) for counts in draws],
    )  # fmt: skip
    log.append(rows)
    there = read_log(log.path)
    assert there["count_at"].tolist() == rows["count_at"].tolist() and there["n_at"].tolist() == rows["n_at"].tolist()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("98,290\t100,300", "98\t100,300", "count_at and n_at in line 4 do not go"),
        ("98,290\t100,300", "290,98\t100,300", "count_at and n_at in line 4 do not go"),
        ("98,290\t100,300", "98,290\t300,100", "count_at and n_at in line 4 do not go"),
        ("98,290\t100,300", "98,301\t100,300", "count_at and n_at in line 4 do not go"),
        ("98,290\t100,300", "90,291\t100,300", "count_at and n_at in line 4 do not go"),  # 201 hits in 200 draws
        ("98,290\t100,300", "98,391\t100,400", "count_at and n_at in line 4 do not go"),  # the count is 390
        ("98,290\t100,300", "98,290\t100,401", "count_at and n_at in line 4 do not go"),  # of 400 draws
        ("98,290\t100,300", "98\t100", "count_at and n_at in line 4 do not go"),  # as many as for a smaller radius
        ("98,290\t100,300", "-\t-", "count_at and n_at in line 4 do not go"),
        ("98,290\t100,300", "0,290\t0,300", "count_at and n_at in line 4 do not go"),
        ("98,290\t100,300", "98,,290\t100,300", "count_at in line 4 is '98,,290'"),
        ("98,290\t100,300", "98,290\t100,x", "n_at in line 4 is '100,x'"),
        ("98,290\t100,300", "98,-1\t100,300", "count_at in line 4 is '98,-1'"),
        ("\t-\t-", "\t98\t100", "count_at and n_at in line 2 do not go"),
        ("0.5\t1\t0.250\t390\t400\t0.5", "0.0\t1\t0.250\t390\t400\t0.0", "are longer at smaller radii"),
        ("count_at", "counts", "its header has no column 'count_at'"),
        ("\tn_at", "\tns", "its header has no column 'n_at'"),
    ],
)
def test_counts_at_certified_radii_that_do_not_go_together_are_damage(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    log = CertificationLog(tmp_path / "log.tsv", SEQUENTIAL)
    log.begin()
    log.append(steps(0, 1, 2))
    log.path.write_text(log.path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_log(log.path)
    assert message in str(caught.value)


@pytest.mark.parametrize(("made", "rows"), [(SETTINGS, block), (SEQUENTIAL, steps)], ids=["fixed", "sequential"])
def test_a_log_made_earlier_counts_as_done_and_goes_on_with_its_own_columns(
    tmp_path: Path, made: dict[str, object], rows: Callable[..., pd.DataFrame]
) -> None:
    log = CertificationLog(tmp_path / "log.tsv", made)
    log.begin()
    log.append(rows(0, 1, 2, 4, 5))
    lines = log.path.read_text().splitlines()
    width = 9  # without network, count_at and n_at
    log.path.write_text("".join("\t".join(line.split("\t")[:width]) + "\n" for line in lines[:3]))
    log.begin()
    assert list(log.done()) == [0, 1]
    log.append(rows(2, 4, 5))
    there = read_log(log.path)
    assert list(there.columns) == list(COLUMNS[:width]) and there["idx"].tolist() == [0, 1, 2, 4, 5]
    assert log.path.read_text().splitlines() == ["\t".join(line.split("\t")[:width]) for line in lines]


def test_a_log_with_a_column_of_another_hand_is_read_but_not_gone_on_with(log: CertificationLog) -> None:
    log.append(block(0, 1))
    lines = log.path.read_text().splitlines()
    log.path.write_text("\n".join([lines[0] + "\tnote", *(line + "\tgood" for line in lines[1:])]) + "\n")
    before = log.path.read_bytes()
    log.check()
    assert list(log.done()) == [0, 1]
    with pytest.raises(InputError, match="has a column 'note', which no row can be given"):
        log.begin()
    assert log.path.read_bytes() == before


EDITED = {
    "blank line": lambda text: text + b"\n",
    "blank lines": lambda text: text + b"\n\n\n",
    "white lines": lambda text: text + b"  \n\t\t\n",
    "byte-order mark": lambda text: b"\xef\xbb\xbf" + text,
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "all of them": lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n") + b"\r\n\r\n",
}
"""What editors and spreadsheets leave in a log."""


@pytest.mark.parametrize("edit", EDITED)
@pytest.mark.parametrize(("made", "rows"), [(SETTINGS, block), (SEQUENTIAL, steps)], ids=["fixed", "sequential"])
def test_an_edited_log_is_read_and_goes_on(
    tmp_path: Path, made: dict[str, object], rows: Callable[..., pd.DataFrame], edit: str
) -> None:
    log = CertificationLog(tmp_path / "log.tsv", made)
    log.begin()
    log.path.write_bytes(EDITED[edit](log.path.read_bytes()))
    assert len(read_log(log.path)) == len(log.load()) == 0
    for end in (2, 5):
        log.begin()
        log.append(rows(*range(end - 2, end)))
        log.path.write_bytes(EDITED[edit](log.path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"")))
    log.append(rows(2))
    expected = [0, 1, 3, 4, 2]
    assert read_log(log.path)["idx"].tolist() == list(log.done()) == expected
    pd.testing.assert_frame_equal(
        read_log(log.path).drop(columns=["radius", "time", "correct"]),
        rows(*expected).rename(columns={"radius": "radius_exact"})[list(read_log(log.path).columns.drop(
            ["radius", "time", "correct"]))],
    )  # fmt: skip


@pytest.mark.parametrize("edit", EDITED)
def test_a_tear_in_an_edited_log_costs_only_the_torn_line(log: CertificationLog, edit: str) -> None:
    log.path.write_bytes(EDITED[edit](log.path.read_bytes()))
    log.append(block(0, 1))
    start = log.path.stat().st_size
    log.append(block(3))
    whole = log.path.read_bytes()
    for end in range(start, len(whole)):
        log.path.write_bytes(whole[:end])
        assert list(log.done()) == read_log(log.path)["idx"].tolist() == [0, 1]
        log.append(block(3))
        assert log.path.read_bytes() == whole


def test_a_reference_log_with_a_mark_and_blank_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "reference.tsv"
    for edit in EDITED.values():
        path.write_bytes(edit(REFERENCE.encode()))
        assert read_log(path)["idx"].tolist() == [0, 20, 40, 60]


def test_a_log_of_predict_has_no_radii(tmp_path: Path) -> None:
    log = CertificationLog(tmp_path / "log.tsv", {**Predict(100).settings(), "sigma": 0.5})
    log.begin()
    log.append(block(1, 2).drop(columns="radius"))
    header = "idx\tlabel\tpredict\tcorrect\ttime\tcount\tn\tnetwork\n"
    assert log.path.read_text() == header + "1\t1\t1\t1\t0.250\t51\t100\t1\n2\t1\t-1\t0\t0.250\t52\t100\t1\n"
    assert list(log.done()) == [1, 2]


@settings(max_examples=50, deadline=None)
@given(radii=st.lists(st.floats(0, 1000), min_size=1, max_size=5))
def test_radii_come_back_exactly_and_are_shown_rounded_down(radii: list[float], tmp_path_factory) -> None:
    log = CertificationLog(tmp_path_factory.mktemp("log") / "log.tsv", SETTINGS)
    log.begin()
    rows = block(*range(0, 6 * len(radii), 6)).assign(radius=radii)
    log.append(rows)
    there = log.load()
    assert there["radius_exact"].tolist() == radii
    assert (there["radius"] <= there["radius_exact"] + 1e-12).all()
    assert (there["radius"] > there["radius_exact"] - 0.001001).all()
    assert np.allclose(there["radius"] * 1000, np.round(there["radius"] * 1000), rtol=0, atol=1e-6)


SIGMAS = st.one_of(st.floats(1e-30, 1e30), st.floats(-30, 30).map(lambda power: 10.0**power))


@settings(max_examples=100, deadline=None)
@given(sigma=SIGMAS, counts=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), min_size=1, max_size=6))
def test_certificates_of_any_sigma_come_back(sigma: float, counts: list[tuple[int, int]]) -> None:
    n = np.array([max(pair) for pair in counts])
    k = np.array([min(pair) for pair in counts])
    radius = certified_radius(k, n, 0.001, sigma)
    rows = pd.DataFrame({
        "idx": np.arange(len(n)), "label": 1, "predict": np.where(radius < 0, -1, 1), "radius": np.maximum(radius, 0),
        "count": k, "n": n, "network": 0, "seconds": 0.0,
    })  # fmt: skip
    with np.errstate(all="raise", under="ignore"):
        there = parse_rows("\t".join(COLUMNS) + "\n" + format_rows(rows, COLUMNS))
    assert there["radius_exact"].tolist() == rows["radius"].tolist()
    assert (there["radius"] <= there["radius_exact"]).all()
    for name in ("idx", "label", "predict", "count", "n", "network"):
        assert there[name].tolist() == rows[name].tolist()


@pytest.mark.parametrize("radius", [1e-30, 0.25, 1e3, 1e9, 1e13, 1e30])
def test_a_radius_that_is_rounded_up_is_damage_at_any_size(radius: float) -> None:
    rows = block(0).assign(radius=radius)
    text = "\t".join(COLUMNS) + "\n" + format_rows(rows, COLUMNS)
    shown = text.splitlines()[1].split("\t")[3]
    parse_rows(text)
    for wrong in (float(shown) + max(0.001, 1e-12 * radius), float(shown) - max(0.002, 1e-12 * radius)):
        with pytest.raises(ValueError, match=r"do not go together|radius in line 2"):
            parse_rows(text.replace(f"\t{shown}\t", f"\t{wrong!r}\t", 1))


def test_a_tear_anywhere_costs_only_the_torn_line(log: CertificationLog) -> None:
    log.append(block(0, 1))
    start = log.path.stat().st_size
    log.append(block(2, 3))
    whole = log.path.read_bytes()
    for end in range(start, len(whole)):
        log.path.write_bytes(whole[:end])
        again = CertificationLog(log.path, SETTINGS)
        again.begin()
        missing = sorted({0, 1, 2, 3} - set(again.done()))
        assert missing == ([2, 3] if b"\n" not in whole[start:end] else [3])
        assert read_log(log.path)["idx"].tolist() == list(again.done())
        again.append(block(*missing))
        assert log.path.read_bytes() == whole


def test_a_log_goes_on_with_its_own_settings(log: CertificationLog) -> None:
    log.append(block(0))
    before = contents(log.path.parent)
    CertificationLog(log.path, json.loads(json.dumps(SETTINGS))).begin()
    assert contents(log.path.parent) == before
    assert json.loads(before["log.tsv.json"]) == {**SETTINGS, "radii": [0.0, 0.5]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": 0.5}, "sigma is 0.25 there and 0.5 now"),
        ({"sigma": 0.5, "n": 7}, "n is 100 there and 7 now; sigma is 0.25 there and 0.5 now"),
        ({"radii": [0.0, 1.0]}, "radii is [0.0, 0.5] there and [0.0, 1.0] now"),
        ({"model_sha256": "ab" * 32}, 'model_sha256 is not stated there and "ababababababab'),
        ({"seed": None}, "seed is 0 there and null now"),
    ],
)
def test_other_settings_are_named_and_nothing_changes(
    log: CertificationLog, changes: dict[str, object], message: str
) -> None:
    log.append(block(0))
    before = contents(log.path.parent)
    with pytest.raises(InputError) as caught:
        CertificationLog(log.path, {**SETTINGS, **changes}).begin()
    assert message in str(caught.value)
    assert "Name another file, or move" in str(caught.value)
    assert contents(log.path.parent) == before


@pytest.mark.parametrize("changes", [{"sigma": 0.5}, {"method": "predict"}, {"method": "sequential"}])
@pytest.mark.parametrize("there", ["both files", "the settings alone", "other settings alone renewed", "a torn row"])
def test_a_log_without_rows_is_begun_anew(
    log: CertificationLog, tmp_path: Path, changes: dict[str, object], there: str
) -> None:
    settings = {**SETTINGS, **changes}
    if there == "the settings alone":
        log.path.unlink()
    if there == "other settings alone renewed":  # a kill came between the two files
        log.sidecar.write_text(json.dumps(settings))
    if there == "a torn row":
        log.path.write_text(log.path.read_text() + "0\t1")
    before = contents(log.path.parent)
    again = CertificationLog(log.path, settings)
    again.check()
    assert contents(log.path.parent) == before and (not log.path.exists() or len(again.done()) == 0)
    again.begin()
    assert contents(log.path.parent).keys() == {"log.tsv", "log.tsv.json"}
    new = CertificationLog(tmp_path / "elsewhere" / "log.tsv", settings)
    new.begin()
    assert json.loads(again.sidecar.read_text()) == json.loads(new.sidecar.read_text())
    assert again.path.read_text().split("\n")[0] == new.path.read_text().split("\n")[0]


def test_a_setting_that_is_no_longer_there_is_named(log: CertificationLog) -> None:
    log.append(block(0))
    fewer = {name: value for name, value in SETTINGS.items() if name != "n0"}
    with pytest.raises(InputError, match="n0 is 10 there and not stated now"):
        CertificationLog(log.path, fewer).begin()


def test_a_foreign_file_is_not_taken_over(tmp_path: Path) -> None:
    for name, text in (("log.tsv", REFERENCE), ("other.tsv.json", "[1]"), ("another.tsv.json", "{")):
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"log\.tsv\.json, its settings, is not"):
        CertificationLog(tmp_path / "log.tsv", SETTINGS).begin()
    for name in ("other.tsv", "another.tsv"):
        with pytest.raises(InputError, match="is no file of settings"):
            CertificationLog(tmp_path / name, SETTINGS).begin()
    with pytest.raises(InputError, match="is a folder"):
        CertificationLog(tmp_path, SETTINGS).begin()
    assert contents(tmp_path) == before


def test_check_creates_nothing(tmp_path: Path) -> None:
    CertificationLog(tmp_path / "log.tsv", SETTINGS).check()
    assert contents(tmp_path) == {}


def test_a_log_whose_settings_alone_were_written_goes_on(log: CertificationLog) -> None:
    before = contents(log.path.parent)
    log.path.unlink()
    CertificationLog(log.path, SETTINGS).begin()
    assert contents(log.path.parent) == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"0\t1\t0\t0.1\t", b"0\t1\t0\t0.1", "line 2 has 9 fields, not 10"),
        (b"\n1\t1\t1\t", b"\n1\t1\tx\t", "predict in line 3 is 'x'"),
        (b"\n1\t1\t1\t", b"\n1\t1\t\xff\t", "predict in line 3 is"),
        (b"\n1\t1\t1\t", b"\n1\t1\t-2\t", "predict in line 3 is '-2'"),
        (b"\n1\t1\t1\t", b"\n1\t2\t1\t", "correct in line 3 does not go with label and predict"),
        (b"\n1\t1\t1\t", b"\n0\t1\t1\t", "image 0 is in it twice"),
        (b"\t0.242\t", b"\t0.252\t", "radius and radius_exact in line 3 do not go together"),
        (b"\t0.242\t", b"\tnan\t", "radius in line 3 is 'nan'"),
        (b"\t0.242\t", b"\t-0.242\t", "radius in line 3 is '-0.242'"),
        (b"\t-1\t0.0\t", b"\t-1\t0.5\t", "line 4 has a radius for an abstention"),
        (b"idx\t", b"id\t", "its header has no column 'idx'"),
    ],
)
def test_damage_is_refused_and_left_as_it_is(log: CertificationLog, old: bytes, new: bytes, message: str) -> None:
    log.append(block(0, 1, 2))
    damaged = log.path.read_bytes().replace(old, new, 1)
    assert damaged != log.path.read_bytes()
    log.path.write_bytes(damaged)
    for read in (log.load, log.begin, lambda: read_log(log.path)):
        with pytest.raises(InputError) as caught:
            read()
        assert message in str(caught.value)
        assert str(log.path) in str(caught.value)
    assert log.path.read_bytes() == damaged


def test_a_log_of_other_columns_does_not_belong_to_its_settings(log: CertificationLog) -> None:
    log.path.write_text(REFERENCE)
    with pytest.raises(InputError, match="has no column 'count'"):
        log.begin()


def test_a_log_that_is_gone_is_told(log: CertificationLog) -> None:
    log.path.unlink()
    with pytest.raises(StorageError, match=r"can't write .*log\.tsv"):
        log.append(block(0))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_reference_implementations_log_is_read(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "reference.tsv"
    path.write_bytes(REFERENCE.replace("\n", line_end).encode())
    there = read_log(path)
    assert there["idx"].tolist() == [0, 20, 40, 60]
    assert there["predict"].tolist() == [3, -1, 7, 0]
    assert there["radius"].tolist() == there["radius_exact"].tolist() == [1.12, 0.0, 0.0421, 8.07e-05]
    assert there["correct"].tolist() == [1, 0, 0, 1]
    assert there["time"].tolist() == pytest.approx([17.521394, 2, 3723.5, 86401])
    assert "count" not in there


def test_logs_are_read_without_their_last_line_end_and_with_further_columns(tmp_path: Path) -> None:
    path = tmp_path / "reference.tsv"
    lines = REFERENCE.splitlines()
    path.write_text("\n".join([lines[0] + "\tmargin", *(f"{line}\tmuch" for line in lines[1:])]))
    assert read_log(path)["radius"].tolist() == [1.12, 0.0, 0.0421, 8.07e-05]
    path.write_text(REFERENCE_PREDICT)
    assert read_log(path)["predict"].tolist() == [3, -1]
    assert "radius_exact" not in read_log(path)


def test_a_reference_log_loses_only_a_torn_last_line(tmp_path: Path) -> None:
    path, whole = tmp_path / "reference.tsv", REFERENCE.encode()
    last = whole.rstrip().rindex(b"\n") + 1
    for end in range(last, whole.rindex(b"\t") + 1):  # a torn time, the last field, can look whole
        path.write_bytes(whole[:end])
        assert read_log(path)["idx"].tolist() == [0, 20, 40]
    path.write_bytes(whole[:last].replace(b"0:00:02", b"soon") + b"60")
    with pytest.raises(InputError, match="time in line 3 is 'soon'"):
        read_log(path)


def test_an_empty_log_keeps_its_types(log: CertificationLog) -> None:
    there = read_log(log.path)
    assert len(there) == len(log.done()) == 0
    assert list(there.columns) == list(COLUMNS)
    assert there["idx"].dtype == np.int64 and there["radius_exact"].dtype == np.float64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "its header has no column 'idx'"),
        (b"idx,label,predict,radius,correct,time\n1,1,1,0.5,1,0.1\n", "its header has no column 'idx'"),
        (b"idx\tlabel\tpredict\tcorrect\ttime\tidx\n", "names a column twice"),
        (b"idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t1\t1\t0.5\t1\tsoon\n", "time in line 2 is 'soon'"),
        (b"idx\tlabel\tpredict\tradius\tcorrect\ttime\n\n0\t1\t1\t0.5\t1\t0.1\n", "line 2 has 1 fields, not 6"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "its header has no column 'idx'"),
    ],
)
def test_something_else_is_no_log(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "else.tsv"
    path.write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_log(path)
    assert message in str(caught.value)
    assert "idx label predict radius correct time" in str(caught.value)


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't read .*gone\.tsv: No such file"):
        read_log(tmp_path / "gone.tsv")


def test_methods_say_their_settings() -> None:
    assert Fixed(1000).settings() == {"method": "fixed", "n": 1000}
    assert Predict(10).settings() == {"method": "predict", "n": 10}
    assert Sequential((0.0, 0.5), 99).settings() == {"method": "sequential", "radii": [0.0, 0.5], "cap": 99}
