"""What the lines above a table say about all of it: a unit, a year, and the values of ``title`` fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from llm_convert.contracts.document import CellValue, Sheet
from llm_convert.contracts.prompt import OutputField, folded
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.claims import Row, Stated
from llm_convert.layouts.grid import Cell, Grid
from llm_convert.layouts.headers import is_remark
from llm_convert.layouts.matching import canonical, names_of
from llm_convert.readings import ReadingError, find_dates, find_unit, is_missing, read

_CHUNKS = re.compile(r"\s+(?=[^\s:：\d]{1,12}\s*[:：](?!\d))")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_MADE_ON = re.compile(r"작성|출력|인쇄|보고일|발행|생성|수정|print|creat|updat", re.IGNORECASE)
_OF_PERIOD = re.compile(r"기간|기준|일자|날짜|주간|대상|period|date|week|range", re.IGNORECASE)
_DATES = frozenset({FieldType.DATE, FieldType.DATETIME})
_SHEET_NAMES = frozenset({"sheet", "sheetname", "시트", "시트명"})
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A statement of a title line: ``기준일: 2025-11-07``, a label cell and the cell beside it, or just a text."""

    label: str
    """What it says to be; empty for a plain text."""
    value: CellValue
    text: str
    address: str


def said_in(grid: Grid, rows: Iterable[int], also: Iterable[Cell] = ()) -> list[Said]:
    """The statements of some rows, top down, of some cells beside them, and at last the sheet's name."""
    found = [said for row in rows for said in _said_in_row(grid, grid.standing(row))]
    found += [said for cell in also for said in _said_in_row(grid, [cell])]
    if isinstance(grid.part, Sheet):
        found.append(Said(label="", value=grid.name, text=grid.name, address=f"{grid.name}!name"))
    return found


def _said_in_row(grid: Grid, cells: Sequence[Cell]) -> Iterator[Said]:
    left = ""
    for cell in cells:
        address = grid.address(cell)
        if not isinstance(cell.value, str):
            yield Said(label=left, value=cell.value, text=cell.text, address=address)
            left = ""
            continue
        for chunk in _CHUNKS.split(cell.text[:_LONGEST]):
            label, colon, value = chunk.replace("：", ":").partition(":")
            if colon and value.strip():
                yield Said(label=label.strip(), value=value.strip(), text=chunk, address=address)
                left = ""
            else:
                yield Said(label=left, value=chunk, text=chunk, address=address)
                left = label.strip()


def stated_unit(grid: Grid, rows: Iterable[int]) -> Stated | None:
    """The unit that is stated in the first of these rows that states any."""
    for row in rows:
        for cell in reversed(grid.standing(row)):
            unit = find_unit(cell.text) if isinstance(cell.value, str) and len(cell.text) <= _LONGEST else None
            if unit is not None:
                return Stated(address=grid.address(cell), unit=unit)
    return None


def remarked_unit(grid: Grid, rows: Iterable[int]) -> Stated | None:
    """As ``stated_unit``, but only from cells that state nothing else: among headers the others are headers."""
    for row in rows:
        for cell in reversed(grid.standing(row)):
            unit = find_unit(cell.text) if is_remark(cell) else None
            if unit is not None:
                return Stated(address=grid.address(cell), unit=unit)
    return None


def stated_year(said: Iterable[Said]) -> Stated | None:
    """The one year that title lines name; None when they name none or several."""
    years: dict[int, str] = {}
    for one in said:
        if not _MADE_ON.search(one.label):
            for year in _YEAR.findall(one.text):
                years.setdefault(int(year), one.address)
    return Stated(address=next(iter(years.values())), year=next(iter(years))) if len(years) == 1 else None


def title_claims(fields: Iterable[OutputField], said: Sequence[Said]) -> Row:
    """The values of title fields, as far as the lines say them."""
    fields = list(fields)
    claims = {field.name: claim for field in fields if (claim := _named(field, said)) is not None}
    claims |= _unnamed_dates([field for field in fields if field.type in _DATES and field.name not in claims], said)
    for field in fields:
        if field.name not in claims and field.type is FieldType.TEXT and (claim := _listed(field, said)) is not None:
            claims[field.name] = claim
    return claims


def _named(field: OutputField, said: Sequence[Said]) -> Claimed | None:
    """A value whose label is one of the field's names."""
    names = names_of(field)
    for one in said:
        if folded(one.label) not in names or is_missing(one.value):
            continue
        if field.type in _DATES:
            return next((_claimed(day, places) for day, places in _dates_of(one, stated_year(said))), None)
        try:
            value = read(one.value, field.type)
        except ReadingError:
            continue
        listed = canonical(str(value), field.values) if field.values else value
        return Claimed(value=listed or value, at=(one.address,))
    return None


def _unnamed_dates(fields: Sequence[OutputField], said: Sequence[Said]) -> Row:
    """Dates for fields that no label names: in order, and both ends of a range for two fields.

    A date whose label says something else, such as the day of printing, is none of them.
    """
    if not fields:
        return {}
    year = stated_year(said)
    found = [list(_dates_of(one, year)) for one in said if not one.label or _is_period(one.label)]
    dates = next((days for days in found if len(days) >= len(fields)), [day for days in found for day in days])
    return {field.name: _claimed(day, places) for field, (day, places) in zip(fields, dates, strict=False)}


def _is_period(label: str) -> bool:
    return _OF_PERIOD.search(label) is not None and _MADE_ON.search(label) is None


def _claimed(day: date, places: tuple[str, ...]) -> Claimed:
    return Claimed(value=day.isoformat(), at=places)


def _dates_of(said: Said, year: Stated | None) -> Iterator[tuple[date, tuple[str, ...]]]:
    """The days of a statement, each with the addresses that prove it."""
    if not isinstance(said.value, str | date):
        return
    own = _YEAR.findall(said.text)
    full = find_dates(said.text)
    if full:
        yield from ((day, (said.address,)) for day in full)
    elif len(set(own)) == 1:
        yield from ((day, (said.address, said.address)) for day in find_dates(said.text, year=int(own[0])))
    elif year is not None and year.year is not None:
        yield from ((day, (said.address, year.address)) for day in find_dates(said.text, year=year.year))


def _listed(field: OutputField, said: Sequence[Said]) -> Claimed | None:
    """A value of a closed list that stands in a title line, the longest first; or the sheet's name if asked for."""
    for value in sorted(field.values, key=len, reverse=True):
        for one in said:
            if not one.label and folded(value) and folded(value) in folded(one.text):
                return Claimed(value=value, at=(one.address,))
    if names_of(field) & _SHEET_NAMES and said and said[-1].address.endswith("!name"):
        return Claimed(value=said[-1].text, at=(said[-1].address,))
    return None
