"""Progress with the time that remains: a bar on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

QUIET_S = 2.0
"""A stage that ends sooner says nothing."""

LOG_INTERVAL_S = 15.0
"""How often a stage speaks where there is no terminal."""


def format_seconds(seconds: float) -> str:
    """A duration for people: "8 s", "3 min 20 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@dataclass
class _Log:
    """Progress as lines of text, for a log file or a pipe."""

    description: str
    total: int
    unit: str
    start: float = field(default_factory=time.monotonic)
    done: int = 0
    spoke: float | None = None

    def advance(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        elapsed = now - self.start
        due = elapsed > QUIET_S if self.spoke is None else now - self.spoke > LOG_INTERVAL_S
        if due and 0 < self.done < self.total:
            remaining = format_seconds(elapsed * (self.total - self.done) / self.done)
            print(f"{self.description}: {self.done} of {self.total} {self.unit}, {remaining} left",
                  file=sys.stderr, flush=True)
            self.spoke = now

    def close(self) -> None:
        if self.spoke is not None:
            elapsed = format_seconds(time.monotonic() - self.start)
            print(f"{self.description}: {self.done} {self.unit} in {elapsed}", file=sys.stderr, flush=True)


@contextmanager
def stage(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show the progress of one stage on standard error.

    Args:
        description: what is under way, e.g. "Training Normal (released)".
        total: how many units the stage has to do.
        unit: plural noun, e.g. "images".

    Yields:
        A function to call with the number of units just done.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        log = _Log(description, total, unit)
        yield log.advance
        log.close()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )
    start = time.monotonic()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=total)

        def advance(count: int) -> None:
            bar.advance(task, count)

        yield advance
    elapsed = time.monotonic() - start
    if elapsed > QUIET_S:
        console.print(f"{description}: {total} {unit} in {format_seconds(elapsed)}", highlight=False)
