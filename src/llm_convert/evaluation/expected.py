"""Expected rows as CSV: a header with the prompt's fields, a line a row, a blank where there is no value.

People open it in spreadsheet programs: a text that they would run as a formula begins with an apostrophe more.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.prompt import OutputSchema
from llm_convert.contracts.shown import inert
from llm_convert.contracts.work import Row
from llm_convert.errors import ConfigurationError, unknown_name
from llm_convert.readings import ReadingError, read, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRow:
    """A row that a document must give."""

    line: int
    """Where it stands in its file, from 1; the header is line 1."""
    values: dict[str, Scalar]
    """Canonical, by field."""


def rows_of(text: str, schema: OutputSchema, *, where: str) -> list[ExpectedRow]:
    """The rows of a CSV text; a value may be written in any way in which a document may write it.

    Args:
        where: what to call the text in an error.

    Raises:
        ConfigurationError: a column is missing or unknown, a line has another length, or a value is not of its type.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    _check_header(header, schema, where)
    rows = []
    line = reader.line_num + 1
    for cells in reader:
        if cells and len(cells) != len(header):
            raise ConfigurationError(
                f"{where} line {line} has {len(cells)} values, expected {len(header)}",
                remedy="Quote what holds a comma; leave a blank where there is no value.",
            )
        place = f"{where} line {line}"
        values = {name: _value(cell, name, schema, place) for name, cell in zip(header, cells, strict=False)}
        if values:
            rows.append(ExpectedRow(line=line, values=values))
        line = reader.line_num + 1
    return rows


def text_of_rows(rows: Sequence[Row], schema: OutputSchema) -> str:
    """Rows as the CSV that ``rows_of`` reads back."""
    names = [field.name for field in schema.fields]
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_text(row.values.get(name)) for name in names] for row in rows)
    return written.getvalue()


def _check_header(header: list[str], schema: OutputSchema, where: str) -> None:
    names = [field.name for field in schema.fields]
    for name in header:
        if name not in names:
            raise unknown_name("column", name, names, where=where)
    missing = [name for name in names if name not in header]
    if missing or len(header) != len(names):
        twice = sorted({name for name in header if header.count(name) > 1})
        said = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(twice)} twice"
        raise ConfigurationError(f"{where} {said}", remedy=f"Its first line must be: {','.join(names)}")


def _value(cell: str, name: str, schema: OutputSchema, where: str) -> Scalar:
    try:
        return read(_unshielded(cell), schema.field(name).type) if cell.strip() else None
    except ReadingError as error:
        raise ConfigurationError(f"{where}, {name}: {error.found}", remedy="Correct the expected value.") from None


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _shielded(text_of(value))


def _shielded(text: str) -> str:
    return f"'{text}" if _runs(text) else text


def _unshielded(text: str) -> str:
    return text[1:] if text.startswith("'") and _runs(text) else text


def _runs(text: str) -> bool:
    """Whether it is a formula behind any number of apostrophes: so that one can be added and taken away again."""
    bare = text.lstrip("'")
    return inert(bare) != bare
