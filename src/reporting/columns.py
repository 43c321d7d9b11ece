"""A table's columns as HTML: numbers aligned by their point, long text broken into lines, all of it escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from numbers import Integral, Real
from typing import Literal

import numpy as np
import pandas as pd

LONG_CELL = 28
"""Characters; a column with longer text breaks it into lines."""

MISSING = "–"

NUMBER = re.compile(r"[+-]?([\d,]*\d(\.\d*)?|\.\d+)(e[+-]?\d+)?%?")

FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Control characters, halves of a character, and what Unicode keeps from text."""


def html_text(text: str) -> str:
    """Escaped, also for attributes; characters that HTML does not allow are replaced."""
    return escape(FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


@dataclass(frozen=True)
class Column:
    """A column as it is written.

    Attributes:
        name: its header.
        cells: texts, not yet escaped.
    """

    name: str
    cells: tuple[str, ...]

    @cached_property
    def kind(self) -> Literal["number", "long", "text"]:
        """How the style sheet sets it."""
        given = [cell for cell in self.cells if cell not in ("", MISSING)]
        if given and all(NUMBER.fullmatch(cell) for cell in given):
            return "number"
        return "long" if max(map(len, given), default=0) > LONG_CELL else "text"

    @cached_property
    def tail(self) -> float:
        """The widest of its cells' tails."""
        return max(map(_tail, self.cells), default=0)

    @property
    def width(self) -> int:
        """Characters that a line must hold at the least."""
        pieces = re.split(r"(?<=[\s_])", self.name)
        if self.kind == "number":
            pieces += self.cells
        elif self.kind == "text":
            pieces += [piece for cell in self.cells for piece in re.split(r"(?<=[\s-])", cell)]
        return max(map(len, pieces)) if self.kind != "long" else max(2 * LONG_CELL // 3, *map(len, pieces))

    def header(self, role: str = "") -> str:
        """With places to break a name such as acr_low."""
        return f'<th scope="col" class="{self.kind}"{role}>{html_text(self.name).replace("_", "_<wbr>")}</th>'

    def cell(self, row: int, more: str = "") -> str:
        """A number has a gap at its right, so that the points of a column stand in one line."""
        gap = self.tail - _tail(self.cells[row]) if self.kind == "number" else 0
        style = f' style="--gap:{gap:g}"' if gap else ""
        return f'<td class="{self.kind}"{style}{more}>{html_text(self.cells[row])}</td>'


def columns_of(rows: pd.DataFrame) -> list[Column]:
    return [Column(str(name), tuple(map(_shown, rows.iloc[:, place]))) for place, name in enumerate(rows.columns)]


def _shown(value: object) -> str:
    """A cell's text."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        number = float(value)
        # From 1000 on, all digits before the point: 4 significant ones would round a count.
        if abs(number) < 1e15 and (number.is_integer() or abs(number) >= 1000):
            return f"{number:,.0f}" if number else "0"
        return f"{number:.4g}"
    return str(value)


def _tail(number: str) -> float:
    """How far a number reaches to the right of its units, in widths of a digit."""
    after = re.sub(r"^[+-]?[\d,]*", "", number)
    return len(after) - 0.5 * after.count(".")
