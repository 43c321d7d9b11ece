"""The lines of a certification log: how rows become text, and what is checked when text becomes rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from src.base import ABSTAIN
from src.smoothing.radius import round_down

REQUIRED = ("idx", "label", "predict", "correct", "time")
"""In every log."""

LATER = ("network", "count_at", "n_at")
"""Columns that logs made earlier lack."""

ROUNDING = 4
"""Spacings of float64 numbers of a radius' size, at least 1, by which rounding may miss."""

NONE = "-"
"""In `count_at` and `n_at`: no radius of the grid is certified."""

WHOLE = re.compile(r"-?\d{1,15}")
CLOCK = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
"""How Python writes a timedelta; so the reference implementation's logs have it."""


def format_rows(rows: pd.DataFrame, columns: Sequence[str]) -> str:
    """One line for each row; `rows` as for `CertificationLog.append`."""
    predict, label = rows["predict"].to_numpy(), rows["label"].to_numpy()
    texts: dict[str, list[str]] = {
        "correct": [str(int(hit)) for hit in predict == label],
        "time": [f"{seconds:.3f}" for seconds in rows["seconds"]],
    }
    for name in ("idx", "label", "predict", "count", "n", "network"):
        if name in columns:
            texts[name] = [str(int(value)) for value in rows[name]]
    for name in ("count_at", "n_at"):
        if name in columns:
            texts[name] = [",".join(str(int(value)) for value in values) or NONE for values in rows[name]]
    if "radius" in columns:
        texts["radius"] = [repr(float(round_down(radius))) for radius in rows["radius"]]
        texts["radius_exact"] = [repr(float(radius)) for radius in rows["radius"]]
    lines = zip(*(texts[name] for name in columns), strict=True)
    return "".join("\t".join(line) + "\n" for line in lines)


def columns_of(text: str) -> list[str]:
    """The names in a log's header; none where there is no header."""
    return text.partition("\n")[0].removesuffix("\r").split("\t")


def end_of_rows(log: bytes) -> int:
    """Where further rows go: a kill can tear the last line, and an editor can leave blank ones."""
    whole = log[: log.rfind(b"\n") + 1]
    return whole.find(b"\n", len(whole.rstrip())) + 1


def parse_rows(text: str) -> pd.DataFrame:
    """The rows of a whole log; what it gives is at `read_log`.

    Raises:
        ValueError: something does not fit; the message names the line.
    """
    header, *lines = text.splitlines() or [""]
    while lines and not lines[-1].strip():
        lines.pop()
    names = header.split("\t")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise ValueError(f"its header has no column {missing[0]!r}")
    if len(set(names)) < len(names):
        raise ValueError("its header names a column twice")
    columns: dict[str, list[Any]] = {name: [] for name in names if name in PARSERS}
    for number, line in enumerate(lines, start=2):
        fields = dict(zip(names, line.split("\t"), strict=False))
        if line.count("\t") != len(names) - 1:
            raise ValueError(f"line {number} has {line.count(chr(9)) + 1} fields, not {len(names)}")
        for name, values in columns.items():
            try:
                values.append(PARSERS[name](fields[name]))
            except ValueError as error:
                raise ValueError(f"{name} in line {number} is {fields[name]!r}") from error
    rows = pd.DataFrame({name: pd.Series(values, dtype=KINDS.get(name, "int64")) for name, values in columns.items()})
    if "radius" in rows and "radius_exact" not in rows:
        rows["radius_exact"] = rows["radius"]
    _check(rows)
    return rows


def without_torn_line(text: str) -> str:
    """A log without the end of a line that a kill has torn; a reference log may lack its last line end."""
    whole = text[: text.rfind("\n") + 1]
    if not whole or whole == text:
        return text
    if "count" in whole.split("\n", 1)[0].split("\t"):
        return whole  # made here, where every line ends in one: a torn number can look whole
    try:
        parse_rows(text)
    except ValueError:
        return whole
    return text


def _check(rows: pd.DataFrame) -> None:
    twice = rows["idx"][rows["idx"].duplicated()]
    if len(twice):
        raise ValueError(f"image {twice.iloc[0]} is in it twice")
    wrong = np.flatnonzero(rows["correct"] != (rows["predict"] == rows["label"]))
    if len(wrong):
        raise ValueError(f"correct in line {wrong[0] + 2} does not go with label and predict")
    if "radius" in rows:
        wrong = np.flatnonzero((rows["predict"] == ABSTAIN) & (rows["radius"] > 0))
        if len(wrong):
            raise ValueError(f"line {wrong[0] + 2} has a radius for an abstention")
        beyond = rows["radius_exact"] - rows["radius"]
        slack = ROUNDING * np.spacing(np.maximum(rows["radius_exact"], 1.0))
        wrong = np.flatnonzero((beyond < -slack) | (beyond > 1e-3 + slack))
        if len(wrong):
            raise ValueError(f"radius and radius_exact in line {wrong[0] + 2} do not go together")
    if "count_at" in rows or "n_at" in rows:
        _check_steps(rows)


def _check_steps(rows: pd.DataFrame) -> None:
    """Raise ValueError unless each image's draws add up from one certified radius to the next."""
    names = ["predict", "count", "n", "count_at", "n_at"]
    missing = [name for name in (*names, "radius_exact") if name not in rows]
    if missing:
        raise ValueError(f"its header has no column {missing[0]!r}, which belongs to count_at and n_at")
    radii: dict[int, float] = {}
    for line, (predict, count, n, count_at, n_at) in enumerate(zip(*(rows[name] for name in names), strict=True), 2):
        radius, steps = float(rows["radius_exact"].iloc[line - 2]), len(n_at)
        sound = len(count_at) == steps and (steps == 0) == (predict == ABSTAIN) and 0 not in n_at
        hits, draws = np.diff([0, *count_at, count]), np.diff([0, *n_at, n])
        sound = sound and bool((hits >= 0).all() and (hits <= draws).all())
        if not sound or radii.setdefault(steps, radius) != radius:
            raise ValueError(f"count_at and n_at in line {line} do not go with each other or with the rest of it")
    grid = [radii[steps] for steps in sorted(radii) if steps > 0]
    if (np.diff(grid) <= 0).any():
        raise ValueError("its count_at and n_at are longer at smaller radii")


def _whole(text: str, least: int) -> int:
    if not WHOLE.fullmatch(text) or int(text) < least:
        raise ValueError
    return int(text)


def _wholes(text: str) -> tuple[int, ...]:
    return () if text == NONE else tuple(_whole(part, 0) for part in text.split(","))


def _radius(text: str) -> float:
    value = float(text)
    if not 0 <= value < np.inf:
        raise ValueError
    return value


def _seconds(text: str) -> float:
    clock = CLOCK.fullmatch(text)
    if clock is None:
        return _radius(text)
    days, hours, minutes, seconds = clock.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


PARSERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("idx", "label", "correct", "count", "n", "network"), lambda text: _whole(text, 0)),
    "predict": lambda text: _whole(text, ABSTAIN),
    "radius": _radius,
    "radius_exact": _radius,
    "time": _seconds,
    "count_at": _wholes,
    "n_at": _wholes,
}

KINDS = {**dict.fromkeys(("radius", "radius_exact", "time"), "float64"), "count_at": "object", "n_at": "object"}
