"""HTML: every table a sheet, the text outside tables one page of lines.

The standard library's parser is enough: it reads what is there, loads nothing and runs nothing. A table with fewer than
two filled cells is layout, and its text belongs to the text around it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from llm_convert.contracts.document import Part, TextPage
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.html_tables import Cell, Table, as_sheets, span
from llm_convert.documents.options import Contents, ReadOptions
from llm_convert.documents.text import decode_as

_META_BYTES = 4096
_META = re.compile(rb"<meta[^<>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_UNSEEN = frozenset({"script", "style", "template", "noscript", "title"})
_BLOCK = re.compile(
    "address|article|aside|blockquote|br|caption|center|dd|div|dl|dt|fieldset|figcaption|footer|form|h[1-6]|header|hr"
    "|li|main|nav|ol|option|p|pre|section|table|tr|ul"
)
_BLANKS = re.compile(r"\s+")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,40}")
_TAG = re.compile(r"<[^<>]*>")
_PATIENCE_CHARACTERS = 1_000_000
"""What is looked through again for the ends of tags and comments that have none: half a second of work."""
_MAX_LEVELS = 50
"""Of tables within tables; what lies deeper is text of the table around it."""
_CELL_TAGS = frozenset({"tr", "td", "th", "caption", "thead", "tbody", "tfoot"})
_TAG_CHARACTERS = 65_536
"""A longer tag is read without its attributes, each of which would take a hundred times its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page shows."""

    tables: tuple[Table, ...]
    """In the order in which they begin; a table within a table stands for itself."""
    lines: tuple[str, ...]


def parse_page(markup: str) -> Page:
    """Tables and text of a page; broken markup is read as far as it goes."""
    parser = _Parser()
    parser.read(markup)
    return parser.finish()


def read(name: str, data: bytes, options: ReadOptions) -> Contents:  # noqa: ARG001 - every format's module has this form
    """Sheets ``table 1`` .. (or their captions), then a TextPage ``text``.

    Raises:
        WorkItemError: EMPTY_DOCUMENT when the page shows nothing.
    """
    decoded = decode_as(data, _charset(data))
    page = parse_page(decoded.text)
    parts: list[Part] = list(as_sheets(page.tables, prefix="table", max_cells=options.max_cells))
    if page.lines:
        parts.append(TextPage(name="text", lines=page.lines))
    if not parts:
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "the page shows neither a table nor text")
    return Contents(parts=tuple(parts), notes=(decoded.note,) if decoded.note else ())


def _charset(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    match = _META.search(data[:_META_BYTES])
    charset = match[1].decode("ascii", "replace") if match else None
    # Bytes in which this declaration could be read are not UTF-16, whatever it says.
    return None if charset and charset.lower().startswith("utf-16") else charset


@dataclass(slots=True)
class _Flow:
    """Text as it flows: blanks collapse, blocks and breaks end a line."""

    pieces: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        lines = (" ".join(line.split()) for line in "".join(self.pieces).split("\n"))
        return [line for line in lines if line]

    def text(self) -> str:
        return "\n".join(self.lines())


@dataclass(slots=True)
class _Open:
    """A table that is being read."""

    table: Table
    spans: tuple[int, int] = (1, 1)
    """Columns and rows of the open cell."""
    cell: _Flow | None = None
    caption: _Flow | None = None
    between: _Flow = field(default_factory=_Flow)
    """Text in the table but in none of its cells; browsers show it before the table."""

    def sink(self) -> _Flow:
        return self.cell or self.caption or self.between

    def close_cell(self) -> None:
        if self.cell is not None:
            columns, rows = self.spans
            self.table.rows[-1].append(Cell(text=self.cell.text(), columns=columns, rows=rows))
        if self.caption is not None and not self.table.caption:
            self.table.caption = " ".join(self.caption.lines())
        self.cell = self.caption = None


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._flow = _Flow()
        self._open: list[_Open] = []
        self._tables: list[Table] = []
        self._unseen = ""
        self._preformatted = 0
        self._buried = 0
        """Tables that are open below the deepest level that is read."""

    def read(self, markup: str) -> None:
        """Take in a whole page.

        What never ends, such as ``<!--`` alone, is text. The base class's ``close`` would look for each such end from
        its beginning to the end of the page: a megabyte of them would take an hour.
        """
        self.feed(markup)
        patience = _PATIENCE_CHARACTERS
        while self.rawdata.startswith("<") and patience > 0:
            rest = self.rawdata
            patience -= len(rest)
            cut = rest.find("<", 1)
            cut = cut if cut > 0 else len(rest)
            self.rawdata = ""
            self.handle_data(rest[:cut])
            self.feed(rest[cut:])
        if self.rawdata.startswith("<"):
            self.handle_data(_TAG.sub(" ", self.rawdata))
            self.rawdata = ""
        self.close()

    def parse_starttag(self, i: int) -> int:
        """As the base class does it, but for tags that are too long."""
        end = self.check_for_whole_start_tag(i)
        if end - i <= _TAG_CHARACTERS:
            return super().parse_starttag(i)
        name = _NAME.match(self.rawdata, i + 1)
        if name:
            self.handle_starttag(name[0].lower(), [])
        return end

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen and tag not in ("body", "table"):
            return
        self._unseen = tag if tag in _UNSEEN else ""
        if tag == "table":
            self._start_table()
        elif tag in _CELL_TAGS and self._open and not self._buried:
            self._start_in_table(self._open[-1], tag, dict(attrs))
        elif _BLOCK.fullmatch(tag):
            self._sink().pieces.append("\n")
        self._preformatted += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""
        elif tag == "table" and self._open:
            self._end_table()
        elif tag in _CELL_TAGS and self._open and not self._buried:
            self._open[-1].close_cell()
        elif _BLOCK.fullmatch(tag):
            self._sink().pieces.append("\n")
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._sink().pieces.append(data if self._preformatted else _BLANKS.sub(" ", data))

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Skip ``<![...]>``; the base class raises AssertionError at keywords that it does not know."""
        del report
        return self.rawdata.find(">", i) + 1 or -1

    def finish(self) -> Page:
        """What was read, with whatever was left open closed."""
        self._buried = 0
        while self._open:
            self._end_table()
        tables = tuple(table for table in self._tables if len(table.texts) > 1)
        return Page(tables=tables, lines=tuple(self._flow.lines()))

    def _sink(self) -> _Flow:
        return self._open[-1].sink() if self._open else self._flow

    def _start_table(self) -> None:
        if len(self._open) >= _MAX_LEVELS:
            self._buried += 1
            self._sink().pieces.append("\n")
            return
        self._open.append(_Open(Table()))
        self._tables.append(self._open[-1].table)

    def _start_in_table(self, current: _Open, tag: str, attributes: dict[str, str | None]) -> None:
        current.close_cell()
        if tag == "tr" or (tag in ("td", "th") and not current.table.rows):
            current.table.rows.append([])
        if tag in ("td", "th"):
            current.cell = _Flow()
            current.spans = (
                span(attributes.get("colspan"), of_rows=False),
                span(attributes.get("rowspan"), of_rows=True),
            )
        elif tag == "caption":
            current.caption = _Flow()

    def _end_table(self) -> None:
        if self._buried:
            self._buried -= 1
            return
        ended = self._open.pop()
        ended.close_cell()
        texts = ended.between.lines()
        if len(ended.table.texts) < 2:
            texts += [ended.table.caption, *ended.table.texts]
        self._sink().pieces.extend(("\n", "\n".join(texts), "\n"))
