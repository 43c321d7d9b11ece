"""Tables and pictures of a report as HTML."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.base import InputError
from src.reporting.columns import MISSING, Column, columns_of, html_text

LONG_TABLE = 40
"""Rows; a longer table is folded away on a screen."""

WIDE_TABLE = 8
"""Columns; of a wider table, what is the same in all rows is said once, above it."""

LANDSCAPE = 142
"""Characters in a line; a wider table is printed on a page that lies on its side."""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what a row is, and units.
        rows: numbers are written with 4 significant digits and aligned by their point; text stays as it is.
    """

    caption: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
        path: of a PNG.
        caption: what it shows, also for those who can't see it.
    """

    path: Path
    caption: str


def parts_of(
    folder: Path, named: Iterable[tuple[str, str]], columns: Mapping[str, Sequence[str]]
) -> Iterator[Table | Picture]:
    """Those of a results folder's tables and figures that there are; a table without rows is left out.

    Args:
        folder: with its CSV files, and figures in `figures/` beside them.
        named: files with their captions.
        columns: of a table by its file; all of those that are not named.
    """
    for name, caption in named:
        path = folder / name
        if path.suffix == ".png":
            path = path.with_name("figures") / path.name
            if path.exists():
                yield Picture(path, caption)
        elif path.exists() and not (rows := pd.read_csv(path)).empty:
            yield Table(f"{caption} ({name})", rows[list(columns.get(name, rows.columns))])


def part_html(part: Table | Picture, anchor: str) -> str:
    """A table or a picture; `anchor` names a table.

    Raises:
        InputError: a picture is missing or no PNG.
    """
    return _table(part, anchor) if isinstance(part, Table) else _picture(part)


def part_name(part: Table | Picture) -> str:
    """What a message calls it."""
    return f"the table {part.caption!r}" if isinstance(part, Table) else str(part.path)


def _table(table: Table, anchor: str) -> str:
    count, columns = len(table.rows), columns_of(table.rows)
    same = [column for column in columns if len(set(column.cells)) == 1]
    if count == 1 or len(columns) <= WIDE_TABLE or len(same) == len(columns):
        same = []
    shown = [column for column in columns if column not in same]
    lines = [f"<tr>{''.join(column.cell(row) for column in shown)}</tr>" for row in range(count)]
    caption = f"<span>{html_text(table.caption)}</span>"
    long = count > LONG_TABLE
    # The summary says the caption to all who see the page.
    inside = f'<span class="hidden">{html_text(table.caption)}</span>' if long else caption
    if same:
        pairs = ((html_text(column.name), html_text(column.cells[0]) or MISSING) for column in same)
        said = "; ".join(f"<span>{name} {cell}</span>" for name, cell in pairs)
        inside += f' <span class="same">The same in all rows: {said}.</span>'
    headers = "".join(column.header() for column in shown)
    box = scroll_box(
        anchor,
        shown,
        f'<table><caption id="{anchor}">{inside}</caption>\n<thead><tr>{headers}</tr></thead>\n<tbody>',
        lines or [f'<tr><td colspan="{len(shown)}">No rows.</td></tr>'],
    )
    summary = f'<summary>{caption} <span class="count">{count} rows</span></summary>'
    return f"<details>{summary}\n{box}</details>" if long else box


def scroll_box(anchor: str, columns: Sequence[Column], start: str, lines: Sequence[str]) -> str:
    """A table in a box that scrolls alone; in print its letters are as small as its width needs."""
    width = sum(column.width + 2 for column in columns)
    side = " landscape" if width > LANDSCAPE else ""
    return (
        f'<div class="scroll{side}{" verdicts" if anchor == "verdicts" else ""}" style="--width:{width}" tabindex="0" '
        f'role="region" aria-labelledby="{anchor}">\n{start}\n' + "\n".join(lines) + "\n</tbody></table></div>"
    )


def _picture(picture: Picture) -> str:
    content = _png(picture.path)
    width, height = (int.from_bytes(content[start : start + 4]) for start in (16, 20))
    data, caption = base64.b64encode(content).decode(), html_text(picture.caption)
    return (
        f'<figure><div tabindex="0"><img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'alt="{caption}"></div>\n<figcaption>{caption}</figcaption></figure>'
    )


def _png(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the picture {path} can't be read ({error.strerror}). Draw it again, or leave it out of the report."
        ) from error
    if not (content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") and content.endswith(b"IEND\xaeB`\x82")):
        raise InputError(f"the picture {path} is no PNG, or not a whole one. Delete it, and draw it again as PNG.")
    return content
