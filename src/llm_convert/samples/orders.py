"""A customer's purchase order by mail: a table in the body, more parts in an attached workbook, a signature below."""

from __future__ import annotations

from datetime import date, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from llm_convert.samples.weeks import Week
from llm_convert.samples.workbooks import AMOUNT, HEAD, LABEL, workbook_bytes

_COLUMNS = ("품번", "품명", "수량", "단가", "납기")
_IN_BODY = (("AT-1001", "베어링 6204ZZ"), ("AT-1003", "샤프트 Ø12"), ("AT-2001", "하우징 A형"), ("AT-2002", "커버 A형"))
_ATTACHED = (("AT-3001", "모터 0.75kW"), ("AT-3002", "감속기 1/30"), ("AT-3003", "센서 NPN"))
_XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
_STYLE = "border:1px solid #999;padding:4px"

Order = tuple[str, str, int, int, date]


def purchase_order(week: Week) -> bytes:
    """The mail of a week, with CRLF line ends."""
    ordered = week.monday
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = f"[발주서] 대한상사 {ordered.month}월 {ordered.day}일자 발주 건"
    message["From"] = "대한상사 구매팀 <purchase@daehan.example>"
    message["To"] = "에이텍 영업팀 <sales@atec.example>"
    message["Date"] = format_datetime(
        week.written_at.replace(year=ordered.year, month=ordered.month, day=ordered.day, tzinfo=ZoneInfo("Asia/Seoul"))
    )
    message["Message-ID"] = f"<po-{ordered:%Y%m%d}@daehan.example>"
    body, attached = orders(week)
    message.set_content("안녕하세요, 대한상사 구매팀입니다.\n발주 내역은 본문 표와 첨부 파일을 확인 부탁드립니다.\n")
    message.add_alternative(_html(body, ordered), subtype="html")
    message.add_attachment(
        _workbook(attached, week), maintype=_XLSX[0], subtype=_XLSX[1], filename=f"추가발주_{ordered:%m%d}.xlsx"
    )
    for index, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"----=_part_{index}_{ordered:%Y%m%d}")
    return message.as_bytes()


def orders(week: Week) -> tuple[list[Order], list[Order]]:
    """The lines of the body and those of the attachment; the second week orders one part more."""
    random = week.random("orders")

    def line(number: str, name: str) -> Order:
        due = week.monday + timedelta(days=random.randrange(10, 28))
        return number, name, random.randrange(1, 60) * 10, random.randrange(20, 900) * 100, due

    more = (("AT-2004", "와셔 M8"),) if week.number >= 2 else ()
    return [line(*part) for part in (*_IN_BODY, *more)], [line(*part) for part in _ATTACHED]


def _html(lines: list[Order], ordered: date) -> str:
    head = "".join(f'<th style="{_STYLE}">{name}</th>' for name in _COLUMNS)
    rows = "".join(_html_row(index, line) for index, line in enumerate(lines))
    return (
        "<html><body><p>안녕하세요, 대한상사 구매팀입니다.</p>"
        f"<p>{ordered.year}년 {ordered.month}월 {ordered.day}일자로 아래와 같이 발주드립니다.<br>"
        "추가 품목은 첨부 파일에 있습니다.</p>"
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        "<p>감사합니다.</p><p>--<br>대한상사 구매팀<br>서울시 가상구 견본로 1<br>Tel. 02-000-0000</p></body></html>\n"
    )


def _html_row(index: int, line: Order) -> str:
    number, name, quantity, price, due = line
    shown = (f"{due:%Y-%m-%d}", f"{due:%Y.%m.%d}", f"{due.year}년 {due.month}월 {due.day}일")[index % 3]
    cells = (number, name, f"{quantity:,}", f"{price:,}원", shown)
    return "<tr>" + "".join(f'<td style="{_STYLE}">{cell}</td>' for cell in cells) + "</tr>"


def _workbook(lines: list[Order], week: Week) -> bytes:
    def fill(book: Any) -> None:
        head, label, amount = book.add_format(HEAD), book.add_format(LABEL), book.add_format(AMOUNT)
        day = book.add_format({**LABEL, "num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet("추가발주")
        sheet.write(0, 0, "추가 발주 내역")
        sheet.write_row(2, 0, _COLUMNS, head)
        for row, (number, name, quantity, price, due) in enumerate(lines, start=3):
            sheet.write_row(row, 0, (number, name), label)
            sheet.write_row(row, 2, (quantity, price), amount)
            sheet.write_datetime(row, 4, due, day)

    return workbook_bytes(fill, written_at=week.written_at)
