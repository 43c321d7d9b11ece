"""A run's report: one HTML file that needs nothing else, for a screen, a phone and paper."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.base import InputError
from src.claims import Verdict
from src.files import write_text
from src.report_columns import MISSING, Column, columns_of, html_text
from src.report_style import MARKS, STYLE

VERDICT_COLUMNS = ("claim", "reported", "measured", "verdict")

LIMIT = 12_000_000
"""Bytes of a report."""

LONG_TABLE = 40
"""Rows; a longer table is folded away on a screen."""

WIDE_TABLE = 8
"""Columns; of a wider table, what is the same in all rows is said once, above it."""

LANDSCAPE = 142
"""Characters in a line; a wider table is printed on a page that lies on its side."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: nothing."""

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


@dataclass(frozen=True)
class Section:
    """A part of the report with a title of its own.

    Attributes:
        title: one line.
        text: paragraphs with empty lines between them; no markup.
        parts: in order, below the text.
    """

    title: str
    text: str
    parts: tuple[Table | Picture, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that the file says.

    Attributes:
        title: one line.
        lead: the finding in a few sentences.
        verdicts: a row for each claim, with at least VERDICT_COLUMNS; `verdict` holds values of Verdict.
        sections: after the verdicts.
        facts: the configuration and hashes that the numbers come from, last.
    """

    title: str
    lead: str
    verdicts: pd.DataFrame
    sections: tuple[Section, ...]
    facts: Mapping[str, str]

    def __post_init__(self) -> None:
        missing = [name for name in VERDICT_COLUMNS if name not in self.verdicts]
        if missing:
            raise InputError(f"verdicts: no column {', '.join(missing)}. Needed are {', '.join(VERDICT_COLUMNS)}.")
        known = [str(verdict) for verdict in Verdict]
        for row in self.verdicts.to_dict("records"):
            if row["verdict"] not in known:
                raise InputError(
                    f"verdicts: {row['verdict']!r} of claim {row['claim']!r} is no verdict. Use one of {known}."
                )


def write_report(path: Path, report: Report) -> None:
    """Write the report as one file, atomically; the same report gives the same bytes.

    Raises:
        InputError: a picture can't be used, or the file would be larger than LIMIT.
        StorageError: the file can't be written.
    """
    page = render(report)
    size = len(page.encode())
    if size > LIMIT:
        parts = [part for section in report.sections for part in section.parts]
        sizes = sorted(((len(_part(part, "").encode()), _name(part)) for part in parts), reverse=True)
        largest = "; ".join(f"{name} ({share / 1e6:.1f} MB)" for share, name in sizes[:3])
        raise InputError(
            f"{path} would be {size / 1e6:.1f} MB large; the limit is {LIMIT / 1e6:g} MB. Leave parts out, or make "
            f"pictures of fewer pixels and tables of fewer rows. The largest parts: {largest}."
        )
    write_text(path, page)


def render(report: Report) -> str:
    """The report as HTML5 with pictures and style inside; a browser loads and runs nothing for it.

    Raises:
        InputError: a picture is missing or no PNG.
    """
    links, sections = [], []
    for number, (title, text, content) in enumerate(_blocks(report), 1):
        links.append(f'<li><a href="#section-{number}">{html_text(title)}</a></li>')
        opening = f'<div class="opening">\n<h2>{html_text(title)}</h2>\n{_paragraphs(text)}</div>'
        sections.append(f'<section id="section-{number}">\n{opening}\n{content}\n</section>')
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html_text(report.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            f"<header>\n<h1>{html_text(report.title)}</h1>\n{_paragraphs(report.lead)}",
            f'<p class="tally">{_tally(report.verdicts)}</p>\n</header>',
            '<nav aria-label="Contents">\n<ul>',
            *links,
            "</ul>\n</nav>\n<main>",
            *sections,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _blocks(report: Report) -> Iterator[tuple[str, str, str]]:
    """Title, text, and content as HTML, from the verdicts to the facts."""
    yield "Verdicts", "", _verdicts(report.verdicts)
    for place, section in enumerate(report.sections, 1):
        parts = [_part(part, f"part-{place}-{number}") for number, part in enumerate(section.parts, 1)]
        yield section.title, section.text, "\n".join(parts)
    facts = "\n".join(f"<dt>{html_text(name)}</dt><dd>{html_text(value)}</dd>" for name, value in report.facts.items())
    summary = "<summary>What the numbers were made from</summary>"
    yield "Configuration and hashes", "", f"<details open>{summary}\n<dl>\n{facts}\n</dl></details>"


def _paragraphs(text: str) -> str:
    paragraphs = [paragraph.strip() for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n"))]
    return "\n".join(f"<p>{html_text(paragraph)}</p>" for paragraph in paragraphs if paragraph)


def _verdicts(rows: pd.DataFrame) -> str:
    columns = columns_of(rows)
    # The roles keep it a table where the style sheet makes cards of the rows, for a narrow screen.
    headers = "".join(column.header(' role="columnheader"') for column in columns)
    lines = []
    for row in range(len(rows)):
        cells = []
        for column in columns:
            text = html_text(column.cells[row])
            if column.name == "claim":
                cells.append(f'<th scope="row" role="rowheader">{text}</th>')
            elif column.name == "verdict":
                cells.append(f'<td class="verdict" role="cell"><span>{_mark(column.cells[row])}{text}</span></td>')
            else:
                cells.append(column.cell(row, f' role="cell" data-label="{html_text(column.name)}"'))
        lines.append(f'<tr role="row">{"".join(cells)}</tr>')
    return _scroll(
        "verdicts",
        columns,
        '<table role="table"><caption id="verdicts"><span>The paper\'s claims, and what the measurements say'
        f'</span></caption>\n<thead role="rowgroup"><tr role="row">{headers}</tr></thead>\n<tbody role="rowgroup">',
        lines,
    )


def _mark(verdict: str) -> str:
    """Drawn and no character, which each system would show as it likes."""
    return f'<svg viewBox="0 0 16 16" aria-hidden="true">{MARKS[Verdict(verdict)]}</svg>'


def _tally(verdicts: pd.DataFrame) -> str:
    counts = Counter(verdicts["verdict"])
    said = [f"<span>{_mark(kind)}{counts[kind]} {kind}</span>" for kind in Verdict if counts[kind]]
    return ", ".join(said) or "no claims"


def _part(part: Table | Picture, anchor: str) -> str:
    return _table(part, anchor) if isinstance(part, Table) else _picture(part)


def _name(part: Table | Picture) -> str:
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
    box = _scroll(
        anchor,
        shown,
        f'<table><caption id="{anchor}">{inside}</caption>\n<thead><tr>{headers}</tr></thead>\n<tbody>',
        lines or [f'<tr><td colspan="{len(shown)}">No rows.</td></tr>'],
    )
    summary = f'<summary>{caption} <span class="count">{count} rows</span></summary>'
    return f"<details>{summary}\n{box}</details>" if long else box


def _scroll(anchor: str, columns: Sequence[Column], start: str, lines: Sequence[str]) -> str:
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
