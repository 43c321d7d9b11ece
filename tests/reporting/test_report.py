"""The report: what is in the file, what it refuses, and how a browser lays it out without loading anything."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.base import InputError
from src.claims.claim import Verdict
from src.reporting.columns import MISSING
from src.reporting.parts import LONG_TABLE, Picture, Table
from src.reporting.report import LIMIT, Report, Section, render, write_report
from src.reporting.style import MARKS

WORDS = [str(verdict) for verdict in Verdict]

VOID = {"meta", "img", "wbr", "path", "circle", "br"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    content: list[Element | str] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        children = [child for child in self.content if isinstance(child, Element)]
        return [found for child in children for found in ([child] if child.name == name else []) + child.all(name)]

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.content)


class Parser(HTMLParser):
    """Refuses a page whose elements are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs))
        self.open[-1].content.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].content.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def parse(page: str) -> Element:
    parser = Parser()
    parser.feed(page)
    parser.close()
    assert len(parser.open) == 1, "an element is not closed"
    return parser.open[0]


def verdicts(*words: str) -> pd.DataFrame:
    rows = [
        {"claim": f"claim {place}", "verdict": word, "reported": 0.982, "released": "0.987 [0.978, 0.992]"}
        for place, word in enumerate(words)
    ]
    return pd.DataFrame(rows, columns=["claim", "verdict", "reported", "released"])


FINDINGS = ("Smoothing changed <nothing>.", "Another sentence.")


def report(*parts: Table | Picture, words: tuple[str, ...] = ("reproduced",), caution: str = "") -> Report:
    section = Section("Clean images", "First paragraph.\n\nSecond\nparagraph.", parts)
    facts = {"seed": "0", "weights": "ab" * 32}
    return Report("A title", "A reproduction.", caution, FINDINGS, verdicts(*words), (section,), facts)


def picture(path: Path, width: int = 60, height: int = 40, noise: bool = False) -> Picture:
    pixels = np.zeros((height, width, 3), np.uint8)
    if noise:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
    Image.fromarray(pixels).save(path, compress_level=1)
    return Picture(path, f"What {path.stem} shows")


def only_table(rows: pd.DataFrame) -> Element:
    """The one table of a report that is not the verdicts'."""
    (table,) = parse(render(report(Table("a row", rows)))).all("table")[1:]
    return table


def cells(table: Element) -> list[list[str]]:
    return [[cell.text for cell in row.all("td")] for row in table.all("tbody")[0].all("tr")]


def headers(table: Element) -> list[str]:
    assert all(header.attributes["scope"] == "col" for header in table.all("thead")[0].all("th"))
    return [header.text for header in table.all("thead")[0].all("th")]


