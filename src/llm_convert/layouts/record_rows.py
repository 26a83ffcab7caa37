"""The rows below a header of records: which of them are records, and what stands in their fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_convert.contracts.prompt import OutputField, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.claims import NUMERIC, Row, claim
from llm_convert.layouts.found import Ambiguous
from llm_convert.layouts.grid import Cell, Kind
from llm_convert.layouts.headers import is_remark
from llm_convert.layouts.record_body import Body
from llm_convert.layouts.record_headers import same_header
from llm_convert.layouts.totals import Fate, closes_a_group
from llm_convert.readings import ReadingError, read


def read_rows(body: Body) -> Iterator[Row]:
    """The records, top down: totals that a check names among them, other totals and notes left out."""
    _take_heading_above(body)
    rows = list(_table_rows(body))
    last = next((row for row in reversed(rows) if not _is_bare(body, row)), -1)
    for row in rows:
        if _is_bare(body, row):
            if row < last:
                _take_heading(body, row)
            continue
        record = _record(body, row)
        if record is not None:
            yield record


def _table_rows(body: Body) -> Iterator[int]:
    """The filled rows that belong to the table. After a gap, a row that reads like another header ends it."""
    gap = False
    for row in range(body.block.bottom + 1, body.end):
        cells = _cells(body, row)
        if not cells:
            gap = True
            continue
        if same_header(body.grid, row, body.block):
            continue
        if gap and not _is_bare(body, row) and not _reads_like_a_record(body, row):
            return
        _refuse_unclear(body, row)
        yield row
        gap = False


def _refuse_unclear(body: Body, row: int) -> None:
    """Raise the question that a row of the table is, if it is one.

    Raises:
        Ambiguous: a line whose pieces don't line up, or what may be the header of another table without a gap.
    """
    if row in body.grid.unclear and len(body.grid.rows[row]) > 1:
        place = body.grid.address(body.grid.standing(row)[0])
        raise Ambiguous(f"{place} leaves some columns blank and its pieces don't line up: which ones?")
    typed = [cell for column in sorted(body.typed) if (cell := body.grid.cell(row, column)) is not None]
    cells = _cells(body, row)
    if len(typed) >= 2 and len(cells) >= 3 and all(cell.kind is Kind.TEXT for cell in cells):
        raise Ambiguous(f"is the line at {body.grid.address(cells[0])} the header of another table, or a record?")


def _cells(body: Body, row: int) -> list[Cell]:
    return body.grid.standing(row, body.left, body.mapping.right)


def _is_bare(body: Body, row: int) -> bool:
    """A row with one text and nothing else: a heading above records or a note below them."""
    if len(set(body.mapping.columns.values())) < 2:
        return False
    cells = _cells(body, row)
    seen = {body.grid.seen(row, column) for column in body.mapping.columns.values()} - {None}
    return len(cells) == 1 and cells[0].kind is Kind.TEXT and len(seen) <= 1


def _reads_like_a_record(body: Body, row: int) -> bool:
    """Whether some typed field can be read; where all are texts, whether half of them are filled."""
    typed = [f for f in body.fields if f.type is not FieldType.TEXT and f.name in body.mapping.columns]
    if typed:
        return any(_reads(body.grid.cell(row, body.mapping.columns[f.name]), f.type) for f in typed)
    filled = sum(body.grid.seen(row, column) is not None for column in body.mapping.columns.values())
    return 2 * filled >= len(body.mapping.columns)


def _reads(cell: Cell | None, type: FieldType) -> bool:
    try:
        return cell is not None and read(cell.value, type) is not None
    except ReadingError:
        return False


def _take_heading_above(body: Body) -> None:
    """A line directly over a header that is repeated names the part of the table below it."""
    above = body.block.top - 1
    wanted = body.heading_field
    cells = body.grid.standing(above) if above >= 0 else []
    if wanted is not None and len(cells) == 1 and not is_remark(cells[0]):
        claimed = claim(body.grid, cells[0], wanted)
        if claimed is not None and (body.repeated or claimed.value in wanted.values):
            body.sections[wanted.name] = claimed


def _take_heading(body: Body, row: int) -> None:
    wanted = body.heading_field
    cells = _cells(body, row)
    if wanted is None or not cells:
        return
    claimed = claim(body.grid, cells[0], wanted)
    if claimed is not None and not is_remark(cells[0]):
        body.sections[wanted.name] = claimed


def _record(body: Body, row: int) -> Row | None:
    labels = _labels(body, row)
    fate = body.rules.fate((cell.text for cell in labels), body.names)
    cells = _cells_of(body, row)
    record = dict(body.titles)
    for wanted in body.fields:
        cell = cells.get(wanted.name)
        claimed = None
        if cell is not None:
            claimed = claim(body.grid, cell, wanted, unit=body.units[wanted.name], year=body.year)
        if claimed is not None:
            record[wanted.name] = claimed
        if wanted.role is Role.SECTION:
            _carry(body, wanted, claimed, record)
    if any(closes_a_group(cell.text) for cell in labels):
        body.sections.clear()
    if fate is Fate.LEFT_OUT or not any(cell.row == row for cell in cells.values()):
        return None
    if fate is Fate.STATED_TOTAL:
        _name_total(body, labels, cells, record)
    return record


def _cells_of(body: Body, row: int) -> dict[str, Cell]:
    """The cells of a row by field. One merged over several columns is of the first of them alone."""
    found: dict[str, Cell] = {}
    columns = body.mapping.columns
    taken: dict[Cell, int] = {}
    for wanted in sorted(body.fields, key=lambda field: columns.get(field.name, -1)):
        cell = _cell_of(body, row, wanted)
        if cell is not None and taken.setdefault(cell, columns[wanted.name]) == columns[wanted.name]:
            found[wanted.name] = cell
    return found


def _labels(body: Body, row: int) -> list[Cell]:
    """The texts of a row that can say what it is: not those in columns of numbers and dates."""
    cells = (c for c in body.grid.seen_in(row, body.left, body.mapping.right) if isinstance(c.value, str))
    return [cell for cell in cells if cell.column not in body.typed or closes_a_group(cell.text)]


def _cell_of(body: Body, row: int, wanted: OutputField) -> Cell | None:
    """Where a field stands in a row. Labels are seen through merged ranges; a figure counts once, where it stands."""
    column = body.mapping.columns.get(wanted.name)
    if column is None:
        return None
    cell = body.grid.seen(row, column)
    label = wanted.role in {Role.LABEL, Role.SECTION} or wanted.type not in NUMERIC
    return cell if cell is None or label or cell.row == row else None


def _carry(body: Body, wanted: OutputField, claimed: Claimed | None, record: Row) -> None:
    """Blank means as above for a section."""
    if claimed is not None:
        body.sections[wanted.name] = claimed
    elif wanted.name in body.sections:
        record[wanted.name] = body.sections[wanted.name]


def _name_total(body: Body, labels: Sequence[Cell], cells: dict[str, Cell], record: Row) -> None:
    """Put a stated total's label into the field where its check looks for it, from wherever in the row it stands."""
    total, name = next((c, name) for c in labels if (name := body.rules.label_field(c.text, body.names)) is not None)
    for other in [other for other, cell in cells.items() if cell == total and other in record]:
        # The total's word under another header is no value of that field, unless the row is nothing without it.
        if other in body.rules.groups(name) or not _required(body, other):
            del record[other]
    record[name] = Claimed(value=total.text, at=(body.grid.address(total),))


def _required(body: Body, name: str) -> bool:
    return any(wanted.name == name and wanted.required for wanted in body.fields)
