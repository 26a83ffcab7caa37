"""The manufacturer's production report, in English: lines and products down, days across, totals on both sides."""

from __future__ import annotations

from typing import Any

from llm_convert.samples.weeks import Week
from llm_convert.samples.workbooks import AMOUNT, HEAD, LABEL, TITLE, merge, workbook_bytes

_LINES = {
    "Line A": ("Gear motor GM-20", "Gear motor GM-40"),
    "Line B": ("Pump P-100", "Pump P-200", "Valve V-15"),
    "Line C": ("Sensor unit S-1",),
}
_LATER = {"Line C": ("Sensor unit S-2",)}
_HEADER_ROW = 3


def production_report(week: Week) -> bytes:
    """The workbook of a week."""
    return workbook_bytes(lambda book: _fill(book, week), written_at=week.written_at)


def quantities(week: Week) -> dict[str, dict[str, list[int | None]]]:
    """Pieces by line, product and day; None on the days that a product rests."""
    random = week.random("production")
    return {
        line: {product: _days(random) for product in (*products, *(_LATER.get(line, ()) if week.number >= 2 else ()))}
        for line, products in _LINES.items()
    }


def _days(random: Any) -> list[int | None]:
    workdays: list[int | None] = [random.randrange(80, 1_400) for _ in range(5)]
    return [*workdays, random.choice((None, random.randrange(40, 300))), None]


def _fill(book: Any, week: Week) -> None:
    head, title, label, amount = (book.add_format(style) for style in (HEAD, TITLE, LABEL, AMOUNT))
    date_head = book.add_format({**HEAD, "num_format": "ddd d-mmm"})
    sheet = book.add_worksheet(f"W{week.iso_week}")
    sheet.set_column(1, 1, 20)
    sheet.write(0, 0, f"Weekly Production Report - W{week.iso_week} / {week.monday.year}", title)
    sheet.write(1, 0, f"Plant 1, {week.monday.isoformat()} to {week.sunday.isoformat()}")
    sheet.write(1, 9, "(Unit: EA)")
    sheet.write_row(_HEADER_ROW, 0, ("Line", "Product"), head)
    for index, day in enumerate(week.days):
        sheet.write_datetime(_HEADER_ROW, 2 + index, day, date_head)
    sheet.write(_HEADER_ROW, 9, "Week Total", head)
    row, found = _HEADER_ROW + 1, quantities(week)
    for line, products in found.items():
        merge(sheet, (row, 0, row + len(products) - 1, 0), line, label)
        for product, days in products.items():
            sheet.write(row, 1, product, label)
            _write_days(sheet, row, days, amount)
            row += 1
    merge(sheet, (row, 0, row, 1), "Total", head)
    everything = [days for products in found.values() for days in products.values()]
    _write_days(sheet, row, [sum(day or 0 for day in column) for column in zip(*everything, strict=True)], amount)


def _write_days(sheet: Any, row: int, days: list[int | None], amount: Any) -> None:
    sheet.write_row(row, 2, [*days, sum(day or 0 for day in days)], amount)
