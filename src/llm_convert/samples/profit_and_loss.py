"""The spa company's weekly profit and loss: headers in two rows, merged sections, numbers as text, a hidden sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llm_convert.samples.weeks import Week
from llm_convert.samples.workbooks import AMOUNT, HEAD, LABEL, RATE, TITLE, merge, workbook_bytes

BRANCHES = ("본점", "강남점", "판교점")
_MEASURES = ("계획", "실적", "달성률")
_SECTIONS = {
    "매출": {"서비스 매출": (9_000, 28_000), "상품 매출": (1_200, 5_200), "회원권 매출": (2_000, 9_000)},
    "비용": {"인건비": (4_000, 9_500), "재료비": (900, 2_600), "임차료": (1_800, 4_200), "광고비": (300, 1_400)},
}
_LATER = {"매출": {"기프트카드 매출": (200, 900)}, "비용": {"소모품비": (100, 400)}}
"""Lines that begin with the second week."""
_AS_TEXT = {("상품 매출", "판교점"), ("임차료", "강남점"), ("회원권 매출", "판교점")}
_FIRST_ROW, _FIRST_COLUMN = 5, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An item's plan and actual of each branch, in thousand won; None where the cell holds a dash."""

    item: str
    amounts: tuple[tuple[int | None, int | None], ...]

    @property
    def columns(self) -> tuple[tuple[int | None, int | None], ...]:
        """The branches and their sum."""
        return (
            *self.amounts,
            (sum(plan or 0 for plan, _ in self.amounts), sum(actual or 0 for _, actual in self.amounts)),
        )


def profit_and_loss(week: Week) -> bytes:
    """The workbook of a week."""
    return workbook_bytes(lambda book: _fill(book, week), written_at=week.written_at)


def sections(week: Week) -> dict[str, list[Line]]:
    """The lines of each section, without sub-totals."""
    random = week.random("profit and loss")
    return {
        section: [Line(item=item, amounts=_amounts(random, item, bounds)) for item, bounds in _items(section, week)]
        for section in _SECTIONS
    }


def _items(section: str, week: Week) -> Iterator[tuple[str, tuple[int, int]]]:
    yield from _SECTIONS[section].items()
    if week.number >= 2:
        yield from _LATER[section].items()


def _amounts(random: Any, item: str, bounds: tuple[int, int]) -> tuple[tuple[int | None, int | None], ...]:
    found: list[tuple[int | None, int | None]] = []
    for branch in BRANCHES:
        plan = random.randrange(*bounds) // 10 * 10
        actual = plan * random.randrange(780, 1_190) // 1_000
        if (item, branch) == ("회원권 매출", "판교점"):
            actual = -random.randrange(400, 1_900)  # More was paid back than sold.
        found.append((None if (item, branch) == ("광고비", "판교점") else plan, actual))
    return tuple(found)


def _total(item: str, lines: list[Line]) -> Line:
    sums = [
        (sum(line.amounts[b][0] or 0 for line in lines), sum(line.amounts[b][1] or 0 for line in lines))
        for b in range(len(BRANCHES))
    ]
    return Line(item=item, amounts=tuple(sums))


def _fill(book: Any, week: Week) -> None:
    styles = {
        name: book.add_format(style)
        for name, style in {"head": HEAD, "title": TITLE, "label": LABEL, "amount": AMOUNT, "rate": RATE}.items()
    }
    sheet = book.add_worksheet("주간손익")
    _write_head(sheet, styles, week)
    row, subtotals = _FIRST_ROW, {}
    for section, lines in sections(week).items():
        subtotals[section] = _total("소계", lines)
        merge(sheet, (row, 0, row + len(lines), 0), section, styles["label"])
        for line in (*lines, subtotals[section]):
            sheet.write(row, 1, line.item, styles["label"])
            _write_line(sheet, styles, row, line)
            row += 1
    row = _write_profit(sheet, styles, row, subtotals)
    sheet.write(row + 1, 0, "※ 회원권 매출은 환불을 차감한 금액이며, 괄호는 음수를 뜻함. 본사 공통비는 제외함.")
    _write_notes(book, week)
    _write_hidden(book, week)