class TestStructure:
    def test_findings_are_a_list_and_the_caution_comes_before_them(self) -> None:
        page = parse(render(report(caution="Shortened & small.")))
        (header,) = page.all("header")
        assert [item.text for item in header.all("li")] == list(FINDINGS)
        said = [paragraph.text for paragraph in header.all("p")]
        assert said[:2] == ["A reproduction.", "Shortened & small."]
        assert 'class="caution"' not in render(report())

    def test_every_part_is_there_verdicts_first_and_facts_last(self, tmp_path: Path) -> None:
        drawn = [picture(tmp_path / "one.png"), picture(tmp_path / "two.png", 31, 17)]
        rows = pd.DataFrame({"network": ["Normal", "Control"], "accuracy": [0.98, 0.975]})
        page = parse(render(report(drawn[0], Table("accuracy by network", rows), drawn[1])))

        assert [title.text for title in page.all("h1") + page.all("title")] == ["A title"] * 2
        titles = ["Verdicts", "Clean images", "Configuration and hashes"]
        assert [title.text for title in page.all("h2")] == titles
        assert [section.all("h2")[0].text for section in page.all("main")[0].all("section")] == titles
        assert [text.text for text in page.all("section")[1].all("p")] == ["First paragraph.", "Second\nparagraph."]
        assert [[item.text for item in page.all(name)] for name in ("dt", "dd")] == [
            ["seed", "weights"],
            ["0", "ab" * 32],
        ]
        for given_picture, figure in zip(drawn, page.all("figure"), strict=True):
            (image,) = figure.all("img")
            start, data = str(image.attributes["src"]).split(",")
            assert start == "data:image/png;base64"
            assert base64.b64decode(data, validate=True) == given_picture.path.read_bytes()
            with Image.open(given_picture.path) as file:
                assert (image.attributes["width"], image.attributes["height"]) == tuple(map(str, file.size))
            assert image.attributes["alt"] == figure.all("figcaption")[0].text == given_picture.caption

    def test_a_table_has_caption_headers_and_the_cells_of_each_row(self) -> None:
        rows = pd.DataFrame({"network": ["Normal", "Control Small"], "acr_28": [0.53, 0.51], "images": [500, 40]})
        table = only_table(rows)
        assert [caption.text for caption in table.all("caption")] == ["a row"]
        assert headers(table) == ["network", "acr_28", "images"]
        assert cells(table) == [["Normal", "0.53", "500"], ["Control Small", "0.51", "40"]]

    def test_every_link_has_one_target_and_every_label(self) -> None:
        rows = pd.DataFrame({"a": range(3)})
        same_title = report(Table("one", rows), Table("two", rows))
        page = parse(render(replace(same_title, sections=same_title.sections * 2)))
        names = [element.attributes["id"] for name in ("section", "caption") for element in page.all(name)]
        assert len(set(names)) == len(names)
        links = [str(link.attributes["href"]) for link in page.all("a")]
        assert len(links) == 4 and {link.removeprefix("#") for link in links} <= set(names)
        boxes = [box for box in page.all("div") if box.attributes.get("role") == "region"]
        labelled = [box.attributes["aria-labelledby"] for box in boxes]
        assert len(labelled) == len(page.all("table")) and set(labelled) <= set(names)

    def test_nothing_may_be_loaded(self, tmp_path: Path) -> None:
        page = parse(render(report(picture(tmp_path / "one.png"))))
        policies = [meta.attributes["content"] for meta in page.all("meta") if "http-equiv" in meta.attributes]
        assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
        assert not page.all("script") + page.all("link") + page.all("iframe")
        assert "url(" not in page.all("style")[0].text and "@import" not in page.all("style")[0].text

    def test_a_long_table_is_folded_and_says_how_long_it_is(self) -> None:
        long, short = (pd.DataFrame({"radius": range(rows)}) for rows in (LONG_TABLE + 1, LONG_TABLE))
        page = parse(render(report(Table("a row for each radius", long), Table("short", short))))
        (details,) = (each for each in page.all("details") if "open" not in each.attributes)
        assert details.all("summary")[0].text == f"a row for each radius {LONG_TABLE + 1} rows"
        assert len(cells(details.all("table")[0])) == LONG_TABLE + 1
        assert len(page.all("table")) == 3

    def test_what_a_wide_table_repeats_is_said_once(self) -> None:
        rows = pd.DataFrame({f"column {place}": ["x", "y"] for place in range(7)} | {"seed": 0, "note": None})
        table = only_table(rows)
        assert headers(table) == [f"column {place}" for place in range(7)]
        assert f"The same in all rows: seed 0; note {MISSING}." in table.all("caption")[0].text
        for unchanged in (rows[["column 0", "seed", "note"]], rows.head(1), pd.concat([rows.head(1)] * 2)):
            assert headers(only_table(unchanged)) == list(unchanged.columns)

    def test_an_empty_table_says_so(self) -> None:
        table = only_table(pd.DataFrame({"a": [], "b": []}))
        assert headers(table) == ["a", "b"] and cells(table) == [["No rows."]]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.98163, "0.9816"), (0.15, "0.15"), (-0.00093587, "-0.0009359"), (1e-7, "1e-07"), (1.0, "1"), (-0.0, "0"),
        (np.float32(0.25), "0.25"),
        (1957.2, "1,957"), (123456.0, "123,456"), (25708002, "25,708,002"),
        (np.int64(7), "7"),
        (float("inf"), "inf"), (float("nan"), MISSING), (None, MISSING), (pd.NA, MISSING), (True, "yes"),
        (np.False_, "no"), ("0.9785 [0.975, 0.981]", "0.9785 [0.975, 0.981]"), ("", ""),
    ],
)  # fmt: skip
def test_numbers_have_four_significant_digits(value: object, shown: str) -> None:
    assert cells(only_table(pd.DataFrame({"x": pd.Series([value], dtype=object)}))) == [[shown]]


