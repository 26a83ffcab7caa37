"""The spa company's reservations: a row each, blank rows between branches, dates and amounts in several notations."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from llm_convert.samples.weeks import Week
from llm_convert.samples.workbooks import AMOUNT, HEAD, LABEL, TITLE, merge, workbook_bytes

_COLUMNS = ("예약번호", "예약일시", "고객구분", "프로그램", "지점", "금액(원)", "상태")
_PROGRAMS = {"아로마 전신 90분": 165_000, "스톤 테라피": 198_000, "페이셜 집중 케어": 121_000, "커플 패키지": 1_234_000}
_BRANCHES = {"본점": 5, "강남점": 4, "판교점": 3}
_HEADER_ROW = 3


def reservations(week: Week) -> bytes:
    """The workbook of a week."""
    return workbook_bytes(lambda book: _fill(book, week), written_at=week.written_at)


def records(week: Week) -> list[tuple[str, datetime, str, str, str, int, str]]:
    """The reservations in the order of the columns."""
    random = week.random("reservations")
    found: list[tuple[str, datetime, str, str, str, int, str]] = []
    for branch, count in _BRANCHES.items():
        for _ in range(count + week.number - 1):
            day = random.choice(week.days)
            at = datetime.combine(day, time(random.randrange(10, 20), random.choice((0, 30))))
            program = random.choice(list(_PROGRAMS))
            guests = random.randrange(1, 3)
            number = f"R{week.monday:%y%m%d}-{len(found) + 1:03d}"
            kind, state = (
                random.choice(("신규", "기존", "VIP")),
                random.choice(("예약확정", "방문완료", "방문완료", "노쇼")),
            )
            found.append((number, at, kind, program, branch, _PROGRAMS[program] * guests, state))
    return found


def _fill(book: Any, week: Week) -> None:
    head, title, label = book.add_format(HEAD), book.add_format(TITLE), book.add_format(LABEL)
    moment = book.add_format({**LABEL, "num_format": "yyyy-mm-dd hh:mm"})
    amount = book.add_format(AMOUNT)
    sheet = book.add_worksheet("예약현황")
    sheet.set_column(0, 6, 17)
    merge(sheet, (0, 0, 0, 6), f"예약 현황 - {week.label}", title)
    sheet.write(1, 0, f"출력일: {week.monday + timedelta(days=7):%Y-%m-%d}")
    sheet.write(1, 6, "담당: 예약팀")
    sheet.write_row(_HEADER_ROW, 0, _COLUMNS, head)
    row, branch, found = _HEADER_ROW + 1, "", records(week)
    for index, record in enumerate(found):
        row += bool(branch) and record[4] != branch  # A blank row parts the branches.
        branch = record[4]
        sheet.write_row(row, 0, record, label)
        _write_moment(sheet, row, index, record[1], moment)
        sheet.write(row, 5, _shown(index, record[5]), amount)
        row += 1
    merge(sheet, (row, 0, row, 4), "합계", head)
    sheet.write(row, 5, sum(record[5] for record in found), amount)


def _write_moment(sheet: Any, row: int, index: int, at: datetime, style: Any) -> None:
    """The same kind of moment in three notations, as three clerks type it."""
    if index % 3 == 0:
        sheet.write_datetime(row, 1, at, style)
    elif index % 3 == 1:
        sheet.write_string(row, 1, f"{at:%Y.%m.%d %H:%M}", style)
    else:
        half = "오전" if at.hour < 12 else "오후"
        sheet.write_string(row, 1, f"{at.year}년 {at.month}월 {at.day}일 {half} {at.hour % 12 or 12}:{at:%M}", style)


def _shown(index: int, amount: int) -> int | str:
    return (amount, f"₩{amount:,}", amount, f"{amount:,}원")[index % 4]
