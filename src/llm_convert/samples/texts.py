"""The spa company's plain files: tidy branch sales as CSV, and minutes that no mapping rule holds for."""

from __future__ import annotations

import csv
import io

from llm_convert.samples.weeks import Week

_GUESTS = {"본점": (38, 72), "강남점": (25, 55), "판교점": (12, 34)}


def branch_sales(week: Week) -> bytes:
    """Sales of each day and branch; cp949 as a cash register writes it, amounts quoted for their commas."""
    random = week.random("branch sales")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(("일자", "지점", "매출액", "객수", "객단가"))
    for index, day in enumerate(week.days):
        # A branch that opens in the second week, on its last two days.
        branches = {**_GUESTS, **({"분당점": (5, 15)} if week.number >= 2 and index >= 5 else {})}
        for branch, bounds in branches.items():
            guests, each = random.randrange(*bounds), random.randrange(95, 160) * 1_000
            writer.writerow((day.isoformat(), branch, f"{guests * each:,}", guests, f"{each:,}"))
    return buffer.getvalue().encode("cp949")


def minutes(week: Week) -> bytes:
    """Minutes of a meeting: prose, UTF-8."""
    lines = (
        f"{week.label} 주간 회의록",
        "",
        f"일시: {week.monday:%Y-%m-%d} 10:00",
        "장소: 본점 3층 회의실",
        "참석: 운영팀, 예약팀, 마케팅팀",
        "",
        "1. 지난주 실적을 공유하고 지점별 원인을 논의함.",
        "2. 연말 프로모션 구성안을 다음 회의까지 정리하기로 함.",
        "3. 예약 시스템 점검은 야간에 진행함.",
        "",
    )
    return "\r\n".join(lines).encode()
