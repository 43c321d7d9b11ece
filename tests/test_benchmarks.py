"""The timing that the benchmarks share: fair turns, and ratios the right way up. Takes a second."""

from __future__ import annotations

import time

import numpy as np
import pytest

from benchmarks.timing import Task, Times, alternate, fastest, rates_table


def test_all_tasks_take_turns_and_none_always_follows_the_same_one() -> None:
    order: list[str] = []
    alternate({name: Task(lambda name=name: order.append(name), 1) for name in "abc"}, rounds=3)
    assert "".join(order) == "abc" + "abc" + "cba" + "abc"


def test_seconds_are_per_item_by_the_clock_and_by_the_processor() -> None:
    def sleep() -> None:
        time.sleep(0.05)

    def compute() -> None:
        start = time.process_time()
        while time.process_time() - start < 0.05:
            pass

    times = alternate({"sleep": Task(sleep, 5), "compute": Task(compute, 1)}, rounds=2)
    assert times["sleep"].wall.shape == times["sleep"].cpu.shape == (2,)
    # Others may use the cores: the clock has a lower bound only.
    assert (times["sleep"].wall >= 0.01).all()
    assert (times["sleep"].cpu < 0.005).all()
    assert times["compute"].cpu == pytest.approx(0.05, rel=0.5)


def test_a_ratio_below_one_means_slower_than_the_limit() -> None:
    times = {
        "limit": Times(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0])),
        "slow": Times(np.array([2.0, 4.0, 5.0]), np.array([4.0, 4.0, 4.0])),
    }
    assert fastest(times, ["slow", "limit"]) == "limit"
    header, limit, slow = rates_table(times, "limit").splitlines()
    assert header.split() == ["images/s:", "median", "min", "max", "ratio:", "median", "min", "max", "CPU"]
    assert limit.split() == ["limit", "0", "0", "1", "1.000", "1.000", "1.000", "1.000"]
    # Round by round 0.5, 0.5, 0.8; not the ratio of the medians.
    assert slow.split() == ["slow", "0", "0", "0", "0.500", "0.500", "0.800", "0.250"]
