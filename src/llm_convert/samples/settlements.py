"""The spa company's settlement with its partners: a PDF with one small table."""

from __future__ import annotations

import io

from llm_convert.errors import MissingExtraError
from llm_convert.samples.weeks import Week

_FONT = "HYSMyeongJo-Medium"
"""A Korean font that every PDF viewer substitutes: nothing is embedded, and the text can be read back."""
_ITEMS = {
    "온라인 예약 수수료": 12.5,
    "호텔 제휴 상품": 15,
    "기업 복지몰 판매": 8,
    "카드사 프로모션": 3.5,
    "여행사 패키지": 18,
    "백화점 입점 매장": 22,
    "모바일 상품권": 6.5,
}
_RIGHT_EDGES = (300, 420, 510)


def settlement(week: Week) -> bytes:
    """The PDF of a week. Raises MissingExtraError when reportlab is not installed."""
    try:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont
        from reportlab.pdfgen.canvas import Canvas
    except ImportError:
        raise MissingExtraError("reportlab", "samples") from None
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    buffer = io.BytesIO()
    # Invariant: no clock in the dates and the document's id.
    canvas = Canvas(buffer, pagesize=(595, 842), invariant=1)
    canvas.setTitle("제휴사 정산서")
    canvas.setFont(_FONT, 16)
    canvas.drawString(60, 780, "제휴사 정산서")
    canvas.setFont(_FONT, 10)
    canvas.drawString(60, 756, f"정산기간: {week.span}")
    for index, cells in enumerate((("항목", "건수", "금액(원)", "수수료율"), *_lines(week))):
        height = 716 - 22 * index
        canvas.drawString(60, height, cells[0])
        for edge, text in zip(_RIGHT_EDGES, cells[1:], strict=True):
            canvas.drawRightString(edge, height, text)
    canvas.drawString(60, 480, "※ 수수료율은 부가세 별도 기준이며, 정산금은 매월 말일에 지급됩니다.")
    canvas.save()
    return buffer.getvalue()


def _lines(week: Week) -> list[tuple[str, str, str, str]]:
    found = records(week)
    shown = [(item, f"{count:,}", f"{amount:,}", f"{rate:g}%") for item, count, amount, rate in found]
    return [*shown, ("합계", f"{sum(r[1] for r in found):,}", f"{sum(r[2] for r in found):,}", "")]


def records(week: Week) -> list[tuple[str, int, int, float]]:
    """Item, count, amount in won and fee rate in percent; the second week has one partner more."""
    random = week.random("settlement")
    items = list(_ITEMS.items())[: 5 + week.number]
    return [
        (item, count, count * random.randrange(30, 240) * 1_000, rate)
        for item, rate in items
        for count in (random.randrange(3, 60),)
    ]