def test_numbers_of_a_column_are_aligned_by_their_points() -> None:
    table = only_table(pd.DataFrame({"x": [0.5, 0.125, 12.0], "text": ["0.5", "b", "c"]}))
    numbers, texts = zip(*(row.all("td") for row in table.all("tbody")[0].all("tr")), strict=True)
    assert [cell.attributes["class"] for cell in numbers + texts] == ["number"] * 3 + ["text"] * 3
    # 0.5 lacks two digits of 0.125, and 12 three and a point, which is half as wide.
    assert [cell.attributes.get("style") for cell in numbers] == ["--gap:2", None, "--gap:3.5"]


class TestVerdicts:
    def test_tally_counts_what_there_is(self) -> None:
        words = ("not measured", *["reproduced"] * 12, *["not reproduced"] * 3)
        page = parse(render(report(words=words)))
        (tally,) = (text for text in page.all("p") if text.attributes.get("class") == "tally")
        assert tally.text == "12 reproduced, 3 not reproduced, 1 not measured"
        nothing = parse(render(report(words=())))
        assert "no claims" in [text.text for text in nothing.all("p")]

    def test_each_has_its_word_and_a_shape_of_its_own(self) -> None:
        table = parse(render(report(words=tuple(WORDS)))).all("table")[0]
        assert headers(table) == ["claim", "verdict", "reported", "released"]
        shapes = set()
        for place, row in enumerate(table.all("tbody")[0].all("tr")):
            assert [cell.text for cell in row.all("th")] == [f"claim {place}"]
            assert [cell.text for cell in row.all("td")] == [WORDS[place], "0.982", "0.987 [0.978, 0.992]"]
            shapes.add(re.sub("#[0-9A-Fa-f]+", "", MARKS[Verdict(WORDS[place])]))  # without its colour
            assert len(row.all("svg")) == 1
        assert len(shapes) == len(WORDS)

    def test_refuses_another_word(self) -> None:
        with pytest.raises(InputError, match=r"'perhaps' of claim 'claim 1'.*'reproduced'.*'not measured'"):
            report(words=("reproduced", "perhaps"))

    def test_refuses_missing_columns(self) -> None:
        with pytest.raises(InputError, match=r"no column verdict\. Needed are claim, verdict"):
            replace(report(), verdicts=verdicts().drop(columns=["reported", "verdict"]))

    def test_what_was_measured_may_have_any_columns(self) -> None:
        rows = verdicts("reproduced").drop(columns="released").assign(written="0.98", corrected="")
        table = parse(render(replace(report(), verdicts=rows))).all("table")[0]
        assert headers(table) == ["claim", "verdict", "reported", "written", "corrected"]


HOSTILE = st.text(max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=http://x.test>', "&lt;&amp;", "' onload='x", "a\0b\x1b", "</table>"]
)


def as_read(text: str) -> str:
    """As a parser gives it back: what HTML forbids is replaced, and a line ends in a line feed."""
    text = re.sub("\r\n?", "\n", text)
    return re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", "\ufffd", text)


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_text_stays_text(tmp_path_factory: pytest.TempPathFactory, title: str, cell: str, name: str, note: str) -> None:
    drawn = replace(picture(tmp_path_factory.getbasetemp() / "drawn.png"), caption=note)
    rows = pd.DataFrame([[cell, 1], [f"x{cell}", 2]], columns=[name, "other"])
    claims = verdicts("reproduced").assign(claim=cell, **{f"more{note}": name})
    sections = (Section(title, "", (Table(note, rows), drawn)),)
    page = parse(render(Report(title, "", note, (cell,), claims, sections, {name: cell})))
    title, cell, name, note = map(as_read, (title, cell, name, note))

    assert page.all("h1")[0].text == page.all("title")[0].text == page.all("h2")[1].text == title
    assert page.all("figcaption")[0].text == page.all("img")[0].attributes["alt"] == note
    assert page.all("caption")[1].text == note
    first, second = page.all("table")
    assert (headers(second), [row[0] for row in cells(second)]) == ([name, "other"], [cell, f"x{cell}"])
    assert first.all("tbody")[0].all("th")[0].text == cell and cells(first)[0][-1] == name
    assert headers(first)[-1] == first.all("td")[-1].attributes["data-label"] == f"more{note}"
    assert (page.all("dt")[0].text, page.all("dd")[0].text) == (name, cell)
    assert [len(page.all(tag)) for tag in ("script", "img", "table", "h1", "h2", "a")] == [0, 1, 2, 1, 3, 3]


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", replace(report(), title="a\ud800b"))
    assert "<h1>a\ufffdb</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


