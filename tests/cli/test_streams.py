"""A terminal that is full, closed or shows only ASCII: no command line ends in a traceback, and work goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.certification.log import read_log
from tests.linear_models import write_files

ROOT = Path(__file__).resolve().parents[2]

ASCII = ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})

COMMANDS = ("-m src.certify --help", "-m src.reproduce --help", "-m src.reproduce --list --profile quick")

FULL = "error: can't write to standard output: No space left on device. Send it somewhere else.\n"


def shell(command: str, streams: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with `command`, its standard streams as a shell has them after `streams`."""
    return subprocess.run(
        ["bash", "-c", f'exec "$0" {command} {streams}', sys.executable], cwd=ROOT, capture_output=True, text=True,
        check=False, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(("command", "unbuffered"), [*((command, "") for command in COMMANDS), (COMMANDS[0], "1")])
def test_a_full_standard_output_is_told_in_one_line(command: str, unbuffered: str) -> None:
    done = shell(command, ">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (2, FULL)


@pytest.mark.parametrize("command", COMMANDS[::2])
@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams_end_nothing(command: str, streams: str) -> None:
    done = shell(command, streams)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in streams.replace("2>&-", ""))


@pytest.mark.parametrize("command", COMMANDS[::2])
@pytest.mark.parametrize("environment", ASCII)
def test_ascii_shows_all_that_it_can(command: str, environment: dict[str, str]) -> None:
    done, usual = shell(command, **environment), shell(command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii() and len(done.stdout.splitlines()) == len(usual.stdout.splitlines())


@pytest.mark.parametrize("streams", [">/dev/full", ">&-", "2>&-", "2>/dev/full"])
def test_an_error_keeps_its_status_and_its_line(streams: str) -> None:
    done = shell("-m src.certify gone.keras gone.npz --sigma 1 --out gone.tsv", streams)
    seen = "2>" not in streams
    assert done.returncode == 2
    assert done.stderr == ("error: can't read gone.keras: No such file or directory.\n" if seen else "")


CODE = (
    "import sys, time; from src.cli.parser import exit_status; from src.cli.progress import stage\n"
    "from src.cli import progress; progress.QUIET_S = progress.LOG_INTERVAL_S = 0.0\n"
    "def work():\n"
    "    with stage('Waiting', 5, 'turns') as advance:\n"
    "        for _ in range(5):\n"
    "            time.sleep(0.01)\n"
    "            advance(1)\n"
    "    print('warning', file=sys.stderr)\n"
    "    print('the end')\n"
    "sys.exit(exit_status(work))\n"
)


@pytest.mark.parametrize("bar", [{}, {"FORCE_COLOR": "1"}])
@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-"])
def test_progress_that_nobody_can_see_ends_no_work(tmp_path: Path, bar: dict[str, str], streams: str) -> None:
    (tmp_path / "work.py").write_text(CODE)
    done = shell(str(tmp_path / "work.py"), streams, PYTHONPATH=str(ROOT), **bar)
    assert (done.returncode, done.stdout) == (0, "the end\n")


def test_an_error_of_the_system_that_is_none_of_the_output_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(
        "from src.cli.parser import exit_status\nexit_status(lambda: open('/dev/full', 'w').write('x' * 10**6))\n"
    )
    done = shell(str(tmp_path / "work.py"), PYTHONPATH=str(ROOT))
    assert done.returncode == 1 and "Traceback" in done.stderr and "OSError: [Errno 28]" in done.stderr


@pytest.mark.parametrize(
    ("streams", "environment", "status"),
    [(">/dev/full", {}, 2), ("<&- >&- 2>&-", {}, 0), ("", ASCII[1], 0)],
)
def test_a_whole_run_is_none_the_worse(
    tmp_path: Path, streams: str, environment: dict[str, str], status: int
) -> None:
    write_files(tmp_path, 12)
    log = tmp_path / "σ.tsv"
    run = f"-m src.certify {tmp_path}/linear.keras {tmp_path}/data.npz --sigma 0.25 --n 100 --out {log}"
    done = shell(run, streams, **environment)
    assert done.returncode == status and "Traceback" not in done.stderr
    assert len(read_log(log)) == 12 and log.read_text().count("\n") == 13
    done = shell(f"-m src.certify --plot {log} --out {tmp_path}/σ.png", streams, **environment)
    assert done.returncode == status and "Traceback" not in done.stderr
    assert (tmp_path / "σ.png").read_bytes().startswith(b"\x89PNG")
