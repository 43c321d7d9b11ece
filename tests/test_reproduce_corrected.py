"""Protocol `corrected` from the command line: whole runs in miniature, interrupted and resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from src.certification.log import CertificationLog, read_log
from src.cli.parser import INTERRUPTED
from src.storage.records import Records
from src.studies.resolution.corrected.figures import FIGURES
from src.studies.resolution.corrected.tables import TABLES
from tests.killed_at import APPENDED, ASIDE, IN_PLACE, TORN, TORN_ASIDE, assert_kills_change_nothing
from tests.workplace import Workplace

ONE = ("--protocol", "corrected", "--variants", "Downscaled", "--recipes", "gaussian", "--sigmas", "0.25")
TWO = (*ONE, "0.125")


def folder(workplace: Workplace) -> Path:
    return workplace.profile / "corrected"


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "work")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A complete run of two networks, one attacked in all ways; tests that change it work on a copy."""
    workplace = Workplace(tmp_path_factory.mktemp("finished") / "work")
    assert workplace.run(*TWO) == 0
    return workplace


@pytest.fixture
def copy(finished: Workplace, tmp_path: Path) -> Workplace:
    return Workplace(shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True))


def test_writes_every_table_figure_and_log(finished: Workplace) -> None:
    for name in TABLES:
        assert pd.read_csv(folder(finished) / name).columns.size > 3, name
    for name in FIGURES:
        assert (folder(finished) / "figures" / name).stat().st_size > 10_000, name
    logs = sorted((folder(finished) / "certificates").glob("*.tsv"))
    assert len(logs) == 4
    assert {len(read_log(path)) for path in logs} == {20}
    assert not list(finished.folder.rglob("*.part")) and not list(finished.profile.rglob("*.partial"))


def test_again_does_nothing_but_say_so(copy: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder(copy).rglob("*") if path.is_file()}
    assert copy.run(*TWO) == 0
    assert "Nothing to do" in capsys.readouterr().out
    after = {path: path.stat().st_mtime_ns for path in folder(copy).rglob("*") if path.is_file()}
    before.pop(folder(copy) / ".lock"), after.pop(folder(copy) / ".lock")
    assert after == before


def test_same_seed_gives_identical_files_in_another_order_and_after_interruptions(
    finished: Workplace, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other network first, cut off in its certification, then in its attacks."""
    appended = {"certificates": 0, "records": 0}
    certify, record = CertificationLog.append, Records.append

    def certify_once(log: CertificationLog, rows: pd.DataFrame) -> None:
        appended["certificates"] += 1
        if appended["certificates"] == 2:
            # As a kill in the middle of a write leaves it.
            log.path.write_bytes(log.path.read_bytes() + b"12\t3\t")
            raise KeyboardInterrupt
        certify(log, rows)

    def record_twice(records: Records, rows: pd.DataFrame) -> None:
        appended["records"] += 1
        if appended["records"] == 3:
            raise KeyboardInterrupt
        record(records, rows)

    monkeypatch.setattr(CertificationLog, "append", certify_once)
    monkeypatch.setattr(Records, "append", record_twice)
    other = (*ONE[:-1], "0.125")
    assert workplace.run(*other) == INTERRUPTED
    assert workplace.run(*other) == INTERRUPTED
    assert workplace.run(*other) == 0
    assert workplace.run(*ONE) == 0
    assert appended["certificates"] > 2 and appended["records"] > 3
    assert workplace.contents() == finished.contents()


def test_certificates_of_another_training_are_refused(copy: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    for path in copy.models.glob("resolution/corrected-*"):
        shutil.rmtree(path)
    log = sorted((folder(copy) / "certificates").glob("*-fixed-*.tsv"))[0]
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:5]))
    table = folder(copy) / "trials.csv"
    trials = pd.read_csv(table)
    trials.assign(weights_sha256="0" * 64).to_csv(table, index=False)
    before = log.read_bytes()
    assert copy.run(*TWO) == 2
    assert "were made by another training" in capsys.readouterr().err
    assert log.read_bytes() == before


def test_a_damaged_log_is_told(copy: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    log = sorted((folder(copy) / "certificates").glob("*-fixed-*.tsv"))[0]
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([*lines[:3], "nonsense\n", *lines[4:]]))
    assert copy.run(*TWO) == 2
    errors = capsys.readouterr().err
    assert log.name in errors and "Traceback" not in errors


def test_list_prints_the_plan_and_runs_nothing(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    assert workplace.run("--protocol", "corrected", "--list") == 0
    printed = capsys.readouterr().out
    assert "Profile smoke, protocol corrected: plan" in printed
    assert "Downscaled macer smoke 0.25 0" in printed and "In all about" in printed
    assert not workplace.results.exists() and not workplace.models.exists()


def one_network(folder: Path) -> int:
    return Workplace(folder).run(*ONE)


def two_networks(folder: Path) -> int:
    return Workplace(folder).run(*TWO)


def test_kills_in_the_middle_of_writes_change_nothing(tmp_path: Path) -> None:
    assert_kills_change_nothing(one_network, tmp_path, [
        (IN_PLACE, "history.csv"), (IN_PLACE, "certificates/*.json"), (TORN, "certificates/*.tsv"),
        (APPENDED, "certificates/*.tsv"), (TORN, "records/*.partial"), (APPENDED, "records/*.partial"),
        (ASIDE, "records/*.gz"), (IN_PLACE, "records/*.gz"), (TORN_ASIDE, "corrected/*.csv"),
        (IN_PLACE, "figures/*.png"), (ASIDE, "corrected/*.json"),
    ])  # fmt: skip


@pytest.mark.slow
def test_kills_at_every_kind_of_write_change_nothing(tmp_path: Path) -> None:
    assert_kills_change_nothing(two_networks, tmp_path)