class TestFile:
    def test_same_report_same_bytes(self, tmp_path: Path) -> None:
        drawn = picture(tmp_path / "one.png")
        for name in ("first.html", "second.html"):
            table = Table("rows", pd.DataFrame({"x": [0.1, 0.2]}))
            write_report(tmp_path / "new" / name, report(drawn, table, words=tuple(WORDS)))
        first, second = sorted((tmp_path / "new").iterdir())
        assert first.read_bytes() == second.read_bytes() == render(report(drawn, table, words=tuple(WORDS))).encode()

    def test_refuses_a_missing_picture(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"gone\.png can't be read .*Draw it again, or leave it out"):
            write_report(tmp_path / "report.html", report(Picture(tmp_path / "gone.png", "nothing")))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("damage", ["jpeg", "half", "empty"])
    def test_refuses_what_is_no_whole_png(self, tmp_path: Path, damage: str) -> None:
        drawn = picture(tmp_path / "drawn.png", noise=True)
        if damage == "jpeg":
            Image.new("RGB", (8, 8)).save(drawn.path, format="jpeg")
        else:
            whole = drawn.path.read_bytes()
            drawn.path.write_bytes(whole[: len(whole) // 2] if damage == "half" else b"")
        with pytest.raises(InputError, match=r"drawn\.png is no PNG, or not a whole one\. Delete it"):
            render(report(drawn))

    def test_refuses_a_file_that_is_too_large_and_names_the_largest_parts(self, tmp_path: Path) -> None:
        large = picture(tmp_path / "large.png", 1700, 1700, noise=True)
        rows = Table("a long table", pd.DataFrame({"x": np.arange(20_000)}))
        small = picture(tmp_path / "small.png")
        assert large.path.stat().st_size < LIMIT * 3 / 4
        write_report(tmp_path / "report.html", report(rows, small))
        before = (tmp_path / "report.html").read_bytes()
        too_much = report(small, rows, large, Table("more", rows.rows))
        said = r"limit is 12 MB.*largest parts: .*large\.png \(11\.\d MB\); the table 'a long table' \(0\.\d MB\); the"
        with pytest.raises(InputError, match=said):
            write_report(tmp_path / "report.html", too_much)
        assert (tmp_path / "report.html").read_bytes() == before


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Chromium:
    """A browser, driven through its debugging pipe: messages are JSON, each ended by a zero byte."""

    def __init__(self, folder: Path, proxy: int) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        # Chromium reads from file 3 and writes to file 4.
        start = f'exec "$@" 3</proc/self/fd/{to_read} 4>/proc/self/fd/{to_write}'
        options = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            f"--disable-component-update --disable-sync --remote-debugging-pipe --proxy-server=127.0.0.1:{proxy}"
        )
        command = ["sh", "-c", start, "sh", str(BROWSER), *options.split(), f"--user-data-dir={folder}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(to_read, to_write), **quiet)  # type: ignore[call-overload]
        os.close(to_read)
        os.close(to_write)
        self._watch = threading.Timer(600, self._process.kill)  # then the pipe ends and the test fails
        self._watch.start()
        self._numbers, self._buffer, self._session = count(1), b"", {}
        self._events: list[dict[str, Any]] = []
        pages = [page for page in self.call("Target.getTargets")["targetInfos"] if page["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser ended, or took more than its time"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != number:
            self._events.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def open(self, file: Path, width: int) -> list[str]:
        """Load a file in a window so many pixels wide; what the page asked for, beside itself and data."""
        self._events.clear()
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Page.navigate", url=file.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._message())
        sent = [event["params"] for event in self._events if event.get("method") == "Network.requestWillBeSent"]
        urls = [request["request"]["url"] for request in sent]
        assert file.as_uri() in urls
        return [url for url in urls if not url.startswith("data:") and url != file.as_uri()]

    def ask(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def close(self) -> None:
        os.write(self._write, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        self._process.wait()
        self._watch.cancel()
        os.close(self._read)
        os.close(self._write)


class Recorder(socketserver.ThreadingTCPServer):
    """A proxy that passes nothing on and remembers the first line of what pages ask for.

    Chromium itself calls its maker now and then; what a page asks for there, `Chromium.open` returns all the same.
    """

    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode("latin-1").strip()
            if not re.search(r"\bgoogle(apis)?\.com[:/]", line):
                self.server.asked.append(line)  # type: ignore[attr-defined]
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[Chromium]:
    started = Chromium(tmp_path_factory.mktemp("browser"), recorder.server_address[1])
    yield started
    started.close()


LAID_OUT = """(() => {
  const box = element => element.getBoundingClientRect();
  const seen = name => [...document.querySelectorAll(name)].filter(one => box(one).width > 0 && box(one).height > 0);
  const outside = seen("body *").filter(one => {
    if (one.closest(".scroll") && !one.matches(".scroll")) return false;  // these scroll in their box
    return box(one).right > innerWidth + 1 || box(one).left < -1;
  });
  return {
    images: seen("img").filter(one => one.complete && one.naturalWidth > 0).length,
    tables: seen("table").length,
    rows: seen("tbody tr").filter(one => one.checkVisibility({contentVisibilityAuto: true})).length,
    wide: document.documentElement.scrollWidth,
    outside: outside.map(one => one.outerHTML.slice(0, 80)),
    scrolling: [...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth).length,
  };
})()"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
class TestInBrowser:
    @pytest.fixture
    def page(self, tmp_path: Path) -> Path:
        wide = pd.DataFrame({f"quantity_{place}": [0.123456, -12.5, 3e-5] for place in range(24)})
        long = pd.DataFrame({"radius": np.arange(LONG_TABLE + 1) / 4, "trial": "corrected-normal-" + "f" * 64})
        parts = (
            picture(tmp_path / "wide.png", 1440, 700), Table("wide", wide), Table("long", long),
            picture(tmp_path / "small.png"),
        )  # fmt: skip
        write_report(tmp_path / "report.html", report(*parts, words=tuple(WORDS)))
        return tmp_path / "report.html"

    @pytest.mark.parametrize("width", [390, 1280])
    def test_fits_a_window(self, browser: Chromium, page: Path, width: int) -> None:
        browser.open(page, width)
        found = browser.ask(LAID_OUT)
        assert (found["images"], found["tables"]) == (2, 3)
        assert found["rows"] == len(WORDS) + 3
        assert found["wide"] <= width and found["outside"] == []
        assert found["scrolling"] >= 1, "the wide table is cut off"
        browser.ask("document.querySelector('details').open = true")
        opened = browser.ask(LAID_OUT)
        assert opened["rows"] == len(WORDS) + 3 + LONG_TABLE + 1 and opened["outside"] == []

    def test_a_figure_is_enlarged_on_a_phone_in_its_own_box(self, browser: Chromium, page: Path) -> None:
        browser.open(page, 390)
        browser.ask("document.querySelector('figure div').focus()")
        assert browser.ask("document.querySelector('img').getBoundingClientRect().width") > 2 * 390
        assert browser.ask("document.documentElement.scrollWidth") <= 390

    def test_print_shows_every_row_and_cuts_nothing_off(self, browser: Chromium, page: Path) -> None:
        browser.open(page, 680)  # as wide as the text on A4
        browser.call("Emulation.setEmulatedMedia", media="print")
        try:
            found = browser.ask(LAID_OUT)
            folded = "[...document.querySelectorAll('details:not([open]) tbody tr')]"
            assert found["rows"] == len(WORDS) + 3 + LONG_TABLE + 1
            assert browser.ask(f"{folded}.every(row => row.getBoundingClientRect().height > 5)")
            sideways = "document.querySelector('.landscape table').getBoundingClientRect().width"
            assert browser.ask(sideways) <= 267 / 25.4 * 96, "the widest table is wider than A4 on its side"
            assert found["images"] == 2
        finally:
            browser.call("Emulation.setEmulatedMedia", media="")

    def test_nothing_is_requested(self, browser: Chromium, recorder: Recorder, page: Path) -> None:
        recorder.asked.clear()
        assert browser.open(page, 1280) == []
        assert recorder.asked == []

    def test_a_request_would_be_noticed(self, browser: Chromium, recorder: Recorder, page: Path) -> None:
        inside = '<img src="http://report.test/x.png"></body>'
        text = page.read_text(encoding="utf-8").replace("</body>", inside)
        page.write_text(text, encoding="utf-8")
        recorder.asked.clear()
        assert browser.open(page, 1280) == ["http://report.test/x.png"]
        assert recorder.asked == [], "the page's policy forbids it"
        page.write_text(re.sub("<meta http-equiv[^>]*>", "", text), encoding="utf-8")
        assert browser.open(page, 1280) == ["http://report.test/x.png"]
        assert any("http://report.test/x.png" in line for line in recorder.asked)
