from __future__ import annotations

import csv
import email
import fnmatch
import io
from datetime import datetime, timedelta
from decimal import Decimal
from email import policy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msoffcrypto
import openpyxl
import pytest
from pypdf import PdfReader

from llm_convert.contracts.tables import FieldType
from llm_convert.errors import ConfigurationError
from llm_convert.readings import Unit, find_dates, find_unit, read
from llm_convert.samples import SAMPLES, WEEKS, write_samples

SPA, MANUFACTURER = "c8cd3500/shared_drive", "cf526000/shared_drive"


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drive")
    for week in WEEKS:
        write_samples(folder, week=week)
    return folder


def grid(path: Path, sheet: str | None = None) -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(path)
    return list((book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True))


def number(value: Any) -> int:
    return int(read(value, FieldType.INTEGER) or 0)  # type: ignore[arg-type]


def test_the_first_week_holds_every_sample_and_the_second_adds_its_own(tmp_path: Path) -> None:
    first = write_samples(tmp_path, week=1)
    second = write_samples(tmp_path, week=2)
    assert len(first) == len(SAMPLES) == 12
    assert len(second) == 8
    assert not set(first) & set(second)
    assert sorted(first + second) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert (tmp_path / SPA / "주간손익_2025년11월1주차.xlsx") in first
    assert (tmp_path / MANUFACTURER / "Production report W46.xlsx") in second