def _write_head(sheet: Any, styles: dict[str, Any], week: Week) -> None:
    last = _FIRST_COLUMN + 3 * (len(BRANCHES) + 1) - 1
    sheet.set_column(0, 1, 13)
    sheet.set_column(2, last, 10)
    merge(sheet, (0, 0, 0, last), "주간 손익 현황", styles["title"])
    merge(sheet, (1, 0, 1, 6), f"기준: {week.label} ({week.span})", None)
    merge(sheet, (1, last - 1, 1, last), "(단위: 천원)", None)
    merge(sheet, (3, 0, 4, 1), "구분", styles["head"])
    for index, branch in enumerate((*BRANCHES, "합계")):
        left = _FIRST_COLUMN + 3 * index
        merge(sheet, (3, left, 3, left + 2), branch, styles["head"])
        sheet.write_row(4, left, _MEASURES, styles["head"])


def _write_line(sheet: Any, styles: dict[str, Any], row: int, line: Line) -> None:
    for index, (plan, actual) in enumerate(line.columns):
        left = _FIRST_COLUMN + 3 * index
        as_text = index < len(BRANCHES) and (line.item, BRANCHES[index]) in _AS_TEXT
        sheet.write(row, left, _shown(plan, as_text=as_text), styles["amount"])
        sheet.write(row, left + 1, _shown(actual, as_text=as_text or (actual or 0) < 0), styles["amount"])
        if plan and plan > 0 and actual is not None:
            sheet.write(row, left + 2, round(actual / plan, 3), styles["rate"])


def _shown(amount: int | None, *, as_text: bool) -> int | str:
    if amount is None:
        return "-"
    if not as_text:
        return amount
    return f"({-amount:,})" if amount < 0 else f"{amount:,}"


def _write_profit(sheet: Any, styles: dict[str, Any], row: int, subtotals: dict[str, Line]) -> int:
    """The two lines that follow from the others; the next free row."""
    revenue, cost = subtotals["매출"], subtotals["비용"]
    pairs = zip(revenue.amounts, cost.amounts, strict=True)
    profit = Line(
        item="영업이익", amounts=tuple(((r[0] or 0) - (c[0] or 0), (r[1] or 0) - (c[1] or 0)) for r, c in pairs)
    )
    merge(sheet, (row, 0, row, 1), "영업이익", styles["label"])
    _write_line(sheet, styles, row, profit)
    merge(sheet, (row + 1, 0, row + 1, 1), "영업이익률", styles["label"])
    for index, (earned, sold) in enumerate(zip(profit.columns, revenue.columns, strict=True)):
        for measure in (0, 1):
            rate = round((earned[measure] or 0) / (sold[measure] or 1), 3)
            sheet.write(row + 1, _FIRST_COLUMN + 3 * index + measure, rate, styles["rate"])
    return row + 2


def _write_notes(book: Any, week: Week) -> None:
    sheet = book.add_worksheet("메모")
    lines = [
        f"{week.label} 특이사항",
        "- 판교점은 회원권 환불이 몰려 매출이 음수로 잡혔습니다. 다음 주에 정상화될 예정입니다.",
        "- 강남점 임차료는 계약 갱신 전 금액입니다.",
        "- 신규 프로그램 반응이 좋아 본점 예약이 꾸준히 늘고 있습니다.",
    ]
    sheet.write_column(0, 0, lines)


def _write_hidden(book: Any, week: Week) -> None:
    random = week.random("hidden cost sheet")
    sheet = book.add_worksheet("원가(비공개)")
    sheet.write_row(0, 0, ["품목", "매입원가", "마진율"])
    for row, item in enumerate(("아로마 오일", "마스크팩", "바디크림"), start=1):
        sheet.write_row(row, 0, [item, random.randrange(3_000, 30_000), round(random.uniform(0.3, 0.7), 3)])
    sheet.hide()
