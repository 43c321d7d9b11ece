"""Certificates as tab-separated text, in the format of the code of Cohen, Rosenfeld and Kolter (2019).

One line an image: `idx label predict radius correct time`, further columns to the right. An abstention is -1 with a
radius of 0.0 and counts as an error. A log is appended block by block and outlasts kills; the settings that it was made
with lie beside it as JSON, so that what does not belong together is never mixed. A log made before some of the further
columns were written goes on without them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd

from src.base import ABSTAIN, InputError
from src.certification.log_format import (
    LATER,
    PARSERS,
    columns_of,
    end_of_rows,
    format_rows,
    parse_rows,
    without_torn_line,
)
from src.certification.settings import difference, format_settings, read_text, sidecar_of
from src.smoothing.radius import certified_radius, log_e_value, probability_at
from src.storage.files import explained_storage_errors, write_text

COLUMNS = ("idx", "label", "predict", "radius", "correct", "time", "count", "n", "radius_exact", "network")
"""Of a log of certificates; `radius` is rounded down to three decimals, `radius_exact` is the whole float64, `network`
the class that the network itself gives the image without noise."""

SEQUENTIAL_COLUMNS = (*COLUMNS, "count_at", "n_at")
"""Of a sequential one; for each radius of the grid that is certified, separated by commas, the count and n at which it
was, or "-" where none is."""

PREDICT_COLUMNS = ("idx", "label", "predict", "correct", "time", "count", "n", "network")
"""Of a log of PREDICT's answers."""

_IS_FOLDER = "{} is a folder. Name a file in it."


