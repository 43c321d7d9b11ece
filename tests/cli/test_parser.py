"""How a command line ends."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from src.base import InputError, StorageError, TrainingError
from src.cli.parser import BROKEN_PIPE, INTERRUPTED, exit_status, own_path

ROOT = Path(__file__).resolve().parents[2]


def test_done() -> None:
    assert exit_status(lambda: None) == 0


@pytest.mark.parametrize("kind", [InputError, StorageError, TrainingError])
def test_errors_are_one_line_without_a_traceback(kind: type[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise kind("sigma: expected a number.")

    assert exit_status(work) == 2
    assert capsys.readouterr().err == "error: sigma: expected a number.\n"


def test_an_interruption_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise KeyboardInterrupt

    assert exit_status(work) == INTERRUPTED
    assert "run the same command again" in capsys.readouterr().err


def test_paths_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/reader")
    assert own_path("~/log.tsv") == Path("/home/reader/log.tsv")
    assert own_path("./~nobody-at-all") == Path("~nobody-at-all")
    with pytest.raises(argparse.ArgumentTypeError, match=r"no user 'nobody-at-all'; .* give \./~nobody-at-all/x"):
        own_path("~nobody-at-all/x")


def test_who_stops_reading_sees_no_traceback() -> None:
    code = "import sys; from src.cli.parser import exit_status; sys.exit(exit_status(lambda: print('x\\n' * 10**6)))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == "x\n"
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (BROKEN_PIPE, "")
