"""What lies beside a log: what made it is recorded, the weights alone compared; what is unreadable is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from src.base import InputError, StorageError
from src.certification.log import CertificationLog, read_log

SETTINGS = {"method": "fixed", "n": 100, "sigma": 0.25}
CPU = {"device": "CPU", "versions": {"keras": "3.0"}}


ROW = pd.DataFrame({"idx": [0], "label": 1, "predict": 1, "radius": 0.1, "count": 90, "n": 100, "seconds": 0.1,
                    "network": 1})  # fmt: skip


def begin(folder: Path, made_with: dict[str, Any] | None = None, **changes: object) -> CertificationLog:
    log = CertificationLog(folder / "log.tsv", {**SETTINGS, **changes})
    log.begin(made_with)
    return log


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (CPU, {"device": "GPU", "versions": {"keras": "3.1"}}),
        (CPU, None),
        (None, CPU),
        (None, {"weights_sha256": "aa"}),
        ({"weights_sha256": "aa"}, CPU),
        ({**CPU, "weights_sha256": "aa"}, {"device": "GPU", "weights_sha256": "aa"}),
    ],
)
def test_what_made_a_log_is_recorded_once_and_may_differ(
    tmp_path: Path, first: dict[str, Any] | None, then: dict[str, Any] | None
) -> None:
    log = begin(tmp_path, first)
    written = log.sidecar.read_bytes()
    assert json.loads(written) == {**SETTINGS, **({} if first is None else {"made_with": first})}
    begin(tmp_path, then).check(then)
    assert log.sidecar.read_bytes() == written


def test_rows_of_two_trainings_never_mix(tmp_path: Path) -> None:
    log = begin(tmp_path, {**CPU, "weights_sha256": "aa"})
    log.append(ROW)
    before = log.path.read_bytes(), log.sidecar.read_bytes()
    other = {**CPU, "weights_sha256": "bb"}
    for refused in (lambda: log.check(other), lambda: log.begin(other)):
        with pytest.raises(InputError) as caught:
            refused()
        assert 'by another training: weights_sha256 is "aa" there and "bb" now' in str(caught.value)
        assert f"Name another file, or move {log.path} and {log.sidecar} away" in str(caught.value)
    assert (log.path.read_bytes(), log.sidecar.read_bytes()) == before


def test_settings_are_compared_whatever_made_them(tmp_path: Path) -> None:
    begin(tmp_path, {"weights_sha256": "aa"}).append(ROW)
    with pytest.raises(InputError, match=r"sigma is 0\.25 there and 0\.5 now"):
        begin(tmp_path, {"weights_sha256": "aa"}, sigma=0.5)


def test_settings_read_back_still_load(tmp_path: Path) -> None:
    log = begin(tmp_path, CPU)
    again = CertificationLog(log.path, json.loads(log.sidecar.read_text()))
    again.begin()
    assert len(again.load()) == 0


def test_a_broken_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.tsv.json").write_text(json.dumps({**SETTINGS, "made_with": 3}))
    with pytest.raises(InputError, match="is no file of settings"):
        begin(tmp_path)


def test_folders_in_the_place_of_files_are_told(tmp_path: Path) -> None:
    log = begin(tmp_path)
    log.sidecar.unlink()
    log.sidecar.mkdir()
    with pytest.raises(InputError, match=r"can't read .*log\.tsv\.json: Is a directory"):
        log.begin()
    log = CertificationLog(tmp_path / "other.tsv", SETTINGS)
    log.begin()
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(InputError, match=r"other\.tsv is a folder"):
        log.begin()
    for read in (log.load, lambda: read_log(log.path)):
        with pytest.raises(InputError, match=r"can't read .*other\.tsv: Is a directory"):
            read()


def test_what_the_system_refuses_to_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = begin(tmp_path)
    read_bytes = Path.read_bytes
    for unreadable in (log.path, log.sidecar):

        def refused(path: Path, unreadable: Path = unreadable) -> bytes:
            if path == unreadable:
                raise PermissionError(13, "Permission denied", str(path))
            return read_bytes(path)

        monkeypatch.setattr(Path, "read_bytes", refused)
        with pytest.raises(InputError) as caught:
            log.begin()
        assert str(caught.value) == f"can't read {unreadable}: Permission denied."


def test_a_place_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="File name too long"):
        CertificationLog(tmp_path / ("long" * 100), SETTINGS).check()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="A file stands where a folder is needed"):
        begin(tmp_path / "file")


HASHES = {"model_sha256": "aa" * 32, "data_sha256": "bb" * 32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model_sha256": "cc" * 32},
            "was made with another model (or the same saved another time) "
            '(model_sha256 is "aaaaaaaaaaaaaaa..." there and "ccccccccccccccc..." now). Name another',
        ),
        ({"data_sha256": "cc" * 32}, 'was made with other images or labels (data_sha256 is "bbbbbbbbbbbbbbb..." there'),
        ({"data_sha256": "cc" * 32, "sigma": 0.5}, "now), and with other settings: sigma is 0.25 there and 0.5 now. N"),
    ],
)
def test_another_model_or_data_is_told_as_that(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    begin(tmp_path, **HASHES).append(ROW)
    with pytest.raises(InputError) as caught:
        begin(tmp_path, **{**HASHES, **changes})
    assert message in str(caught.value)


def test_both_values_of_a_long_setting_are_shown(tmp_path: Path) -> None:
    radii = [place / 8 for place in range(20)]
    begin(tmp_path, radii=radii).append(ROW)
    with pytest.raises(InputError) as caught:
        begin(tmp_path, radii=[*radii, 3.0])
    assert f"radii is {radii} there and {[*radii, 3.0]} now" in str(caught.value)


def test_a_log_that_does_not_state_its_bounds_goes_on_as_it_is(tmp_path: Path) -> None:
    log = begin(tmp_path)
    written = log.sidecar.read_bytes()
    for bounds in ([0.0, 1.0], [0.0, 255.0]):
        begin(tmp_path, bounds=bounds).check()
    assert log.sidecar.read_bytes() == written


def test_bounds_that_are_stated_are_compared(tmp_path: Path) -> None:
    begin(tmp_path, bounds=[0.0, 1.0]).append(ROW)
    with pytest.raises(InputError, match=r"bounds is \[0\.0, 1\.0\] there and \[0\.0, 255\.0\] now"):
        begin(tmp_path, bounds=[0.0, 255.0])
    with pytest.raises(InputError, match=r"bounds is \[0\.0, 1\.0\] there and not stated now"):
        begin(tmp_path)