def test_there_are_no_other_weeks(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Give 1 or 2"):
        write_samples(tmp_path, week=3)


@pytest.mark.parametrize("week", WEEKS)
def test_the_same_call_writes_the_same_bytes_at_another_time(
    tmp_path: Path, week: int, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = datetime.now() + timedelta(days=400)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return later.astimezone(tz) if tz else later

    # Whoever asks the clock through these modules is told another time than the first call was.
    monkeypatch.setattr("time.time", lambda: later.timestamp())
    monkeypatch.setattr("msoffcrypto.method.container.ecma376_encrypted.datetime", Later)
    for path in write_samples(tmp_path, week=week):
        assert path.read_bytes() == (drive / path.relative_to(tmp_path)).read_bytes(), path.name


@pytest.mark.parametrize(("week", "items"), [(1, 7), (2, 9)])
def test_profit_and_loss_adds_up_in_both_directions(drive: Path, week: int, items: int) -> None:
    rows = grid(drive / SPA / f"주간손익_2025년11월{week}주차.xlsx")
    body = [row for row in rows[5:] if row[1]]
    assert len(body) == items + 2
    parts: list[tuple[Any, ...]] = []
    subtotals = []
    for row in body:
        for column in (11, 12):
            assert number(row[column]) == sum(number(row[branch]) for branch in (column - 9, column - 6, column - 3)), (
                row
            )
        if row[1] != "소계":
            parts.append(row)
            continue
        for column in (2, 3, 5, 6, 8, 9, 11, 12):
            assert number(row[column]) == sum(number(part[column]) for part in parts), row
        subtotals.append(row)
        parts = []
    profit = next(row for row in rows if row[0] == "영업이익")
    for column in (2, 3, 5, 6, 8, 9, 11, 12):
        assert number(profit[column]) == number(subtotals[0][column]) - number(subtotals[1][column])


@pytest.mark.parametrize("week", WEEKS)
def test_profit_and_loss_is_as_messy_as_it_should_be(drive: Path, week: int) -> None:
    path = drive / SPA / f"주간손익_2025년11월{week}주차.xlsx"
    book = openpyxl.load_workbook(path)
    assert [(s.title, s.sheet_state) for s in book] == [
        ("주간손익", "visible"),
        ("메모", "visible"),
        ("원가(비공개)", "hidden"),
    ]
    rows = grid(path)
    assert find_dates(rows[1][0]) == (WEEKS[week].monday, WEEKS[week].sunday)
    unit = find_unit(rows[1][12])
    assert unit == Unit(name="KRW", scale=Decimal(1000))
    merged = {str(area) for area in book["주간손익"].merged_cells.ranges}
    assert {"A4:B5", "C4:E4", "L4:N4"} <= merged
    texts = [cell for row in rows[5:] for cell in row[2:] if isinstance(cell, str)]
    assert texts.count("-") == 1
    assert any(text.startswith("(") for text in texts)
    assert any("," in text and not text.startswith("(") for text in texts)


@pytest.mark.parametrize(("week", "count"), [(1, 12), (2, 15)])
def test_reservations_add_up_and_every_date_can_be_read(drive: Path, week: int, count: int) -> None:
    rows = grid(drive / SPA / f"예약현황_11월{week}주차.xlsx")
    assert rows[3] == ("예약번호", "예약일시", "고객구분", "프로그램", "지점", "금액(원)", "상태")
    records = [row for row in rows[4:] if row[0] and row[0] != "합계"]
    assert len(records) == count
    assert sum(row == (None,) * 7 for row in rows[4:]) == 2
    assert rows[-1][0] == "합계"
    assert number(rows[-1][5]) == sum(number(row[5]) for row in records)
    assert any(isinstance(row[5], str) and row[5].startswith("₩") for row in records)
    assert len({"date" if isinstance(row[1], datetime) else "년" in row[1] for row in records}) == 3
    for row in records:
        moment = datetime.fromisoformat(str(read(row[1], FieldType.DATETIME)))
        assert WEEKS[week].monday <= moment.date() <= WEEKS[week].sunday


@pytest.mark.parametrize(("week", "day", "count"), [(1, "20251103", 21), (2, "20251110", 23)])
def test_branch_sales_are_tidy_cp949(drive: Path, week: int, day: str, count: int) -> None:
    data = (drive / SPA / f"지점매출_{day}.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        data.decode("utf-8")
    assert b'"' in data
    rows = list(csv.DictReader(io.StringIO(data.decode("cp949"))))
    assert list(rows[0]) == ["일자", "지점", "매출액", "객수", "객단가"]
    assert len(rows) == count
    assert all(number(row["매출액"]) == number(row["객수"]) * number(row["객단가"]) for row in rows)


@pytest.mark.parametrize(("week", "count"), [(1, 6), (2, 7)])
def test_the_settlement_can_be_read_back_as_columns(drive: Path, week: int, count: int) -> None:
    page = PdfReader(drive / SPA / f"제휴사_정산서_2025-11-{week}주.pdf").pages[0]
    lines = [line.strip() for line in page.extract_text(extraction_mode="layout").splitlines() if line.strip()]
    assert lines[0] == "제휴사 정산서"
    assert find_dates(lines[1]) == (WEEKS[week].monday, WEEKS[week].sunday)
    table = [[piece.strip() for piece in line.split("  ") if piece.strip()] for line in lines[2:-1]]
    assert table[0] == ["항목", "건수", "금액(원)", "수수료율"]
    items = table[1:-1]
    assert len(items) == count
    assert all(len(item) == 4 and item[3].endswith("%") for item in items)
    assert table[-1] == ["합계", f"{sum(number(i[1]) for i in items):,}", f"{sum(number(i[2]) for i in items):,}"]


@pytest.mark.parametrize(("week", "day", "count"), [(1, "20251103", 10), (2, "20251110", 12)])
def test_stock_adds_up_by_warehouse_and_over_all(drive: Path, week: int, day: str, count: int) -> None:
    path = drive / MANUFACTURER / f"재고현황_{day}.xlsx"
    rows = grid(path)
    assert find_dates(rows[0][0]) == (WEEKS[week].monday,)
    assert any("\n" in header for header in rows[2])
    parts, group = [], []
    for row in rows[3:]:
        if row[0] not in ("소계", "총계"):
            assert number(row[7]) == number(row[5]) * number(row[6])
            group.append(row)
            continue
        if row[0] == "소계":
            parts, summed, group = parts + group, group, []
        else:
            summed = parts
        assert [number(row[c]) for c in (5, 7)] == [sum(number(p[c]) for p in summed) for c in (5, 7)]
    assert len(parts) == count
    assert rows[-1][0] == "총계"
    assert [row[4] for row in rows[3:] if row[4]] == ["본사창고", "1공장", "외주창고"]


@pytest.mark.parametrize(("week", "products"), [(1, 6), (2, 7)])
def test_production_adds_up_in_both_directions(drive: Path, week: int, products: int) -> None:
    rows = grid(drive / MANUFACTURER / f"Production report W{44 + week}.xlsx")
    head, *body, total = rows[3:]
    assert [cell.date() for cell in head[2:9]] == list(WEEKS[week].days)
    assert head[9] == "Week Total"
    assert total[0] == "Total"
    assert len(body) == products
    assert find_unit(rows[1][9]) is not None
    for row in (*body, total):
        assert row[9] == sum(cell or 0 for cell in row[2:9])
    assert total[2:] == tuple(sum(row[c] or 0 for row in body) for c in range(2, 10))


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1].append(data)

    def handle_endtag(self, tag: str) -> None:
        self.inside = False


@pytest.mark.parametrize(("week", "day", "count"), [(1, "1103", 4), (2, "1110", 5)])
def test_the_order_is_a_mail_with_a_table_and_a_workbook(drive: Path, week: int, day: str, count: int) -> None:
    data = (drive / MANUFACTURER / f"발주서_대한상사_{day}.eml").read_bytes()
    assert b"=?utf-8?" in data
    assert b"\n" not in data.replace(b"\r\n", b"")
    message = email.message_from_bytes(data, policy=policy.default)
    assert message["Subject"].startswith("[발주서] 대한상사")
    html = message.get_body(("html",))
    assert html is not None
    cells = _Cells()
    cells.feed(html.get_content())
    head, *lines = cells.rows
    assert head == ["품번", "품명", "수량", "단가", "납기"]
    assert len(lines) == count
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == f"추가발주_{day}.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(attachment.get_content()))
    attached = list(book.worksheets[0].iter_rows(min_row=3, values_only=True))
    assert list(attached[0]) == head
    both = [*lines, *map(list, attached[1:])]
    assert len({line[0] for line in both}) == len(both) == count + 3
    for line in both:
        assert number(line[2]) > 0
        assert number(line[3]) > 0
        assert str(read(line[4], FieldType.DATE)) > WEEKS[week].monday.isoformat()


def test_each_spoilt_file_is_spoilt_in_its_own_way(drive: Path) -> None:
    def data(name: str) -> bytes:
        return (drive / SPA / name).read_bytes()

    assert data("예약현황_10월5주차.xlsx") == b""
    truncated = data("주간손익_2025년10월5주차_손상.xlsx")
    assert truncated.startswith(b"PK\x03\x04")
    assert b"PK\x05\x06" not in truncated
    locked = msoffcrypto.OfficeFile(io.BytesIO(data("제휴사_정산서_암호.xlsx")))
    assert locked.is_encrypted()
    assert not data("주간손익_원본.hwp").startswith((b"PK", b"\xd0\xcf\x11\xe0", b"%PDF"))


def test_the_locked_workbook_opens_with_its_password(drive: Path) -> None:
    from llm_convert.samples.spoilt import PASSWORD

    locked = msoffcrypto.OfficeFile(io.BytesIO((drive / SPA / "제휴사_정산서_암호.xlsx").read_bytes()))
    locked.load_key(password=PASSWORD)
    opened = io.BytesIO()
    locked.decrypt(opened)
    assert openpyxl.load_workbook(opened).sheetnames == ["예약현황"]


def test_the_minutes_match_no_other_sample(drive: Path) -> None:
    text = (drive / SPA / "회의록_11월1주.txt").read_text(encoding="utf-8")
    assert text.startswith("2025년 11월 1주차 주간 회의록")
    patterns = ["주간손익*", "예약현황*", "지점매출*", "제휴사_정산서*"]
    unmapped = [sample.file_name(WEEKS[1]) for sample in SAMPLES if sample.tenant == "c8cd3500" and not sample.file_id]
    assert unmapped == ["회의록_11월1주.txt"]
    assert not any(fnmatch.fnmatch(unmapped[0], pattern) for pattern in patterns)
