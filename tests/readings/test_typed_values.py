from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_convert.contracts.tables import FieldType
from llm_convert.readings import ReadingError, is_missing, read, same, scaled, text_of

T = FieldType


@pytest.mark.parametrize(
    ("value", "type", "expected"),
    [
        (3.0, T.INTEGER, 3),
        ("1,234", T.INTEGER, 1234),
        ("12.5%", T.NUMBER, 0.125),
        (7, T.NUMBER, 7.0),
        (-0.0, T.NUMBER, 0.0),
        (0.1, T.DECIMAL, "0.1"),
        (1234.5, T.DECIMAL, "1234.5"),
        ("△0.30", T.DECIMAL, "-0.3"),
        ("1,234.500", T.DECIMAL, "1234.5"),
        ("0.00", T.DECIMAL, "0"),
        (-0.0, T.DECIMAL, "0"),
        (1e22, T.DECIMAL, "10000000000000000000000"),
        (123456789012345678901234567890 // 10, T.DECIMAL, "12345678901234567890123456789"),
        ("2025. 11. 7.", T.DATE, "2025-11-07"),
        (date(2025, 11, 7), T.DATE, "2025-11-07"),
        (datetime(2025, 11, 7), T.DATE, "2025-11-07"),
        (20251107, T.DATE, "2025-11-07"),
        (20251107.0, T.DATE, "2025-11-07"),
        (date(2025, 11, 7), T.DATETIME, "2025-11-07T00:00:00"),
        ("2025-11-07 오후 2:00", T.DATETIME, "2025-11-07T14:00:00"),
        (datetime(2025, 11, 7, 13, 59, 59, 999_998), T.DATETIME, "2025-11-07T14:00:00"),
        (True, T.BOOLEAN, True),
        ("예", T.BOOLEAN, True),
        ("N", T.BOOLEAN, False),
        (0, T.BOOLEAN, False),
        (3.0, T.TEXT, "3"),
        (" 가 나 ", T.TEXT, "가 나"),
        (unicodedata.normalize("NFD", "강남점"), T.TEXT, "강남점"),
        (True, T.TEXT, "TRUE"),
        ("#REF!", T.TEXT, "#REF!"),
    ],
)
def test_a_value_in_its_canonical_form(value: Any, type: FieldType, expected: Any) -> None:
    found = read(value, type)
    assert found == expected
    assert type is not T.NUMBER or isinstance(found, float)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("value", "type"),
    [
        (3.5, T.INTEGER),
        (True, T.INTEGER),
        (True, T.DECIMAL),
        (2**63, T.INTEGER),
        ("1e999", T.INTEGER),
        ("1e999", T.NUMBER),
        (float("inf"), T.NUMBER),
        ("#REF!", T.DECIMAL),
        ("#DIV/0!", T.NUMBER),
        (0.123456789012, T.DECIMAL),
        (10**29, T.DECIMAL),
        ("1e-10", T.DECIMAL),
        (date(2025, 11, 7), T.NUMBER),
        (45968, T.DATE),
        (45968.0, T.DATETIME),
        (True, T.DATE),
        (20251340, T.DATE),
        (datetime(2025, 11, 7, 14), T.DATE),
        (datetime(2025, 11, 7, tzinfo=UTC), T.DATE),
        (datetime(2025, 11, 7, tzinfo=UTC), T.DATETIME),
        (time(14), T.DATETIME),
        (timedelta(hours=3), T.NUMBER),
        (2, T.BOOLEAN),
        ("maybe", T.BOOLEAN),
    ],
)
def test_what_is_not_of_the_type_is_refused_with_the_type_and_a_remedy(value: Any, type: FieldType) -> None:
    with pytest.raises(ReadingError) as caught:
        read(value, type)
    assert caught.value.type is type
    assert caught.value.remedy


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        "\u00a0",
        "-",
        "–",
        "—",
        "―",
        "--",
        "…",
        "...",
        "N/A",
        "n/a",
        "NA",
        "NaN",
        "#N/A",
        "해당없음",
        float("nan"),
    ],
)
def test_marks_of_a_missing_value(value: Any) -> None:
    assert is_missing(value)
    assert all(read(value, type) is None for type in FieldType)


@pytest.mark.parametrize("value", ["x", "없음", "0", 0, False, "#REF!", "#DIV/0!", "해당", "-1", "n"])
def test_what_is_not_surely_missing_stays(value: Any) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (3.0, "3"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (12, "12"),
        (True, "TRUE"),
        (date(2025, 11, 7), "2025-11-07"),
        (datetime(2025, 11, 7), "2025-11-07"),
        (datetime(2025, 11, 7, 14), "2025-11-07T14:00:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=26, minutes=5), "26:05:00"),
    ],
)
def test_one_way_to_show_a_value(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (0.1, 0.1, True),
        (10**20, 1e20, True),
        (1, "1", False),
        (1, True, False),
        (True, True, True),
        (None, None, True),
        (None, "", False),
        ("가  나", "가 나", True),
        (unicodedata.normalize("NFD", "강남점"), "강남점", True),
        ("a", "A", False),
        (2**53 + 1, float(2**53), False),
    ],
)
def test_when_two_values_are_the_same(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is equal
    assert same(b, a) is equal


cells = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.text(alphabet="0123456789.,-()△%₩원억만천 년월일:/YNOX", max_size=20)
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
)


@settings(max_examples=300)
@given(value=cells, type=st.sampled_from(FieldType))
@example(value="1E+5", type=T.DECIMAL)
@example(value=1e-7, type=T.TEXT)
@example(value="9999-12-31T23:59:59.999999", type=T.DATETIME)
@example(value=datetime.max, type=T.DATETIME)
def test_reading_is_idempotent_and_fails_only_by_its_own_error(value: Any, type: FieldType) -> None:
    try:
        once = read(value, type)
    except ReadingError:
        return
    twice = read(once, type)
    assert repr(twice) == repr(once)
    assert same(once, twice)


@settings(max_examples=100)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_stored_number_survives_its_text(value: float) -> None:
    assert read(text_of(value), T.NUMBER) == value


def test_an_error_does_not_carry_a_whole_paragraph() -> None:
    with pytest.raises(ReadingError) as caught:
        read("가" * 5000, T.DECIMAL)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("stored", "shown"), [(0.1 + 0.2, "0.3"), (1234.1 + 0.2, "1234.3"), (-0.30000000000000004, "-0.3")]
)
def test_the_noise_of_stored_sums_is_no_money(stored: float, shown: str) -> None:
    assert read(stored, FieldType.DECIMAL) == shown
    assert read(stored, FieldType.NUMBER) == stored


def test_a_rate_with_more_decimals_than_a_decimal_holds_is_refused() -> None:
    with pytest.raises(ReadingError, match="Declare the field as number"):
        read(0.123456789012, FieldType.DECIMAL)


def test_scaled_numbers() -> None:
    assert scaled("1,234.5", Decimal(1000), FieldType.DECIMAL) == "1234500"
    assert scaled(0.1 + 0.2, Decimal(1000), FieldType.DECIMAL) == "300"
    assert scaled(12, Decimal(1000), FieldType.INTEGER) == 12000