@dataclass(frozen=True)
class Fixed:
    """CERTIFY with `n` draws for each image."""

    n: int
    name: ClassVar[str] = "fixed"

    def settings(self) -> dict[str, Any]:
        """As JSON values."""
        return {"method": self.name, "n": self.n}

    def largest_radius(self, alpha: float, sigma: float) -> float:
        """The largest that a certificate can have, every draw being a hit; ABSTAIN where none can."""
        return float(certified_radius(self.n, self.n, alpha, sigma))


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

    def largest_radius(self, alpha: float, sigma: float) -> float:
        """The largest of the grid that the cap can certify, every draw being a hit; ABSTAIN where there is none."""
        evidence = [log_e_value(self.cap, self.cap, probability_at(radius, sigma)) for radius in self.radii]
        within = [radius for radius, e in zip(self.radii, evidence, strict=True) if e >= math.log(1 / alpha)]
        return max(within, default=float(ABSTAIN))


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

    Attributes:
        sidecar: the file of its settings.
        lock: for `src.storage.files.only_writer`, which whoever begins and appends has to hold; nothing here takes it.

    Raises:
        InputError: `path` is a folder by its name.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        if not path.name:  # "/" and "."
            raise InputError(_IS_FOLDER.format(path))
        self.path = path
        self.sidecar = sidecar_of(path)
        self.lock = path.with_name(f".{path.name}.lock")
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        further = {Predict.name: PREDICT_COLUMNS, Sequential.name: SEQUENTIAL_COLUMNS}
        self._columns = further.get(str(self._settings.get("method")), COLUMNS)
        self._way_out = f"Name another file, or move {self.path} and {self.sidecar} away to begin anew."

    def check(self, made_with: Mapping[str, Any] | None = None) -> None:
        """Check that there is no log, or one with exactly these settings or without rows, and sound.

        Args:
            made_with: as for `begin`.

        Raises:
            InputError: the settings or the weights are others, there are none, or something is damaged or unreadable.
            StorageError: the folder can't be looked into.
        """
        with explained_storage_errors(self.path):
            there, described = self.path.exists(), self.sidecar.exists()
            if self.path.is_dir():
                raise InputError(_IS_FOLDER.format(self.path))
        if described:
            change = self._difference(made_with)
            if change and not self._is_empty():
                raise InputError(f"{self.path} was made {change}. {self._way_out}")
        elif there:
            raise InputError(f"{self.path} is there, but {self.sidecar}, its settings, is not. {self._way_out}")
        if there:
            self.load()

    def begin(self, made_with: Mapping[str, Any] | None = None) -> None:
        """Create the log, or check that the one that is there has exactly these settings. No row is overwritten.

        A log of other settings that has no rows, as after a run that failed at its first images, is begun anew.

        Args:
            made_with: JSON values that a new log's settings file records and that later runs may differ in, but for
                `weights_sha256`: where both state it, it has to be the same.

        Raises:
            InputError: as for `check`, or the log has a column that nothing is known of.
            StorageError: the folder can't be written.
        """
        self.check(made_with)
        if not self.sidecar.exists() or self._difference(made_with):
            write_text(self.sidecar, format_settings(self._settings, made_with))
        # A header can be of other settings even where the sidecar is not: a kill came between the two.
        if not self.path.exists() or (self._is_empty() and self._has_another_header()):
            write_text(self.path, "\t".join(self._columns) + "\n")
        unknown = [name for name in columns_of(read_text(self.path)) if name not in PARSERS]
        if unknown:
            raise InputError(f"{self.path} has a column {unknown[0]!r}, which no row can be given. {self._way_out}")

    def done(self) -> np.ndarray:
        """The `idx` that are in the log, int64, in its order."""
        return self.load()["idx"].to_numpy(np.int64)

    def append(self, rows: pd.DataFrame) -> None:
        """Add a block of images; when this returns, it outlasts a kill.

        Args:
            rows: columns idx, label, predict, count, n, network (whole numbers), seconds and, but for PREDICT, radius;
                of a sequential certification also count_at and n_at (tuples of whole numbers).

        Raises:
            StorageError: the file can't be written; what was appended before is kept.
        """
        with explained_storage_errors(self.path), self.path.open("r+b") as file:
            there = file.read()
            text = format_rows(rows, columns_of(there.decode("utf-8-sig", errors="replace")))
            if there.partition(b"\n")[0].endswith(b"\r"):
                text = text.replace("\n", "\r\n")
            end = end_of_rows(there)
            file.truncate(end)
            file.seek(end)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def load(self) -> pd.DataFrame:
        """All rows, in the order in which they were appended, as `read_log` gives them.

        Raises:
            InputError: the log is damaged or can't be read.
        """
        text = read_text(self.path)
        rows = _parse(self.path, text[: text.rfind("\n") + 1])
        missing = [name for name in self._columns if name not in rows.columns and name not in LATER]
        if missing and not rows.empty:
            raise InputError(f"{self.path} has no column {missing[0]!r}; its settings do not belong to it.")
        return rows

    def _difference(self, made_with: Mapping[str, Any] | None) -> str | None:
        return difference(self.sidecar, self._settings, made_with, self._way_out)

    def _is_empty(self) -> bool:
        return not self.path.exists() or read_log(self.path).empty

    def _has_another_header(self) -> bool:
        """Whether it is that of another way of certifying; a column that nothing is known of is told, not dropped."""
        columns = set(columns_of(read_text(self.path)))
        return columns <= PARSERS.keys() and columns != set(self._columns)


def read_log(path: Path) -> pd.DataFrame:
    """Any log in this format; the reference implementation's own are included, a last line torn by a kill is not.

    Returns:
        idx, label, predict, correct (0 or 1) int64, time (seconds) float64; where the log has them, radius and
        radius_exact (both float64; the former serves for a latter that is missing), count, n and network (int64), and
        count_at and n_at (tuples of whole numbers).

    Raises:
        InputError: the file is not there, can't be read, or is something else.
    """
    return _parse(path, without_torn_line(read_text(path)))


def _parse(path: Path, text: str) -> pd.DataFrame:
    try:
        return parse_rows(text)
    except ValueError as error:
        raise InputError(
            f"{path} is no log of certificates, or damaged: {error}. Expected are tab-separated lines under the header "
            f"{' '.join(COLUMNS[:6])} (of PREDICT, without radius)."
        ) from error
