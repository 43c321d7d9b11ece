from __future__ import annotations

import io
import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from src.cli import progress
from src.cli.progress import format_seconds, stage

SetClock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets how many seconds have passed; there is no terminal."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    start, passed = time.monotonic(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: start + passed[0])

    def put(seconds: float) -> None:
        passed[0] = seconds

    return put


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (8.4, "8 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@given(st.floats(0, 1e6))
def test_a_duration_reads_back_to_its_last_unit(seconds: float) -> None:
    words = format_seconds(seconds).split()
    units = {"s": 1, "min": 60, "h": 3600}
    parts = {unit: int(number) for number, unit in zip(words[::2], words[1::2], strict=True)}
    assert all(value < 60 for unit, value in parts.items() if unit != "h")
    total = sum(value * units[unit] for unit, value in parts.items())
    # Seconds are rounded; beside hours they are dropped.
    assert -0.5 <= seconds - total <= (60 if "h" in parts else 0.5)


def test_a_short_stage_says_nothing(clock: SetClock, capsys: pytest.CaptureFixture[str]) -> None:
    with stage("Resizing", 4, "images") as advance:
        for second in (0.5, 1.0, 1.5, 1.9):
            clock(second)
            advance(1)
    assert capsys.readouterr() == ("", "")


def test_a_long_stage_tells_the_time_left_and_closes_with_the_total(
    clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage("Resizing", 100, "images") as advance:
        clock(10.1)
        advance(10)
        assert capsys.readouterr().err == "Resizing: 10 of 100 images, 1 min 31 s left\n"
        clock(24.9)
        advance(10)
        assert capsys.readouterr().err == "", "a line at most every 15 seconds"
        clock(25.3)
        advance(30)
        assert capsys.readouterr().err == "Resizing: 50 of 100 images, 25 s left\n"
        clock(60.3)
        advance(50)
        assert capsys.readouterr().err == "", "the end is said once"
    assert capsys.readouterr() == ("", "Resizing: 100 images in 1 min 00 s\n")


@pytest.mark.parametrize("seconds", [0.0, 100.0])
def test_nothing_to_do(clock: SetClock, capsys: pytest.CaptureFixture[str], seconds: float) -> None:
    with stage("Resizing", 0, "images"):
        clock(seconds)
    with stage("Resizing", 0, "images") as advance:
        clock(2 * seconds)
        advance(0)
    assert "left" not in capsys.readouterr().err


def test_an_error_inside_gets_out(clock: SetClock) -> None:
    with pytest.raises(ZeroDivisionError), stage("Resizing", 3, "images") as advance:
        advance(1)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("total", "seconds", "closing"), [(0, 1.0, ""), (3, 1.0, ""), (3, 80.0, "3 images in 1 min 20 s")]
)
def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, clock: SetClock, total: int, seconds: float, closing: str
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=120))
    with stage("Resizing", total, "images") as advance:
        for _ in range(total):
            advance(1)
        clock(seconds)
    shown = screen.getvalue()
    assert "Resizing" in shown
    assert f"{total}/{total}" in shown.replace(" ", "")
    assert closing in shown
    assert shown.count("images in") == bool(closing)


def test_the_constants_are_what_the_tests_assume() -> None:
    assert math.isclose(progress.QUIET_S, 2) and math.isclose(progress.LOG_INTERVAL_S, 15)
