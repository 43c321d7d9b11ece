"""A run's report: one HTML file that needs nothing else, for a screen, a phone and paper."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.base import InputError
from src.claims.claim import Verdict
from src.reporting.columns import columns_of, html_text
from src.reporting.parts import Picture, Table, part_html, part_name, scroll_box
from src.reporting.style import MARKS, STYLE
from src.storage.files import write_text

VERDICT_COLUMNS = ("claim", "verdict")
"""Of the table of verdicts; more may follow."""

LIMIT = 12_000_000
"""Bytes of a report."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: nothing."""

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
        lead: what it is a report of, in a sentence.
        caution: what a reader must know before believing a verdict; "" for nothing.
        findings: a sentence or two each, with numbers.
        verdicts: a row for each claim, with at least VERDICT_COLUMNS; `verdict` holds values of Verdict.
        sections: after the verdicts.
        facts: the configuration and hashes that the numbers come from, last.
    """

    title: str
    lead: str
    caution: str
    findings: tuple[str, ...]
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
        sizes = sorted(((len(part_html(part, "").encode()), part_name(part)) for part in parts), reverse=True)
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
            f'<p class="caution">{html_text(report.caution)}</p>' if report.caution else "",
            '<ul class="findings">',
            *(f"<li>{html_text(sentence)}</li>" for sentence in report.findings),
            "</ul>",
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
        parts = [part_html(part, f"part-{place}-{number}") for number, part in enumerate(section.parts, 1)]
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
    return scroll_box(
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
