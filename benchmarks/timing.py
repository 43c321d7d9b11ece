"""Timing several ways to do one thing against each other."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Task:
    """Something to time.

    Attributes:
        run: does it once, to the end.
        items: how much one run gets done, e.g. images classified.
    """

    run: Callable[[], object]
    items: int


@dataclass(frozen=True)
class Times:
    """Seconds an item, one value a round.

    Attributes:
        wall: by the clock.
        cpu: of all cores together; unlike `wall` it hardly changes while others use the cores, but does not see one
            core wait for the other.
    """

    wall: np.ndarray
    cpu: np.ndarray


def alternate(tasks: Mapping[str, Task], rounds: int) -> dict[str, Times]:
    """Time all tasks in turn, `rounds` times, so that a machine that slows down slows all of them.

    Each runs once before, untimed. The order is reversed every other round: none always comes after the same one.

    Args:
        tasks: by name.
        rounds: at least 1.
    """
    for task in tasks.values():
        task.run()
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for number in range(rounds):
        names = list(tasks)
        for name in names if number % 2 == 0 else reversed(names):
            wall, cpu = time.perf_counter(), _cpu_seconds()
            tasks[name].run()
            measured[name].append((time.perf_counter() - wall, _cpu_seconds() - cpu))
    return {name: Times(*(np.array(values).T / tasks[name].items)) for name, values in measured.items()}


def rates_table(times: Mapping[str, Times], limit: str) -> str:
    """Images/s (median, least, most over the rounds) and its ratio to that of `limit`.

    The ratio is taken round by round, then its median, least and most; beside it the ratio of median CPU times.
    """
    width = max(map(len, times)) + 2
    columns = f"{'images/s: median':>16}{'min':>9}{'max':>9}{'ratio: median':>15}{'min':>8}{'max':>8}{'CPU':>8}"
    rows = [" " * width + columns]
    for name, taken in times.items():
        rates = _spread(1 / taken.wall)
        ratios = _spread(times[limit].wall / taken.wall)
        cpu = np.median(times[limit].cpu) / np.median(taken.cpu)
        rows.append(
            f"{name:<{width}}{rates[0]:>16.0f}{rates[1]:>9.0f}{rates[2]:>9.0f}"
            f"{ratios[0]:>15.3f}{ratios[1]:>8.3f}{ratios[2]:>8.3f}{cpu:>8.3f}"
        )
    return "\n".join(rows)


def fastest(times: Mapping[str, Times], names: Sequence[str]) -> str:
    """Of `names` the one with the least median wall time."""
    return min(names, key=lambda name: float(np.median(times[name].wall)))


def _spread(values: np.ndarray) -> tuple[float, float, float]:
    return float(np.median(values)), float(values.min()), float(values.max())


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
