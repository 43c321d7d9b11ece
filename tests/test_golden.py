"""The comparison of two trees' results sees every number, and wall times alone are left out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden import differences, main


@pytest.fixture
def before(tmp_path: Path) -> Path:
    top = tmp_path / "before"
    (top / "results").mkdir(parents=True)
    (top / "logs").mkdir()
    (top / "results" / "table.csv").write_text("a,seconds\n1.5,3\n")
    (top / "results" / "figure.png").write_bytes(b"picture")
    (top / "logs" / "log.tsv").write_text("idx\ttime\n0\t1.0\n")
    (top / "resolution.txt").write_text("said")
    return top


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda top: None, []),
        (lambda top: (top / "results/table.csv").write_text("a,seconds\n1.5,4\n"), []),
        (lambda top: (top / "logs/log.tsv").write_text("idx\ttime\n0\t2.0\n"), []),
        (lambda top: (top / "results/table.csv").write_text("a,seconds\n1.50,3\n"), ["results/table.csv differs"]),
        (lambda top: (top / "results/table.csv").write_text("seconds,a\n3,1.5\nx,y\n"), ["results/table.csv differs"]),
        (lambda top: (top / "results/figure.png").write_bytes(b"Picture"), ["results/figure.png differs"]),
        (lambda top: (top / "resolution.txt").write_text("else"), ["resolution.txt differs"]),
        (lambda top: (top / "logs/log.tsv").unlink(), ["logs/log.tsv is only in "]),
    ],
)
def test_differences(before: Path, change: Callable[[Path], object], expected: list[str]) -> None:
    after = before.with_name("after")
    shutil.copytree(before, after)
    change(after)
    found = list(differences(before, after))
    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))
    assert main(["compare", str(before), str(after)]) == (1 if expected else 0)


def test_a_command_that_is_none_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mend"]) == 2
    assert "python -m tests.golden compare" in capsys.readouterr().out
