"""Certificates as tab-separated text, in the format of the code of Cohen, Rosenfeld and Kolter (2019).

One line an image: `idx label predict radius correct time`, further columns to the right. An abstention is -1 with a
radius of 0.0 and counts as an error. A log is appended block by block and outlasts kills; the settings that it was made
with lie beside it as JSON, so that what does not belong together is never mixed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd

from src.base import InputError
from src.certification_text import format_rows, parse_rows
from src.files import explained_storage_errors, write_text

COLUMNS = ("idx", "label", "predict", "radius", "correct", "time", "count", "n", "radius_exact")
"""Of a log of certificates; `radius` is rounded down to three decimals, `radius_exact` is the whole float64."""

PREDICT_COLUMNS = ("idx", "label", "predict", "correct", "time", "count", "n")
"""Of a log of PREDICT's answers."""


@dataclass(frozen=True)
class Fixed:
    """CERTIFY with `n` draws for each image."""

    n: int
    name: ClassVar[str] = "fixed"

    def settings(self) -> dict[str, Any]:
        """As JSON values."""
        return {"method": self.name, "n": self.n}


@dataclass(frozen=True)
class Sequential:
    """Sequential certification of a grid of radii.

    Attributes:
        radii: ascending, in the unit of the images.
        cap: draws for each image, at the most.
    """

    radii: tuple[float, ...]
    cap: int
    name: ClassVar[str] = "sequential"

    def settings(self) -> dict[str, Any]:
        """As JSON values."""
        return {"method": self.name, "radii": list(self.radii), "cap": self.cap}


@dataclass(frozen=True)
class Predict:
    """PREDICT with `n` draws for each image."""

    n: int
    name: ClassVar[str] = "predict"

    def settings(self) -> dict[str, Any]:
        """As JSON values."""
        return {"method": self.name, "n": self.n}


Method: TypeAlias = Fixed | Sequential | Predict
"""How images are certified, or answered without a radius."""


class CertificationLog:
    """The log of one network, data set and way of certifying.

    Args:
        path: a name that ends in `.tsv` by convention.
        settings: everything that shapes the rows, as JSON values; `method` "predict" leaves out the radii.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.sidecar = path.with_name(path.name + ".json")
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        self._columns = PREDICT_COLUMNS if self._settings.get("method") == Predict.name else COLUMNS

    def check(self) -> None:
        """Raise InputError if a log with other settings, or without any, is there, or it is damaged."""
        way_out = f"Name another file, or delete {self.path} and {self.sidecar} to begin anew."
        if self.sidecar.exists():
            self._check_settings(way_out)
        elif self.path.is_dir():
            raise InputError(f"{self.path} is a folder. Name a file in it.")
        elif self.path.exists():
            raise InputError(f"{self.path} is there, but {self.sidecar}, its settings, is not. {way_out}")
        if self.path.exists():
            self.load()

    def begin(self) -> None:
        """Create the log, or check that the one that is there has exactly these settings. Nothing is overwritten.

        Raises:
            InputError: as for `check`.
            StorageError: the folder can't be written.
        """
        self.check()
        if not self.sidecar.exists():
            write_text(self.sidecar, json.dumps(self._settings, indent=2, sort_keys=True) + "\n")
        if not self.path.exists():
            write_text(self.path, "\t".join(self._columns) + "\n")

    def done(self) -> np.ndarray:
        """The `idx` that are in the log, int64, in its order."""
        return self.load()["idx"].to_numpy(np.int64)

    def append(self, rows: pd.DataFrame) -> None:
        """Add a block of images; when this returns, it outlasts a kill.

        Args:
            rows: columns idx, label, predict, count, n (whole numbers), seconds and, but for PREDICT, radius.

        Raises:
            StorageError: the file can't be written; what was appended before is kept.
        """
        text = format_rows(rows, self._columns)
        with explained_storage_errors(self.path), self.path.open("r+b") as file:
            whole = file.read().rfind(b"\n") + 1  # a kill can tear the last line
            file.truncate(whole)
            file.seek(whole)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def load(self) -> pd.DataFrame:
        """All rows, in the order in which they were appended, as `read_log` gives them.

        Raises:
            InputError: the log is damaged.
        """
        text = self.path.read_text(encoding="utf-8", errors="replace")
        rows = _parse(self.path, text[: text.rfind("\n") + 1])
        missing = [name for name in self._columns if name not in rows.columns]
        if missing:
            raise InputError(f"{self.path} has no column {missing[0]!r}; its settings do not belong to it.")
        return rows

    def _check_settings(self, way_out: str) -> None:
        try:
            there = dict(json.loads(self.sidecar.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError(f"{self.sidecar} is no file of settings ({error}). {way_out}") from error
        names = sorted(there.keys() | self._settings.keys())
        differing = [
            f"{name} is {_shown(there, name)} there and {_shown(self._settings, name)} now"
            for name in names
            if (name in there, there.get(name)) != (name in self._settings, self._settings.get(name))
        ]
        if differing:
            raise InputError(f"{self.path} was made with other settings: {'; '.join(differing)}. {way_out}")


def _shown(settings: Mapping[str, Any], name: str) -> str:
    text = json.dumps(settings[name]) if name in settings else "not stated"
    return text if len(text) <= 40 else f"{text[:16]}..."


def read_log(path: Path) -> pd.DataFrame:
    """Any log in this format; the reference implementation's own are included.

    Returns:
        idx, label, predict, correct (0 or 1) int64, time (seconds) float64; where the log has them, radius and
        radius_exact (both float64; the former serves for a latter that is missing), count and n (int64).

    Raises:
        InputError: the file is not there, or something else.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}.") from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> pd.DataFrame:
    try:
        return parse_rows(text)
    except ValueError as error:
        raise InputError(
            f"{path} is no log of certificates, or damaged: {error}. Expected are tab-separated lines under the header "
            f"{' '.join(COLUMNS[:6])} (of PREDICT, without radius)."
        ) from error
