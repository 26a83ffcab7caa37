"""The manufacturer's stock list: line breaks in headers, the warehouse once a group, sub-totals and a grand total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llm_convert.samples.weeks import Week
from llm_convert.samples.workbooks import AMOUNT, HEAD, LABEL, TITLE, merge, workbook_bytes

_COLUMNS = ("품번", "품명", "규격", "단위", "창고", "현재고", "단가\n(원)", "재고금액\n(원)")
_PARTS = {
    "본사창고": (
        ("AT-1001", "베어링", "6204ZZ", "EA"),
        ("AT-1002", "오링", "P-20", "EA"),
        ("AT-1003", "샤프트", "Ø12×240", "EA"),
        ("AT-1004", "구리스", "15kg", "통"),
    ),
    "1공장": (
        ("AT-2001", "하우징", "A형", "EA"),
        ("AT-2002", "커버", "A형", "EA"),
        ("AT-2003", "볼트", "M8×25", "BOX"),
    ),
    "외주창고": (
        ("AT-3001", "모터", "0.75kW", "EA"),
        ("AT-3002", "감속기", "1/30", "EA"),
        ("AT-3003", "센서", "NPN", "EA"),
    ),
}
_LATER = {"1공장": (("AT-2004", "와셔", "M8", "BOX"),), "외주창고": (("AT-3004", "케이블", "3m", "EA"),)}
_HEADER_ROW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part in one warehouse."""

    number: str
    name: str
    size: str
    unit: str
    quantity: int
    price: int

    @property
    def amount(self) -> int:
        """Won."""
        return self.quantity * self.price


def stock_list(week: Week) -> bytes:
    """The workbook of a week."""
    return workbook_bytes(lambda book: _fill(book, week), written_at=week.written_at)


def warehouses(week: Week) -> dict[str, list[Part]]:
    """The parts of each warehouse."""
    random = week.random("stock")
    return {
        name: [
            Part(
                number=number,
                name=part,
                size=size,
                unit=unit,
                quantity=random.randrange(20, 2_400),
                price=random.randrange(8, 900) * 50,
            )
            for number, part, size, unit in (*parts, *(_LATER.get(name, ()) if week.number >= 2 else ()))
        ]
        for name, parts in _PARTS.items()
    }


def _fill(book: Any, week: Week) -> None:
    head, title, label, amount = (book.add_format(style) for style in (HEAD, TITLE, LABEL, AMOUNT))
    sheet = book.add_worksheet("재고현황")
    sheet.set_column(0, 7, 13)
    merge(sheet, (0, 0, 0, 7), f"재고현황 ({week.monday:%Y-%m-%d} 기준)", title)
    sheet.write_row(_HEADER_ROW, 0, _COLUMNS, head)
    row, all_parts = _HEADER_ROW + 1, []
    for name, parts in warehouses(week).items():
        merge(sheet, (row, 4, row + len(parts), 4), name, label)
        for part in parts:
            sheet.write_row(row, 0, (part.number, part.name, part.size, part.unit), label)
            sheet.write_row(row, 5, (part.quantity, part.price, part.amount), amount)
            row += 1
        _write_total(sheet, row, "소계", parts, head, amount)
        all_parts += parts
        row += 1
    _write_total(sheet, row, "총계", all_parts, head, amount)


def _write_total(sheet: Any, row: int, label: str, parts: list[Part], head: Any, amount: Any) -> None:
    merge(sheet, (row, 0, row, 3), label, head)
    sheet.write(row, 5, sum(part.quantity for part in parts), amount)
    sheet.write(row, 7, sum(part.amount for part in parts), amount)
