"""The lines of a certification log: how rows become text, and what is checked when text becomes rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from src.base import ABSTAIN
from src.smoothing.certification import round_down

REQUIRED = ("idx", "label", "predict", "correct", "time")
"""In every log."""

ROUNDING = 1e-9
"""What float64 may add to a difference of radii."""

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
    for name in ("idx", "label", "predict", "count", "n"):
        texts[name] = [str(int(value)) for value in rows[name]]
    if "radius" in columns:
        texts["radius"] = [repr(float(round_down(radius))) for radius in rows["radius"]]
        texts["radius_exact"] = [repr(float(radius)) for radius in rows["radius"]]
    lines = zip(*(texts[name] for name in columns), strict=True)
    return "".join("\t".join(line) + "\n" for line in lines)


def parse_rows(text: str) -> pd.DataFrame:
    """The rows of a whole log; what it gives is at `read_log`.

    Raises:
        ValueError: something does not fit; the message names the line.
    """
    header, *lines = text.splitlines() or [""]
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
    rows = pd.DataFrame({name: np.asarray(values, KINDS.get(name, np.int64)) for name, values in columns.items()})
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
        wrong = np.flatnonzero((beyond < -ROUNDING) | (beyond > 1e-3 + ROUNDING))
        if len(wrong):
            raise ValueError(f"radius and radius_exact in line {wrong[0] + 2} do not go together")


def _whole(text: str, least: int) -> int:
    if not WHOLE.fullmatch(text) or int(text) < least:
        raise ValueError
    return int(text)


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
    **dict.fromkeys(("idx", "label", "correct", "count", "n"), lambda text: _whole(text, 0)),
    "predict": lambda text: _whole(text, ABSTAIN),
    "radius": _radius,
    "radius_exact": _radius,
    "time": _seconds,
}

KINDS = dict.fromkeys(("radius", "radius_exact", "time"), np.float64)
