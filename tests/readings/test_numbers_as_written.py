from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_convert.readings import ReadingError, find_numbers, parse_number

READ = {
    "1,234": "1234",
    "(1,234)": "-1234",
    "△1,234": "-1234",
    "▲ 1,234": "-1234",
    "-1,234": "-1234",
    "−1,234": "-1234",
    "1,234-": "-1234",
    "(△1,234)": "-1234",
    "12.5%": "0.125",
    "△12.5 %": "-0.125",
    "₩1,234": "1234",
    "￦1,234": "1234",
    "\\1,234": "1234",
    "(₩1,234)": "-1234",
    "₩(1,234)": "-1234",
    "-₩5": "-5",
    "1,234원": "1234",
    "$1,234.50": "1234.5",
    "US$ 1,234": "1234",
    "35건": "35",
    "1.2억": "120000000",
    "1.2 억원": "120000000",
    "3만 5천": "35000",
    "1억 2,345만": "123450000",
    "1억 2,345만 6,789원": "123456789",
    "5천만원": "50000000",
    "1천2백만": "12000000",
    "2천5백억": "250000000000",
    "3백만": "3000000",
    "1.2 million": "1200000",
    "５，０００": "5000",
    "1\u00a0234": "1234",
    "1\u2009234\u2009567": "1234567",
    "1e-07": "0.0000001",
    "12345678901234567890123456789012345": "12345678901234567890123456789012345",
}
REFUSED = [
    "",
    "  ",
    "-",
    "1,23",
    "1,234,56",
    "1 234",
    "1.2.3",
    "12-34",
    "1-2",
    "010-1234-5678",
    "01012345678",
    "02)1234-5678",
    "2025-11-07",
    "2025.11.07",
    "2025년",
    "14:00",
    "--5",
    "-(5)",
    "+(5)",
    "((5))",
    "(5",
    "5)",
    "5천 3만",
    "1억2억",
    "3만 50000",
    "①",
    "1²",
    "½",
    "٣",
    "W45",
    "12kg",
    "#REF!",
    "nan",
    "Infinity",
    "1_000",
    "9" * 100,
]


@pytest.mark.parametrize(("text", "value"), READ.items())
def test_people_write_numbers_like_this(text: str, value: str) -> None:
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ReadingError):
        parse_number(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("매출 1,234원, 비용 (567)", ["1234", "-567"]),
        ("본점  1,234  (567)  12.5%  △3", ["1234", "-567", "0.125", "-3"]),
        ("매출은 1억 2,345만원, 3만 5천 명", ["123450000", "35000"]),
        ("3-5명", ["3", "5"]),
        ("3.5-4.5", ["3.5", "4.5"]),
        ("값 - 5 와 -5", ["5", "-5"]),
        ("직원(35)", ["35"]),
        ("전화 02-1234-5678, 2025-11-07, 10:30:00", []),
        ("2025년 11월 7일", ["2025", "11", "7"]),
        ("W45 PO-123 Q3", []),
        ("USD1,234 and -$5", ["1234", "-5"]),
        ("1.2.3 and 1,234.", ["1234"]),
        ("1,23", []),
        ("5천 3만", ["5000", "30000"]),
        ("참가자 3만 5명", ["30000", "5"]),
        ("2 천안점 3", ["2", "3"]),
        ("", []),
    ],
)
def test_numbers_inside_prose(text: str, values: list[str]) -> None:
    assert find_numbers(text) == tuple(map(Decimal, values))


amounts = st.decimals(min_value=0, max_value=10**15, places=2, allow_nan=False)
NEGATIVES = ["-{}", "({})", "△{}", "▲ {}", "{}-", "−{}"]


@settings(max_examples=60)
@given(amount=amounts, template=st.sampled_from(["{}", *NEGATIVES]), mark=st.sampled_from(["{}", "₩{}", "{}원", "${}"]))
def test_a_number_written_with_separators_and_signs_reads_back(amount: Decimal, template: str, mark: str) -> None:
    text = template.format(mark.format(f"{amount:,}"))
    expected = amount if template == "{}" else -amount
    assert parse_number(text) == expected


@settings(max_examples=60)
@given(amount=amounts, thin=st.sampled_from("\u00a0\u2009\u202f"))
def test_thin_spaces_and_full_width_digits_read_back(amount: Decimal, thin: str) -> None:
    assert parse_number(f"{amount:,}".replace(",", thin)) == amount
    assert parse_number(f"{amount:,}".translate({ord("0") + i: 0xFF10 + i for i in range(10)})) == amount


@settings(max_examples=60)
@given(
    number=st.integers(min_value=1, max_value=10**16 - 1), blank=st.sampled_from(["", " "]), separators=st.booleans()
)
def test_korean_myriads_read_back(number: int, blank: str, separators: bool) -> None:
    parts, rest = [], number
    for power, name in ((12, "조"), (8, "억"), (4, "만"), (0, "")):
        group, rest = divmod(rest, 10**power)
        if group:
            parts.append(f"{group:,}{name}" if separators else f"{group}{name}")
    assert parse_number(blank.join(parts) + "원") == number


@settings(max_examples=60)
@given(values=st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=1, allow_nan=False), max_size=6))
def test_a_line_of_numbers_gives_each_in_order(values: list[Decimal]) -> None:
    shown = [f"({-v:,})" if v < 0 else f"{v:,}" for v in values]
    assert find_numbers("합계  " + "  ".join(shown)) == tuple(values)


numeric_noise = st.text(alphabet="0123456789.,-()△%₩원억만천백 \u00a0eE+/:월일A", max_size=40)


@settings(max_examples=200)
@given(text=st.text(max_size=40) | numeric_noise)
@example("1e999")
@example("1" * 64)
def test_nothing_but_a_reading_error_escapes(text: str) -> None:
    find_numbers(text)
    with contextlib.suppress(ReadingError):
        assert parse_number(text).is_finite()


@settings(max_examples=150)
@given(text=numeric_noise)
def test_what_parses_alone_holds_digits_and_is_found_in_prose(text: str) -> None:
    try:
        value = parse_number(text)
    except ReadingError:
        return
    assert any(c.isdigit() for c in text)
    if "e" not in text.lower():
        assert abs(value) in {abs(v) for v in find_numbers(text)}


def test_a_long_hostile_line_takes_no_long_time() -> None:
    find_numbers("1,234," * 5000 + "1만" * 3000 + "9" * 20000 + " 1" * 5000 + "1-" * 5000)
